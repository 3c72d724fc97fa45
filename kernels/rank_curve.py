"""Average precision, recall and precision at a cut, and bins of equal mass of every (slice, window), from one walk in score order.

Contract
--------
scores float32 [n_rows]; order uint32 [n_kept] as `score_order` returns it for them; slice_ids uint16 or int32 [n_rows, n_columns],
global numbers, no slice in two columns; window_ids int32 [n_rows], 0 for no window, or None; n_positive, n_negative int64 [n_cells], of
the rows in the order. No rows: counts 0, shares NaN. Threads share the columns; a cell belongs to one column, so its sums have one order.
On a card threads share pieces of the order too (`rank_curve_pieces.py`).
Agreement: counts *exact*; floats the same bits for any number of threads and any row order; between devices *close*, rtol 1e-11 (sums of
pieces are added up, and a device may fuse a product and a sum), for the variance 1e-7 (squares of the distance from 1 are summed, and where
precision is near 0 what is wanted is a small difference of them).

Source: rows of equal score are taken together, as scikit-learn's `average_precision_score` and `roc_curve` do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.devices import is_on_cuda
from kernels.rank_curve_pieces import records_on_cuda
from kernels.rank_curve_rules import (
    ALLOWED_NEGATIVES,
    BELOW,
    BIN,
    BIN_END,
    FIRST_BIN,
    INFLUENCE,
    INFLUENCE_2,
    LOWERED_2,
    N_RANK_BINS,
    N_RECORD,
    NOT_YET,
    OPEN,
    PRECISION,
    RECALLED,
    TOP_POSITIVES,
    TOP_ROWS,
    TOTAL,
    check_counts,
    move_to_bin,
    take_sums,
)
from kernels.rank_sum import ready_ids
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT

LOOK_AHEAD_ROWS = 32


class RankCurveTally(NamedTuple):
    """What the walk leaves, [n_cells] and [n_cells, 60]; shares are NaN where they have no denominator.

    average_precision, its variance, recall_at_fpr and precision_at_top float64; bin_n, bin_positive int64 and bin_score float64 (sum of
    scores) of bins of equal mass, lowest scores first. The rows of one score lie in one bin, that of their middle rank.
    """

    average_precision: NDArray[np.float64]
    average_precision_variance: NDArray[np.float64]
    recall_at_fpr: NDArray[np.float64]
    precision_at_top: NDArray[np.float64]
    bin_n: NDArray[np.int64]
    bin_positive: NDArray[np.int64]
    bin_score: NDArray[np.float64]


# Copied into the walk, which a call would slow by a fifth. A card has rules of its own for pieces, made of the same two.
_sums = njit(inline="always")(take_sums)
_bin = njit(inline="always")(move_to_bin)


@register_jitable(inline="always")  # type: ignore[untyped-decorator]
def take_rows(record: NDArray[np.float64], negatives: float, positives: float, score: float) -> None:
    """Take all rows of a cell that have this score into its sums; lower scores were taken before."""
    size = negatives + positives
    _sums(record, negatives, positives)
    _bin(record, size)
    at = int(record[BIN])
    record[np.uintp(at)] += size
    record[np.uintp(at + 1)] += positives
    record[np.uintp(at + 2)] += size * score
    record[BELOW] += negatives
    record[BELOW + 1] += positives


@register_jitable(inline="always")  # type: ignore[untyped-decorator]
def close_group(record: NDArray[np.float64], score: float) -> None:
    """Take the open group of a cell, if it has one."""
    negatives, positives = record[OPEN], record[OPEN + 1]
    if negatives + positives > 0.0:
        take_rows(record, negatives, positives, score)
        record[OPEN] = 0.0
        record[OPEN + 1] = 0.0


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _walk(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    records: NDArray[np.float64],
) -> float:
    """Add rows of the order to the records; what is returned means nothing: it keeps the look-ahead alive."""
    touched, seen = start, 0.0
    at = start
    while at < stop:
        end = at + 1
        while end < stop and (int(order[end]) >> START_BIT) == 0:
            end += 1
        score = np.float64(scores[np.uintp(int(order[at]) & ROW_MASK)])
        for entry in range(at, end):
            if entry >= touched:  # rows lie at random: loading the next ones together hides most of the wait for memory
                touched = min(entry + LOOK_AHEAD_ROWS, stop)
                for later in range(entry, touched):
                    ahead = np.uintp(int(order[later]) & ROW_MASK)
                    seen += np.float64(slice_ids[ahead, np.uintp(first_column)]) + np.float64(scores[ahead])
            row = np.uintp(int(order[entry]) & ROW_MASK)
            positive = (int(order[entry]) >> POSITIVE_BIT) & 1
            window = int(window_ids[row]) if n_windows > 1 else 0
            n_cells_of_row = 2 if window > 0 else 1
            if end > at + 1:
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        records[np.uintp(cell + kind * window), np.uintp(OPEN + positive)] += 1.0
            elif positive == 1:  # decided once a row, outside of the loop over columns
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        take_rows(records[np.uintp(cell + kind * window)], 0.0, 1.0, score)
            else:
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        take_rows(records[np.uintp(cell + kind * window)], 1.0, 0.0, score)
        for entry in range(at, end if end > at + 1 else at):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    close_group(records[np.uintp(cell + kind * window)], score)
        at = end
    return seen


def _empty_records(
    n_positive: NDArray[np.int64], n_negative: NDArray[np.int64], allowed: NDArray[np.int64], n_top: NDArray[np.int64]
) -> NDArray[np.float64]:
    records = np.zeros((len(n_positive), N_RECORD))
    records[:, TOTAL], records[:, TOTAL + 1] = n_negative, n_positive
    records[:, ALLOWED_NEGATIVES], records[:, TOP_ROWS] = allowed, n_top
    records[:, RECALLED] = NOT_YET
    records[:, BIN], records[:, BIN_END] = FIRST_BIN, 2 * (n_positive + n_negative)
    return records


def _share(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def _tally_of_records(records: NDArray[np.float64]) -> RankCurveTally:
    negatives, positives = records[:, TOTAL], records[:, TOTAL + 1]
    bins = records[:, FIRST_BIN : FIRST_BIN + 3 * N_RANK_BINS].reshape(-1, N_RANK_BINS, 3)
    value = _share(records[:, PRECISION], positives)
    # Mean 0: sum of (influence - shifted value)^2 over positives, and of squares over negatives.
    shifted = value - 1.0
    squares = records[:, INFLUENCE_2] - 2.0 * shifted * records[:, INFLUENCE] + shifted * shifted * positives + records[:, LOWERED_2]
    recalled = _share(records[:, RECALLED].clip(0.0), positives)
    return RankCurveTally(
        average_precision=value,
        average_precision_variance=_share(np.maximum(squares, 0.0), positives * positives),
        recall_at_fpr=np.where(negatives > 0, recalled, np.nan),
        precision_at_top=_share(records[:, TOP_POSITIVES], records[:, TOP_ROWS]),
        bin_n=bins[..., 0].astype(np.int64),
        bin_positive=bins[..., 1].astype(np.int64),
        bin_score=bins[..., 2].copy(),
    )


def rank_curve(
    scores: Any,
    order: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    n_positive: NDArray[np.int64],
    n_negative: NDArray[np.int64],
    n_allowed: NDArray[np.int64],
    n_top: NDArray[np.int64],
    *,
    n_threads: int | None = None,
) -> RankCurveTally:
    """Walk every (slice, window) from its lowest to its highest score, ties taken together.

    Formulas, with TP and FP the rows of either class at or above a score and R = TP + FP:

    - average precision: the mean over positive rows of TP / R at their score;
    - its variance: sum of phi^2 / P^2. A positive row of score s has phi = TP / R - value + sum over positives i at or below s of
      (1 - TP_i / R_i) / R_i, a negative one phi = - sum over the same i of (TP_i / R_i) / R_i: what one more such row would change, to
      first order (the delta method on the empirical distribution; van der Vaart, Asymptotic Statistics, 1998, section 20.1);
    - recall at a false positive rate: the largest TP / P at a score with FP <= n_allowed, 0 where there is none;
    - precision at the top: positives among the n_top highest rows / n_top; rows of the score that straddles the border count with
      their own positive share, the mean over random orders of them;
    - bin of a score: floor(60 * (rows below + rows of it / 2) / n).

    Parameters
    ----------
    scores : float32 [n_rows], NumPy or CUDA
    order : uint32 [n_kept] of `score_order`, of these scores
    slice_ids : uint16 or int32 [n_rows, n_columns]
    window_ids : int32 [n_rows], or None where n_windows is 1
    n_slices, n_windows : the grid
    n_positive, n_negative : int64 [n_cells], always NumPy
    n_allowed, n_top : int64 [n_cells], negative rows that may be selected, and rows at the top
    n_threads : None for every core

    Raises
    ------
    ValueError
        An id is outside the grid, or the counts are not those of the rows in the order.

    >>> from kernels.score_order import score_order
    >>> scores, labels = np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8)
    >>> order, ids, two = score_order(scores, labels, n_threads=1), np.zeros((4, 1), np.uint16), np.array([2])
    >>> curve = rank_curve(scores, order, ids, None, 1, 1, two, two, two - 2, two)  # precision 1 at 0.8, 2/3 at 0.4
    >>> [round(float(v[0]), 4) for v in (curve.average_precision, curve.recall_at_fpr, curve.precision_at_top)]
    [0.8333, 0.5, 0.75]
    """
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    records = _empty_records(n_positive, n_negative, n_allowed, n_top)
    n_rows, n_columns = int(order.shape[0]), int(slice_ids.shape[1])
    if is_on_cuda(order):
        records = records_on_cuda(scores, order, slice_ids, window_ids, n_windows, records)
    else:
        # before the walk, which divides by what is left of the totals
        check_counts(np.array(float(n_columns * n_rows)), records[::n_windows, TOTAL : TOTAL + 2].sum())
        scores = np.ascontiguousarray(scores).view()
        scores.setflags(write=False)
        n_parts = min(thread_count(n_threads), n_columns)

        def fill(part: int) -> None:
            columns = n_columns * part // n_parts, n_columns * (part + 1) // n_parts
            _walk(0, n_rows, *columns, scores, order, slice_ids, window_ids, n_windows, records)

        for _ in run_in_order(fill, n_parts, n_parts):
            pass
    check_counts(records[:, BELOW : BELOW + 2], records[:, TOTAL : TOTAL + 2])
    return _tally_of_records(records)
