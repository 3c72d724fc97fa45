"""The record of a cell that `cluster_tally` fills, the two rules that fill it (rows alone, and rows ordered by cluster), and their merge.

A record is float64: number of clusters, totals, the upper triangle of cross a line at a time; and, with clusters, the totals of the
cluster at hand and the link to the next cell that it has touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

END = 1.0  # of the list of cells that a cluster has touched; a cell says 0 while it is in no list, else the next cell + 2


def n_words(n_components: int) -> int:
    """Return how many words of a record are added up; the totals of the cluster at hand follow them.

    >>> n_words(2)
    6
    """
    return 1 + n_components + n_components * (n_components + 1) // 2


@register_jitable  # type: ignore[untyped-decorator]
def _line(a: int, n_components: int) -> int:
    """Return where (a, 0) of the triangle would stand in a record: (a, b) with a <= b stands b words further."""
    return 1 + n_components + ((a * (2 * n_components - a - 1)) >> 1)


@register_jitable  # type: ignore[untyped-decorator]
def _add_row(
    record: NDArray[np.float64], i: int, weight: float, categories: NDArray[np.int32], values: NDArray[np.float64], n_categories: int
) -> None:
    n_values = values.shape[1]
    n_components = n_categories + n_values
    square = weight * weight
    record[0] += 1.0
    for slot in range(categories.shape[1]):
        a = int(categories[i, slot])
        if a < 0:
            continue
        record[np.uintp(1 + a)] += weight
        line = _line(a, n_components)
        record[np.uintp(line + a)] += square
        for other in range(slot):
            b = int(categories[i, other])
            if b >= 0:  # two slots with one category: its total is 2 * weight, so both products stand on the diagonal
                record[np.uintp(_line(min(a, b), n_components) + max(a, b))] += square if a != b else 2.0 * square
        for value in range(n_values):
            record[np.uintp(line + n_categories + value)] += square * values[i, value]
    for value in range(n_values):
        record[np.uintp(1 + n_categories + value)] += weight * values[i, value]
        scaled = square * values[i, value]
        line = _line(n_categories + value, n_components) + n_categories
        for other in range(value, n_values):
            record[np.uintp(line + other)] += scaled * values[i, other]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_rows(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    rows: NDArray[np.intp],
    clusters: NDArray[np.int64],
    weights: NDArray[np.float64],
    categories: NDArray[np.int32],
    values: NDArray[np.float64],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    n_categories: int,
    records: NDArray[np.float64],
) -> None:
    """Add rows that are a cluster each; `clusters` is empty. Rows of a window are not in window 0 yet.

    Column after column, so that one column's records stay in cache.
    """
    for column in range(first_column, stop_column):
        for i in range(start, stop):
            row = rows[i]
            weight = weights[row] if weights.shape[0] > 0 else 1.0
            if weight > 0.0:
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = np.uintp(int(slice_ids[row, column]) * n_windows + window)
                _add_row(records[cell], i, weight, categories, values, n_categories)


@register_jitable  # type: ignore[untyped-decorator]
def _gather(
    records: NDArray[np.float64],
    cell: int,
    head: float,
    i: int,
    weight: float,
    categories: NDArray[np.int32],
    values: NDArray[np.float64],
    n_categories: int,
) -> float:
    """Add a row to its cluster's totals in a cell, and return the head of the list of cells that the cluster has touched."""
    record = records[np.uintp(cell)]
    n_values = values.shape[1]
    n_components = n_categories + n_values
    first = _line(n_components, n_components) + n_components
    for slot in range(categories.shape[1]):
        if categories[i, slot] >= 0:
            record[np.uintp(first + int(categories[i, slot]))] += weight
    for value in range(n_values):
        record[np.uintp(first + n_categories + value)] += weight * values[i, value]
    link = np.uintp(first + n_components)
    if record[link] != 0.0:
        return head
    record[link] = head
    return cell + 2.0


@register_jitable  # type: ignore[untyped-decorator]
def _flush(records: NDArray[np.float64], head: float, n_components: int) -> None:
    """Add the cluster's totals to every cell that it has touched, and leave them empty for the next cluster."""
    first = _line(n_components, n_components) + n_components
    while head != END:
        record = records[np.uintp(int(head) - 2)]
        record[0] += 1.0
        for a in range(n_components):
            total = record[np.uintp(first + a)]
            if total == 0.0:
                continue
            record[np.uintp(1 + a)] += total
            line = _line(a, n_components)
            for b in range(a, n_components):
                record[np.uintp(line + b)] += total * record[np.uintp(first + b)]
        for a in range(n_components):
            record[np.uintp(first + a)] = 0.0
        head = record[np.uintp(first + n_components)]
        record[np.uintp(first + n_components)] = 0.0


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_clusters(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    rows: NDArray[np.intp],
    clusters: NDArray[np.int64],
    weights: NDArray[np.float64],
    categories: NDArray[np.int32],
    values: NDArray[np.float64],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    n_categories: int,
    records: NDArray[np.float64],
) -> None:
    """Add rows ordered by cluster; no cluster reaches over `start` or `stop`. Rows of a window are in window 0 too."""
    for column in range(first_column, stop_column):
        head = END
        for i in range(start, stop):
            row = rows[i]
            weight = weights[row] if weights.shape[0] > 0 else 1.0
            if weight > 0.0:
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = int(slice_ids[row, column]) * n_windows
                head = _gather(records, cell, head, i, weight, categories, values, n_categories)
                if window > 0:
                    head = _gather(records, cell + window, head, i, weight, categories, values, n_categories)
            if i + 1 == stop or clusters[i + 1] != clusters[i]:
                _flush(records, head, n_categories + values.shape[1])
                head = END


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_words(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], n_words: int) -> None:
    """Merge the record of a cell's next piece into its total: the words that are added up."""
    for word in range(n_words):
        total[np.uintp(word)] += record[np.uintp(word)]
