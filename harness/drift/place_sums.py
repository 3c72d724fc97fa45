"""Sums of rows by place, on the host or on a card, where no sum depends on the order in which threads arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.devices import check_fits

WIDTH = 64  # values of a place that are added in one step; a power of two
BYTES_PER_LINE = 2200  # of 64 places, with their numbers, marks and values; the last line of a place is rarely full
BYTES_PER_ROW = 64  # order, places of the table and marks, values in two orders, and the buffers of a sort


def fetched(array: Any) -> NDArray[Any]:
    """Return an array of NumPy or CuPy as NumPy has it."""
    return np.asarray(array.get() if hasattr(array, "get") else array)


def sums_by_place(
    xp: Any, places: Any, weights: Sequence[Any | None], n_places: int, *, is_on_card: bool = False
) -> list[NDArray[np.float64]]:
    """Return the sum of each of the weights in every place, float64 [n_places], on the host; of None the rows.

    On a card rows are sorted by place, and `WIDTH` neighbours of a place added by halves, until each place has one value: always in the same
    order, which the atomics of a weighted count have not.

    Parameters
    ----------
    xp : the library of the arrays
    places : integer [n_rows], 0 .. n_places - 1
    weights : float64 [n_rows] each, or None
    is_on_card : whether the arrays are of a card; its own order of sums is for this alone

    Raises
    ------
    CardMemoryError
        64 bytes a row, and 2,200 a place with rows, are not free on the card.

    Examples
    --------
    >>> rows = np, np.array([2, 0, 2]), [None, np.array([0.5, 1.0, 4.0])], 3
    >>> [found.tolist() for found in sums_by_place(*rows)]
    [[1.0, 0.0, 2.0], [1.0, 0.0, 4.5]]
    """
    if not is_on_card:
        return _on_host(places, weights, n_places)
    check_fits("ordering rows by their cell", BYTES_PER_ROW * len(places) + BYTES_PER_LINE * min(n_places, len(places)))
    counts = xp.bincount(places, minlength=n_places)
    if len(places) == 0:
        return [np.zeros(n_places) for _ in weights]
    order, levels = xp.argsort(places, kind="stable"), _levels(xp, counts)
    return [fetched(counts).astype(np.float64) if own is None else fetched(_summed(xp, own[order], levels, n_places)) for own in weights]


def _on_host(places: NDArray[Any], weights: Sequence[NDArray[Any] | None], n_places: int) -> list[NDArray[np.float64]]:
    return [np.bincount(places, weights=own, minlength=n_places).astype(np.float64) for own in weights]


def _levels(xp: Any, counts: Any) -> list[tuple[Any, Any, Any]]:
    """Return, of each step, which values stand in a line of its table, which of these are there, and the place of the line."""
    levels = []
    while True:
        n_lines = (counts + (WIDTH - 1)) // WIDTH
        ends, line_ends = xp.cumsum(counts), xp.cumsum(n_lines)
        line = xp.arange(int(line_ends[-1]))
        place = xp.searchsorted(line_ends, line, side="right")
        first = (ends - counts)[place] + (line - (line_ends - n_lines)[place]) * WIDTH
        at = first[:, None] + xp.arange(WIDTH)
        levels.append((xp.minimum(at, int(ends[-1]) - 1), at < ends[place][:, None], place))
        if int(n_lines.max()) <= 1:
            return levels
        counts = n_lines


def _summed(xp: Any, values: Any, levels: list[tuple[Any, Any, Any]], n_places: int) -> Any:
    for at, is_there, _ in levels:
        values = _halved(xp.where(is_there, values[at], 0.0))
    found = xp.zeros(n_places)
    found[levels[-1][2]] = values
    return found


def _halved(table: Any) -> Any:
    while table.shape[1] > 1:
        half = table.shape[1] // 2
        table = table[:, :half] + table[:, half:]
    return table[:, 0]


def mean_of(xp: Any, values: Any, *, is_on_card: bool = False) -> float:
    """Return the mean of float64 [n], n at least 1; on a card of sums of neighbours, so that it is the same on every card.

    >>> mean_of(np, np.array([1.0, 2.0, 6.0]), is_on_card=True)
    3.0
    """
    if not is_on_card:
        return float(values.mean())
    n = len(values)
    while len(values) > 1:
        paired = values[: len(values) // 2 * 2]
        values = xp.concatenate([paired[0::2] + paired[1::2], values[len(paired) :]])
    return float(values[0]) / n
