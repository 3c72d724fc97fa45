"""Counts, calibration bins and loss moments of every (slice, window), from one pass over the rows.

Contract
--------
scores float32 [n_rows] in [0, 1]; labels int8 [n_rows], 1 positive, 0 negative; slice_ids uint16 or int32 [n_rows, n_columns],
global numbers, so that two columns never share a slice; window_ids int32 [n_rows], 1..n_windows-1, 0 where the row is in no window.
A row with another label, a NaN score or a score outside [0, 1] is skipped. No rows: zeros. Ids outside the grid: ValueError (CPU).
Agreement: counts *exact* for any row order, batches, threads and device. Float sums: the same bits for any number of threads;
between batch splits, row orders and devices *close*, rtol 1e-9 (summation order, and the last bit of log).
On a card rows may be counted while later scores are still being made (`RunningSliceTally`): the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.devices import RunningMerge, is_on_cuda
from kernels.inputs import Rows, check_rows
from kernels.moments import RowMoments, folded_windows, merge_shifted, merged_moments, moments_from_shifted
from kernels.row_losses import N_BINS, bin_of, log_loss_of, squared_error_of

# The float64 record of a cell: first value, sum and sum of squares of both losses, the scores by bin, then the counters
# [predicted, bin, label], of which one increment serves n, confusion and calibration. A chunk's counts are exact in float64.
FIRST_COUNTER = 6 + N_BINS
N_RECORD = 88  # 81 words, padded to whole cache lines
NO_ROW_YET = -1.0  # in place of the first value; a loss is never negative


@dataclass(frozen=True)
class SliceTally:
    """What `slice_tally` leaves; the first axis is the cell, slice * n_windows + window.

    counts int64 [n_cells, 2, 2] by label and prediction; bin_n, bin_positive int64 [n_cells, 15]; bin_score float64
    [n_cells, 15]; log_loss and squared_error are moments of the rows.
    """

    counts: NDArray[np.int64]
    bin_n: NDArray[np.int64]
    bin_positive: NDArray[np.int64]
    bin_score: NDArray[np.float64]
    log_loss: RowMoments
    squared_error: RowMoments


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_rows(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    threshold: float,
    records: NDArray[np.float64],
) -> None:
    for row in range(start, stop):
        label = int(labels[row])
        score = np.float64(scores[row])  # float() would stay float32 in compiled code
        if (label != 0 and label != 1) or not (score >= 0.0 and score <= 1.0):
            continue
        window = int(window_ids[row]) if n_windows > 1 else 0
        log_loss = log_loss_of(score, label)
        squared_error = squared_error_of(score, label)
        score_bin = bin_of(score)
        by_bin = np.uintp(6 + score_bin)
        counter = np.uintp(FIRST_COUNTER + 2 * (score_bin + (N_BINS if score >= threshold else 0)) + label)
        for column in range(first_column, stop_column):
            record = records[np.uintp(int(slice_ids[row, column]) * n_windows + window)]
            if record[0] < 0.0:  # NO_ROW_YET
                record[0] = log_loss
                record[1] = squared_error
            log_loss_d = log_loss - record[0]
            squared_error_d = squared_error - record[1]
            record[2] += log_loss_d
            record[3] += squared_error_d
            record[4] += log_loss_d * log_loss_d
            record[5] += squared_error_d * squared_error_d
            record[by_bin] += score
            record[counter] += 1.0


def _empty_records(n_cells: int) -> NDArray[np.float64]:
    records = np.zeros((n_cells, N_RECORD))
    records[:, :2] = NO_ROW_YET
    return records


def _merge_on_cuda(rows: Rows, n_cells: int, n_windows: int, threshold: float, stream: int | None) -> RunningMerge:
    starts = starts_of_pieces(rows.n_rows, cuda_chunk_rows(n_cells))
    layout = (0, 2, FIRST_COUNTER, 4 * N_BINS)
    records = _empty_records(n_cells), np.zeros((n_cells, N_RECORD))
    arguments = _arguments(rows, n_windows, threshold)
    return RunningMerge(_add_rows, merge_shifted, starts, (0, rows.n_columns), arguments, *records, layout, stream)


def _arguments(rows: Rows, n_windows: int, threshold: float) -> tuple[Any, ...]:
    return rows.scores, rows.labels, rows.slice_ids, rows.window_ids, n_windows, float(np.float32(threshold))


def _filled_records(rows: Rows, n_cells: int, n_windows: int, threshold: float, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the records of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    if is_on_cuda(rows.scores):
        running = _merge_on_cuda(rows, n_cells, n_windows, threshold, None)
        running.add(rows.n_rows)
        yield running.finish()
        return
    starts, arguments = starts_of_pieces(rows.n_rows, tally_chunk_rows(n_cells)), _arguments(rows, n_windows, threshold)

    def fill(chunk: int) -> NDArray[np.float64]:
        records = _empty_records(n_cells)
        _add_rows(starts[chunk], starts[chunk + 1], 0, rows.n_columns, *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _tally_of_records(records: NDArray[np.float64]) -> SliceTally:
    counters = records[:, FIRST_COUNTER : FIRST_COUNTER + 4 * N_BINS].reshape(-1, 2, N_BINS, 2).astype(np.int64)
    counts = counters.sum(axis=2).swapaxes(1, 2)
    n = counts.sum(axis=(1, 2))
    return SliceTally(
        counts=counts,
        bin_n=counters.sum(axis=(1, 3)),
        bin_positive=counters[..., 1].sum(axis=1),
        bin_score=records[:, 6:FIRST_COUNTER].copy(),
        log_loss=moments_from_shifted(n, records[:, 0], records[:, 2], records[:, 4]),
        squared_error=moments_from_shifted(n, records[:, 1], records[:, 3], records[:, 5]),
    )


def _with_all_windows(values: NDArray[Any], n_windows: int) -> NDArray[Any]:
    by_window = values.reshape(-1, n_windows, *values.shape[1:])
    by_window[:, 0] = by_window.sum(axis=1)
    return values


def _folded(tally: SliceTally, n_windows: int) -> SliceTally:
    """Add every window of a slice to its window 0, which held the rows in no window."""
    if n_windows == 1:
        return tally
    return SliceTally(
        _with_all_windows(tally.counts, n_windows),
        _with_all_windows(tally.bin_n, n_windows),
        _with_all_windows(tally.bin_positive, n_windows),
        _with_all_windows(tally.bin_score, n_windows),
        folded_windows(tally.log_loss, n_windows),
        folded_windows(tally.squared_error, n_windows),
    )


def empty(n_cells: int) -> SliceTally:
    """Return the tally of no rows, which is neutral in `merge`."""
    return _tally_of_records(np.zeros((n_cells, N_RECORD)))


def merge(a: SliceTally, b: SliceTally) -> SliceTally:
    """Return the tally of the rows of `a` and of `b` together; counts in any order, floats in the order of the call."""
    return SliceTally(
        a.counts + b.counts,
        a.bin_n + b.bin_n,
        a.bin_positive + b.bin_positive,
        a.bin_score + b.bin_score,
        merged_moments(a.log_loss, b.log_loss),
        merged_moments(a.squared_error, b.squared_error),
    )


def slice_tally(
    scores: Any,
    labels: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    threshold: float,
    *,
    n_threads: int | None = None,
) -> SliceTally:
    """Tally every (slice, window): confusion counts, calibration bins, and the moments of log loss and squared error.

    Parameters
    ----------
    scores : float32 [n_rows], NumPy or CUDA, in [0, 1]
    labels : int8 [n_rows]; 1 positive, 0 negative, else the row is skipped
    slice_ids : uint16 or int32 [n_rows, n_columns], the slice of the row in each column
    window_ids : int32 [n_rows], 0 for no window, or None where n_windows is 1
    n_slices, n_windows : the grid; window 0 stands for all windows and holds every row
    threshold : a row is predicted positive when score >= float32(threshold)
    n_threads : None for every core; the result has the same bits for any number

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape or an id is not as above.

    >>> tally = slice_tally(
    ...     np.array([0.9, 0.2, 0.6, 0.1], np.float32), np.array([1, 1, 0, 0], np.int8), np.zeros((4, 1), np.uint16), None, 1, 1, 0.5
    ... )
    >>> tally.counts.tolist(), round(float(tally.squared_error.mean[0]), 4)
    ([[[1, 1], [1, 1]]], 0.255)
    """
    rows = check_rows(scores, labels, slice_ids, window_ids, n_slices, n_windows)
    n_cells = n_slices * n_windows
    return _whole(_filled_records(rows, n_cells, n_windows, threshold, thread_count(n_threads)), n_cells, n_windows)


def _whole(chunks: Iterable[NDArray[np.float64]], n_cells: int, n_windows: int) -> SliceTally:
    tally = empty(n_cells)
    for records in chunks:
        tally = merge(tally, _tally_of_records(records))
    return _folded(tally, n_windows)


class RunningSliceTally:
    """`slice_tally` of scores that are still being made on a card: rows are counted as their scores become complete.

    Parameters
    ----------
    scores, labels, slice_ids, window_ids, n_slices, n_windows, threshold : as in `slice_tally`, on a card; scores need not be made yet
    stream : address of the stream on which rows are counted; the caller orders it behind the scores
    """

    def __init__(
        self, scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int, threshold: float, stream: int
    ) -> None:
        rows = check_rows(scores, labels, slice_ids, window_ids, n_slices, n_windows)
        self._grid = n_slices * n_windows, n_windows
        self._merge = _merge_on_cuda(rows, *self._grid, threshold, stream)

    def add(self, stop_row: int) -> None:
        """Launch what became complete: the scores of all rows below `stop_row` have gone before on the stream."""
        self._merge.add(stop_row)

    def finish(self) -> SliceTally:
        """Wait, and return the tally of all rows; ValueError where rows are missing."""
        return _whole([self._merge.finish()], *self._grid)
