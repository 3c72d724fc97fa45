"""One variant's tally: everything that binary metrics need of its scores, per cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import BinaryTally, Grid, Moments, RankSums
from harness.tallies.checks import check_scores
from kernels.moments import RowMoments
from kernels.rank_sum import RankSumTally, rank_sum
from kernels.score_order import score_order
from kernels.slice_tally import SliceTally, slice_tally


def moments_record(moments: RowMoments) -> Moments:
    """Return a kernel's moments as the record that rooms exchange."""
    return Moments(mean=moments.mean, m2=moments.m2)


def ranks_record(sums: RankSumTally) -> RankSums:
    """Return a kernel's rank sums as the record that rooms exchange."""
    return RankSums(**sums._asdict())


def tally_binary(
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    threshold: float,
    *,
    with_ranks: bool = True,
    order: Any = None,
    counted: SliceTally | None = None,
    n_threads: int | None = None,
) -> BinaryTally:
    """Reduce one variant's scores to the tally of every (slice, window).

    Parameters
    ----------
    scores : float32 [n_rows], from 0 to 1; NumPy, or on a card with the other arrays
    labels : int8 [n_rows]; 1 positive, 0 negative, anything else is not judged and in no count
    slice_ids : uint16 or int32 [n_rows, n_columns]; column 0 is slice 0, all rows
    window_ids : int32 [n_rows], 0 where a row is in no window; None where the grid has one window
    threshold : a row is predicted positive when score >= float32(threshold)
    with_ranks : also sort the scores, for exact AUC and its variance
    order : what `score_order` returned for these scores and labels, where that was asked for before; None: it is asked for here
    counted : what `slice_tally` returns for these arguments, where the rows were counted before; None: they are counted here
    n_threads : None for every core; the tally does not depend on it

    Raises
    ------
    ScoreError
        A score of the host is NaN or outside [0, 1].
    TypeError, ValueError
        A dtype or shape is not as above, or an id is outside the grid.

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> scores, labels = np.array([0.9, 0.2, 0.6, 0.1], np.float32), np.array([1, 1, 0, 0], np.int8)
    >>> tally = tally_binary(scores, labels, np.zeros((4, 1), np.uint16), None, grid, 0.5)
    >>> tally.confusion[0].tolist(), int(tally.ranks.sum_a[0])  # the positives have 2 and 1 negatives below them
    ([[1, 1], [1, 1]], 6)
    """
    check_scores("scores", scores)
    rows = counted
    if rows is None:
        rows = slice_tally(scores, labels, slice_ids, window_ids, grid.n_slices, grid.n_windows, threshold, n_threads=n_threads)
    ranks = None
    if with_ranks:
        order = score_order(scores, labels, n_threads=n_threads) if order is None else order
        ranks = ranks_record(rank_sum(order, slice_ids, window_ids, grid.n_slices, grid.n_windows, n_threads=n_threads))
    return BinaryTally(
        confusion=rows.counts,
        bin_n=rows.bin_n,
        bin_positive=rows.bin_positive,
        bin_score=rows.bin_score,
        log_loss=moments_record(rows.log_loss),
        brier=moments_record(rows.squared_error),
        ranks=ranks,
    )
