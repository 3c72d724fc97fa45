"""Champion against challenger on the same rows, per (slice, window): the eight cells and the moments of their losses.

Contract
--------
champion_scores, challenger_scores float32 [n_rows] in [0, 1]; labels, slice_ids and window_ids as in `slice_tally`. A row with
another label, or with a NaN or out-of-range score of either, is skipped. No rows: zeros. Ids outside the grid: ValueError (CPU).
Agreement: counts *exact* for any row order, batches, threads and device. Moments: the same bits for any number of threads;
between batch splits, row orders and devices *close*, rtol 1e-9 (summation order, and the last bit of log).
On a card rows may be counted while later scores are still being made (`RunningPairedTally`): the same bits.
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
from kernels.row_losses import log_loss_of, squared_error_of

# the float64 record of a cell: first value, sum and sum of squares of four values, then the counters [label, champion, challenger]
N_VALUES = 4
FIRST_COUNTER = 3 * N_VALUES
N_RECORD = 24  # 20 words, padded to whole cache lines
NO_ROW_YET = -1.0  # in place of the champion's first loss, which is never negative


@dataclass(frozen=True)
class PairedRows:
    """What `paired_tally` leaves; the first axis is the cell.

    cells int64 [n_cells, 2, 2, 2] by label, champion predicted, challenger predicted; moments of the champion's losses and
    of the differences challenger - champion.
    """

    cells: NDArray[np.int64]
    champion_log_loss: RowMoments
    champion_squared_error: RowMoments
    log_loss: RowMoments
    squared_error: RowMoments


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_pairs(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    champion_scores: NDArray[np.float32],
    challenger_scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    champion_threshold: float,
    challenger_threshold: float,
    records: NDArray[np.float64],
) -> None:
    for row in range(start, stop):
        label = int(labels[row])
        champion = np.float64(champion_scores[row])  # float() would stay float32 in compiled code
        challenger = np.float64(challenger_scores[row])
        is_valid = champion >= 0.0 and champion <= 1.0 and challenger >= 0.0 and challenger <= 1.0
        if (label != 0 and label != 1) or not is_valid:
            continue
        window = int(window_ids[row]) if n_windows > 1 else 0
        log_loss = log_loss_of(champion, label)
        squared_error = squared_error_of(champion, label)
        log_loss_difference = log_loss_of(challenger, label) - log_loss
        squared_error_difference = squared_error_of(challenger, label) - squared_error
        predicted = (2 if champion >= champion_threshold else 0) + (1 if challenger >= challenger_threshold else 0)
        counter = np.uintp(FIRST_COUNTER + 4 * label + predicted)
        for column in range(first_column, stop_column):
            record = records[np.uintp(int(slice_ids[row, column]) * n_windows + window)]
            if record[0] < 0.0:  # NO_ROW_YET
                record[0] = log_loss
                record[1] = squared_error
                record[2] = log_loss_difference
                record[3] = squared_error_difference
            d0 = log_loss - record[0]
            d1 = squared_error - record[1]
            d2 = log_loss_difference - record[2]
            d3 = squared_error_difference - record[3]
            record[4] += d0
            record[5] += d1
            record[6] += d2
            record[7] += d3
            record[8] += d0 * d0
            record[9] += d1 * d1
            record[10] += d2 * d2
            record[11] += d3 * d3
            record[counter] += 1.0


def _empty_records(n_cells: int) -> NDArray[np.float64]:
    records = np.zeros((n_cells, N_RECORD))
    records[:, 0] = NO_ROW_YET
    return records


def _merge_on_cuda(
    champion: Rows, challenger_scores: Any, thresholds: tuple[float, float], n_cells: int, n_windows: int, stream: int | None
) -> RunningMerge:
    starts = starts_of_pieces(champion.n_rows, cuda_chunk_rows(n_cells))
    layout = (0, N_VALUES, FIRST_COUNTER, 8)
    records = _empty_records(n_cells), np.zeros((n_cells, N_RECORD))
    arguments = _arguments(champion, challenger_scores, thresholds, n_windows)
    return RunningMerge(_add_pairs, merge_shifted, starts, (0, champion.n_columns), arguments, *records, layout, stream)


def _arguments(champion: Rows, challenger_scores: Any, thresholds: tuple[float, float], n_windows: int) -> tuple[Any, ...]:
    limits = [float(np.float32(threshold)) for threshold in thresholds]
    return (champion.scores, challenger_scores, champion.labels, champion.slice_ids, champion.window_ids, n_windows, *limits)


def _filled_records(
    champion: Rows, challenger_scores: Any, thresholds: tuple[float, float], n_cells: int, n_windows: int, n_threads: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the records of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    if is_on_cuda(champion.scores):
        running = _merge_on_cuda(champion, challenger_scores, thresholds, n_cells, n_windows, None)
        running.add(champion.n_rows)
        yield running.finish()
        return
    starts = starts_of_pieces(champion.n_rows, tally_chunk_rows(n_cells))
    arguments = _arguments(champion, challenger_scores, thresholds, n_windows)

    def fill(chunk: int) -> NDArray[np.float64]:
        records = _empty_records(n_cells)
        _add_pairs(starts[chunk], starts[chunk + 1], 0, champion.n_columns, *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _pairs_of_records(records: NDArray[np.float64]) -> PairedRows:
    cells = records[:, FIRST_COUNTER : FIRST_COUNTER + 8].astype(np.int64).reshape(-1, 2, 2, 2)
    n = cells.sum(axis=(1, 2, 3))
    moments = [moments_from_shifted(n, records[:, v], records[:, 4 + v], records[:, 8 + v]) for v in range(N_VALUES)]
    return PairedRows(cells, *moments)


def empty(n_cells: int) -> PairedRows:
    """Return the tally of no rows, which is neutral in `merge`."""
    return _pairs_of_records(np.zeros((n_cells, N_RECORD)))


def merge(a: PairedRows, b: PairedRows) -> PairedRows:
    """Return the tally of the rows of `a` and of `b` together; counts in any order, floats in the order of the call."""
    return PairedRows(
        a.cells + b.cells,
        merged_moments(a.champion_log_loss, b.champion_log_loss),
        merged_moments(a.champion_squared_error, b.champion_squared_error),
        merged_moments(a.log_loss, b.log_loss),
        merged_moments(a.squared_error, b.squared_error),
    )


def paired_tally(
    champion_scores: Any,
    challenger_scores: Any,
    labels: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    champion_threshold: float,
    challenger_threshold: float,
    *,
    n_threads: int | None = None,
) -> PairedRows:
    """Tally two models on the same rows: the eight (label, prediction, prediction) cells and the moments of their losses.

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows], NumPy or CUDA, in [0, 1]
    labels, slice_ids, window_ids, n_slices, n_windows, n_threads : as in `slice_tally`
    champion_threshold, challenger_threshold : predicted positive when score >= float32(threshold)

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape or an id is not as above.

    >>> champion, challenger = np.array([0.9, 0.2], np.float32), np.array([0.4, 0.2], np.float32)
    >>> pairs = paired_tally(champion, challenger, np.array([1, 0], np.int8), np.zeros((2, 1), np.uint16), None, 1, 1, 0.5, 0.5)
    >>> pairs.cells[0].tolist(), round(float(pairs.squared_error.mean[0]), 4)  # (0.36 - 0.01) / 2
    ([[[1, 0], [0, 0]], [[0, 0], [1, 0]]], 0.175)
    """
    rows, challenger = _checked(champion_scores, challenger_scores, labels, slice_ids, window_ids, n_slices, n_windows)
    n_cells, thresholds = n_slices * n_windows, (champion_threshold, challenger_threshold)
    return _whole(_filled_records(rows, challenger, thresholds, n_cells, n_windows, thread_count(n_threads)), n_cells, n_windows)


def _checked(
    champion_scores: Any, challenger_scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int
) -> tuple[Rows, Any]:
    rows = check_rows(champion_scores, labels, slice_ids, window_ids, n_slices, n_windows)
    no_ids = slice_ids if is_on_cuda(slice_ids) else slice_ids[:, :0]  # checked above; on a card ids are not read
    return rows, check_rows(challenger_scores, labels, no_ids, window_ids, n_slices, n_windows).scores


def _whole(chunks: Iterable[NDArray[np.float64]], n_cells: int, n_windows: int) -> PairedRows:
    pairs = empty(n_cells)
    for records in chunks:
        pairs = merge(pairs, _pairs_of_records(records))
    if n_windows > 1:
        by_window = pairs.cells.reshape(-1, n_windows, 2, 2, 2)
        by_window[:, 0] = by_window.sum(axis=1)
    moments = (pairs.champion_log_loss, pairs.champion_squared_error, pairs.log_loss, pairs.squared_error)
    return PairedRows(pairs.cells, *(folded_windows(values, n_windows) for values in moments))


class RunningPairedTally:
    """`paired_tally` where the challenger's scores are still being made on a card; the champion's are known.

    Parameters
    ----------
    champion_scores, challenger_scores, labels, slice_ids, window_ids, n_slices, n_windows, champion_threshold, challenger_threshold :
        as in `paired_tally`, on a card; the challenger's scores need not be made yet
    stream : address of the stream on which rows are counted; the caller orders it behind the scores
    """

    def __init__(
        self,
        champion_scores: Any,
        challenger_scores: Any,
        labels: Any,
        slice_ids: Any,
        window_ids: Any,
        n_slices: int,
        n_windows: int,
        champion_threshold: float,
        challenger_threshold: float,
        stream: int,
    ) -> None:
        rows, challenger = _checked(champion_scores, challenger_scores, labels, slice_ids, window_ids, n_slices, n_windows)
        self._grid = n_slices * n_windows, n_windows
        self._merge = _merge_on_cuda(rows, challenger, (champion_threshold, challenger_threshold), *self._grid, stream)

    def add(self, stop_row: int) -> None:
        """Launch what became complete: the scores of all rows below `stop_row` have gone before on the stream."""
        self._merge.add(stop_row)

    def finish(self) -> PairedRows:
        """Wait, and return the tally of all rows; ValueError where rows are missing."""
        return _whole([self._merge.finish()], *self._grid)
