"""Counts by category and the moments of several values of each row, in every (slice, window), from one pass over the rows.

Contract
--------
values float64 [n_rows, n_values]; categories int32 [n_rows], 0..n_categories-1, -1 where the row is skipped; slice_ids and window_ids
as in `slice_tally`. NaN in a value makes the moments of its cells NaN. No rows: zeros. Ids outside the grid, or a category that is not
below n_categories: ValueError (CPU).
Agreement: counts *exact* for any row order, batches, threads and device. Moments: the same bits for any number of threads;
between batch splits, row orders and devices *close*, rtol 1e-9 (summation order).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.devices import is_on_cuda, merged_on_cuda
from kernels.moments import RowMoments, folded_windows, merge_shifted, merged_moments, moments_from_shifted
from kernels.rank_sum import ready_ids


@dataclass(frozen=True)
class ValueTally:
    """What `value_tally` leaves: counts int64 [n_cells, n_categories], and the moments of each value."""

    counts: NDArray[np.int64]
    moments: tuple[RowMoments, ...]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_values(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    values: NDArray[np.float64],
    categories: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    records: NDArray[np.float64],
) -> None:
    # the float64 record of a cell: whether it has a row, then first value, sum and sum of squares of every value, then the counters
    n_values = values.shape[1]
    for row in range(start, stop):
        category = int(categories[row])
        if category < 0:
            continue
        window = int(window_ids[row]) if n_windows > 1 else 0
        counter = np.uintp(1 + 3 * n_values + category)
        for column in range(first_column, stop_column):
            record = records[np.uintp(int(slice_ids[row, column]) * n_windows + window)]
            is_first = record[0] == 0.0
            record[0] = 1.0
            for value in range(n_values):
                at = np.uintp(1 + value)
                if is_first:
                    record[at] = values[row, value]
                difference = values[row, value] - record[at]
                record[at + np.uintp(n_values)] += difference
                record[at + np.uintp(2 * n_values)] += difference * difference
            record[counter] += 1.0


def _filled_records(arguments: tuple[Any, ...], n_cells: int, n_words: int, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the records of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    slice_ids = arguments[2]
    n_rows, n_columns = (int(size) for size in slice_ids.shape)
    if is_on_cuda(slice_ids):
        starts = starts_of_pieces(n_rows, cuda_chunk_rows(n_cells, n_columns, n_words))
        none, n_values = np.zeros((n_cells, n_words)), int(arguments[0].shape[1])
        layout = (1, n_values, 1 + 3 * n_values, n_words - 1 - 3 * n_values)
        yield merged_on_cuda(_add_values, merge_shifted, starts, (0, n_columns), arguments, none, none.copy(), layout)
        return
    starts = starts_of_pieces(n_rows, tally_chunk_rows(n_cells))

    def fill(chunk: int) -> NDArray[np.float64]:
        records = np.zeros((n_cells, n_words))
        _add_values(starts[chunk], starts[chunk + 1], 0, slice_ids.shape[1], *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _tally_of_records(records: NDArray[np.float64], n_values: int) -> ValueTally:
    counts = records[:, 1 + 3 * n_values :].astype(np.int64)
    n = counts.sum(axis=1)
    first, total, square = (records[:, 1 + k * n_values : 1 + (k + 1) * n_values] for k in range(3))
    return ValueTally(counts, tuple(moments_from_shifted(n, first[:, v], total[:, v], square[:, v]) for v in range(n_values)))


def empty(n_cells: int, n_categories: int, n_values: int) -> ValueTally:
    """Return the tally of no rows, which is neutral in `merge`."""
    return _tally_of_records(np.zeros((n_cells, 1 + 3 * n_values + n_categories)), n_values)


def merge(a: ValueTally, b: ValueTally) -> ValueTally:
    """Return the tally of the rows of `a` and of `b` together; counts in any order, floats in the order of the call."""
    return ValueTally(a.counts + b.counts, tuple(merged_moments(x, y) for x, y in zip(a.moments, b.moments, strict=True)))


def with_all_windows(counts: NDArray[np.int64], n_windows: int) -> NDArray[np.int64]:
    """Add the counts of every window of a slice to its window 0, which held the rows in no window; in place."""
    if n_windows > 1:
        by_window = counts.reshape(-1, n_windows, *counts.shape[1:])
        by_window[:, 0] = by_window.sum(axis=1)
    return counts


def value_tally(
    values: Any,
    categories: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    n_categories: int,
    *,
    n_threads: int | None = None,
) -> ValueTally:
    """Count the rows of every category and take the moments of every value, in every (slice, window).

    Parameters
    ----------
    values : float64 [n_rows, n_values], NumPy or CUDA
    categories : int32 [n_rows], NumPy or CUDA; -1 where the row is skipped
    slice_ids, window_ids : as in `slice_tally`, NumPy or CUDA
    n_slices, n_windows : the grid; window 0 stands for all windows and holds every row
    n_categories : how many categories there are
    n_threads : None for every core; the result has the same bits for any number

    Raises
    ------
    ValueError
        An id is outside the grid, or a category is not below `n_categories`.

    Examples
    --------
    >>> values, ids = np.array([[1.0], [3.0], [9.0]]), np.zeros((3, 1), np.uint16)
    >>> tally = value_tally(values, np.array([0, 1, -1], np.int32), ids, None, 1, 1, 2)
    >>> tally.counts.tolist(), float(tally.moments[0].mean[0]), float(tally.moments[0].m2[0])
    ([[1, 1]], 2.0, 2.0)
    """
    if not is_on_cuda(categories):
        if categories.size and int(categories.max()) >= n_categories:
            raise ValueError(f"categories reach {int(categories.max())}; wanted below n_categories, {n_categories}")
        categories = np.ascontiguousarray(categories)
    values = values if is_on_cuda(values) else np.ascontiguousarray(values)
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    n_cells, n_values = n_slices * n_windows, int(values.shape[1])
    arguments = (values, categories, slice_ids, window_ids, n_windows)
    tally = empty(n_cells, n_categories, n_values)
    for records in _filled_records(arguments, n_cells, 1 + 3 * n_values + n_categories, thread_count(n_threads)):
        tally = merge(tally, _tally_of_records(records, n_values))
    return ValueTally(with_all_windows(tally.counts, n_windows), tuple(folded_windows(m, n_windows) for m in tally.moments))
