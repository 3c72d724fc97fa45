"""Histogram of the scores of either class in every (slice, window), filled batch by batch.

Contract
--------
scores float32 [n_rows] in [0, 1]; labels int8 [n_rows], 1 positive, 0 negative; slice_ids uint16 or int32 [n_rows, n_columns], global
numbers, no slice in two columns; window_ids int32 [n_rows], 0 for no window, or None. A row with another label, a NaN score or a score
outside [0, 1] is skipped. No rows: nothing is added. Bins are [b / n_bins, (b + 1) / n_bins) with 1.0 in the last; n_bins is a power of
two, so that the product with a score is exact. Threads share the columns, and one table: no cell belongs to two columns. On a card as in
`cuda_counts.py`: a column whose cells fit into 48 KiB is counted in shared memory.
Agreement: *exact* for any row order, batches, threads and device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.devices import is_on_cuda
from kernels.inputs import Rows, check_rows

if TYPE_CHECKING:
    from kernels.cuda_counts import RunningCounts

MAX_BINS, MIN_BINS = 2048, 256
MAX_TABLE_BYTES = 2**29


@register_jitable  # type: ignore[untyped-decorator]
def _word_of(score: float, label: int, n_bins: int) -> int:
    """Return which of the 2 * n_bins words of a cell a row counts in, or -1 where it is skipped."""
    if (label != 0 and label != 1) or not (score >= 0.0 and score <= 1.0):
        return -1
    return 2 * min(int(score * n_bins), n_bins - 1) + label


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _slot(
    row: int,
    column: int,
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    n_bins: int,
) -> int:
    """Return the word of the flat table that a row counts in, as `count_on_cuda` asks for it."""
    word = _word_of(np.float64(scores[row]), int(labels[row]), n_bins)
    window = int(window_ids[row]) if n_windows > 1 else 0
    slot: int = word if word < 0 else (int(slice_ids[row, column]) * n_windows + window) * (2 * n_bins) + word
    return slot


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _count(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    table: NDArray[np.int64],
) -> None:
    n_bins = table.shape[1]
    for row in range(start, stop):
        word = _word_of(np.float64(scores[row]), int(labels[row]), n_bins)
        if word < 0:
            continue
        window = int(window_ids[row]) if n_windows > 1 else 0
        score_bin, label = np.uintp(word >> 1), np.uintp(word & 1)
        for column in range(first_column, stop_column):
            table[np.uintp(int(slice_ids[row, column]) * n_windows + window), score_bin, label] += 1


def n_bins_within(n_cells: int, n_bins: int = MAX_BINS, max_bytes: int = MAX_TABLE_BYTES) -> int:
    """Return the largest power of two, at most `n_bins`, with which the table of all cells stays within `max_bytes`.

    Raises
    ------
    ValueError
        Even 256 bins take more, or fewer than 256 were asked for.

    >>> n_bins_within(1_279), n_bins_within(100_000)
    (2048, 256)
    """
    if n_bins < MIN_BINS:
        raise ValueError(f"{n_bins} bins of the score; wanted at least {MIN_BINS}, for a bound that says something")
    fits = 1 << (n_bins.bit_length() - 1)
    while fits > MIN_BINS and n_cells * fits * 16 > max_bytes:
        fits //= 2
    if n_cells * fits * 16 > max_bytes:
        raise ValueError(
            f"binned AUC of {n_cells:,} slices times windows takes {n_cells * fits * 16 / 2**20:,.0f} MiB with {fits} bins; "
            f"wanted at most {max_bytes / 2**20:,.0f} MiB: leave out a cross or the windows, or judge few enough rows for exact ranks"
        )
    return fits


def empty(n_cells: int, n_bins: int) -> NDArray[np.int64]:
    """Return the table of no rows, int64 [n_cells, n_bins, 2]; n_bins must be a power of two."""
    if n_bins < 1 or n_bins & (n_bins - 1):
        raise ValueError(f"{n_bins} bins of the score; wanted a power of two, so that bins are exact")
    return np.zeros((n_cells, n_bins, 2), np.int64)


def add_scores(
    table: NDArray[np.int64],
    scores: Any,
    labels: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    *,
    n_threads: int | None = None,
) -> None:
    """Count the rows of a batch into the table, in place.

    A row that is in a window is counted in the cell of that window only: the cell of window 0 holds the rows in no window, until
    `folded` adds the others.

    Parameters
    ----------
    table : int64 [n_cells, n_bins, 2] by cell, bin and label, of `empty`; always NumPy
    scores : float32 [n_rows], NumPy or CUDA, in [0, 1]
    labels : int8 [n_rows]; 1 positive, 0 negative, else the row is skipped
    slice_ids : uint16 or int32 [n_rows, n_columns]
    window_ids : int32 [n_rows], or None where n_windows is 1
    n_slices, n_windows : the grid
    n_threads : None for every core

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape or an id is not as above.

    >>> table = empty(1, 4)
    >>> ids = np.zeros((3, 1), np.uint16)
    >>> add_scores(table, np.array([0.2, 0.3, 1.0], np.float32), np.array([0, 1, 1], np.int8), ids, None, 1, 1)
    >>> table[0].tolist()
    [[1, 0], [0, 1], [0, 0], [0, 1]]
    """
    rows = _checked(table, scores, labels, slice_ids, window_ids, n_slices, n_windows)
    if is_on_cuda(rows.scores):
        if rows.n_rows:
            running = _count_on_cuda(table, rows, n_windows, None)
            running.add(rows.n_rows)
            table[:] = running.finish()
        return
    n_parts = min(thread_count(n_threads), rows.n_columns)
    arguments = (rows.scores, rows.labels, rows.slice_ids, rows.window_ids, n_windows)

    def fill(part: int) -> None:
        columns = rows.n_columns * part // n_parts, rows.n_columns * (part + 1) // n_parts
        _count(0, rows.n_rows, *columns, *arguments, table)

    for _ in run_in_order(fill, n_parts, n_parts):
        pass


def _checked(table: NDArray[np.int64], *rows_and_grid: Any) -> Rows:
    rows, (n_slices, n_windows) = check_rows(*rows_and_grid), rows_and_grid[-2:]
    if table.shape[0] != n_slices * n_windows:
        raise ValueError(f"the table has {table.shape[0]} cells; wanted {n_slices} slices times {n_windows} windows")
    return rows


def _count_on_cuda(table: NDArray[np.int64], rows: Rows, n_windows: int, stream: int | None) -> RunningCounts:
    from kernels.cuda_counts import RunningCounts
    from kernels.device_sort import column_spans

    n_bins = table.shape[1]
    spans = column_spans(rows.slice_ids) * (2 * n_bins * n_windows)
    arguments = (rows.scores, rows.labels, rows.slice_ids, rows.window_ids, n_windows, n_bins)
    return RunningCounts(_slot, rows.n_rows, spans, arguments, table, stream)


class RunningHistogram:
    """`add_scores` of scores that are still being made on a card: rows are counted as their scores become complete.

    Parameters
    ----------
    table, scores, labels, slice_ids, window_ids, n_slices, n_windows :
        as in `add_scores`, all but the table on a card, at least one row; scores need not be made yet
    stream : address of the stream on which rows are counted; the caller orders it behind the scores
    """

    def __init__(
        self,
        table: NDArray[np.int64],
        scores: Any,
        labels: Any,
        slice_ids: Any,
        window_ids: Any,
        n_slices: int,
        n_windows: int,
        stream: int,
    ) -> None:
        rows = _checked(table, scores, labels, slice_ids, window_ids, n_slices, n_windows)
        self._counts = _count_on_cuda(table, rows, n_windows, stream)

    def add(self, stop_row: int) -> None:
        """Launch what became complete: the scores of all rows below `stop_row` have gone before on the stream."""
        self._counts.add(stop_row)

    def finish(self) -> NDArray[np.int64]:
        """Wait, and return the table with all rows, int64 [n_cells, n_bins, 2]; ValueError where rows are missing."""
        return self._counts.finish()


def folded(table: NDArray[np.int64], n_windows: int) -> NDArray[np.int64]:
    """Return a copy in which window 0 of every slice holds all rows of the slice.

    >>> folded(np.array([[[1, 0]], [[2, 3]]]), 2).tolist()
    [[[3, 3]], [[2, 3]]]
    """
    by_window = table.reshape(-1, n_windows, *table.shape[1:]).copy()
    by_window[:, 0] = by_window.sum(axis=1)
    return by_window.reshape(table.shape)
