"""Champion and challenger on the same rows: everything that paired differences need, per cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import Grid, PairedRanks, PairedTally
from harness.tallies.binary import moments_record, ranks_record
from harness.tallies.checks import check_scores
from kernels.paired_tally import PairedRows, paired_tally
from kernels.rank_cross import rank_cross
from kernels.score_order import score_order


def tally_paired(
    champion_scores: NDArray[np.float32],
    challenger_scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    champion_threshold: float,
    challenger_threshold: float,
    *,
    with_ranks: bool = True,
    challenger_order: Any = None,
    counted: PairedRows | None = None,
    n_threads: int | None = None,
) -> PairedTally:
    """Reduce two models' scores of the same rows to the paired tally of every (slice, window).

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows], from 0 to 1; NumPy, or on a card with the other arrays
    labels : int8 [n_rows]; 1 positive, 0 negative; mark rows that either model learned from with another value
    slice_ids, window_ids, grid, n_threads : as in `tally_binary`
    with_ranks : also order the scores of both, for exact AUC and its paired variance
    challenger_order : as `order` of `tally_binary`, for the challenger's scores
    counted : as in `tally_binary`, what `paired_tally` returns
    champion_threshold, challenger_threshold : predicted positive when score >= float32(threshold)

    Raises
    ------
    ScoreError
        A score of the host is NaN or outside [0, 1].
    TypeError, ValueError
        A dtype or shape is not as above, or an id is outside the grid.

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> champion, challenger = np.array([0.9, 0.2], np.float32), np.array([0.4, 0.2], np.float32)
    >>> pair = tally_paired(champion, challenger, np.array([1, 0], np.int8), np.zeros((2, 1), np.uint16), None, grid, 0.5, 0.5)
    >>> pair.cells[0].tolist(), int(pair.ranks.cross_a_lo[0])
    ([[[1, 0], [0, 0]], [[0, 0], [1, 0]]], 4)
    """
    check_scores("champion", champion_scores)
    check_scores("challenger", challenger_scores)
    pairs = counted
    if pairs is None:
        pairs = paired_tally(
            champion_scores, challenger_scores, labels, slice_ids, window_ids, grid.n_slices, grid.n_windows,
            champion_threshold, challenger_threshold, n_threads=n_threads,
        )  # fmt: skip
    ranks = None
    if with_ranks:
        champion_order = score_order(champion_scores, labels, n_threads=n_threads)
        challenger_order = score_order(challenger_scores, labels, n_threads=n_threads) if challenger_order is None else challenger_order
        cross = rank_cross(champion_order, challenger_order, slice_ids, window_ids, grid.n_slices, grid.n_windows, n_threads=n_threads)
        sums = (cross.cross_a_hi, cross.cross_a_lo, cross.cross_b_hi, cross.cross_b_lo)
        ranks = PairedRanks(ranks_record(cross.champion), ranks_record(cross.challenger), *sums)
    return PairedTally(
        cells=pairs.cells,
        champion_log_loss=moments_record(pairs.champion_log_loss),
        champion_brier=moments_record(pairs.champion_squared_error),
        log_loss=moments_record(pairs.log_loss),
        brier=moments_record(pairs.squared_error),
        ranks=ranks,
    )
