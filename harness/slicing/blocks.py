"""Rows in blocks, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from numpy.typing import NDArray

BLOCK_ROWS = 1 << 20


class RowArray(Protocol):
    """An array that is appended to row block by row block and lies in a file."""

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows, [n] or [n, width]."""

    def mapped(self) -> NDArray[Any]:
        """Return what was appended, mapped for changes in place."""

    def finish(self) -> None:
        """Give the file its final form."""

    def discard(self) -> None:
        """Remove the file."""


NewArray = Callable[[str, Any, int | None], RowArray]  # name, dtype, width (None: one value a row)


def blocks(n_rows: int) -> Iterator[slice]:
    """Yield the slices that cut rows into blocks.

    Examples
    --------
    >>> [(b.start, b.stop) for b in blocks((1 << 20) + 5)]
    [(0, 1048576), (1048576, 1048581)]
    """
    for start in range(0, n_rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, n_rows))
