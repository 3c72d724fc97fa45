"""The cells of one slice column, numbered from 0: those of whole slices, then those of their windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import Grid


@dataclass(frozen=True)
class ColumnCells:
    """One kind of cells of one slice column.

    Args:
        ids: int32 [n_rows], cell of each row, where the slices are; of kind 1 it means nothing where a row is in no window.
        at: int64 [n_own], the cells' numbers in the grid, on the host.
        kind: 0 for whole slices, 1 for windows of them.
    """

    ids: Any
    at: NDArray[np.int64]
    kind: int


def cells_of_column(xp: Any, slices: Any, window_ids: Any, grid: Grid) -> Iterator[ColumnCells]:
    """Yield the cells of a column over all windows, then those of its windows.

    Parameters
    ----------
    xp : the array library of both
    slices : uint16 or int32 [n_rows], at least one row: the column
    window_ids : int32 [n_rows], or None

    >>> ids, windows, two = np.array([4, 5, 4], np.int32), np.array([0, 1, 2], np.int32), ("a", "b")
    >>> whole, named = cells_of_column(np, ids, windows, Grid(two * 3, two * 3, ("all", "w1", "w2")))
    >>> whole.ids.tolist(), whole.at.tolist(), named.ids[1:].tolist(), named.at.tolist()
    ([0, 1, 0], [12, 15], [2, 1], [13, 14, 16, 17])
    """
    first, last = int(xp.min(slices)), int(xp.max(slices))
    own = xp.astype(slices, xp.int32) - first
    starts = np.arange(first, last + 1) * grid.n_windows
    yield ColumnCells(own, starts, 0)
    if window_ids is not None and grid.n_windows > 1:
        at = starts[:, None] + np.arange(1, grid.n_windows)
        yield ColumnCells(own * (grid.n_windows - 1) + xp.clip(window_ids - 1, 0, None), at.ravel(), 1)


def n_kinds(window_ids: Any, grid: Grid) -> int:
    """Return how many kinds of cells a column has."""
    return 2 if window_ids is not None and grid.n_windows > 1 else 1
