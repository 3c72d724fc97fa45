"""The parts of a binary tally that cost a walk or passes of their own: rank curve, recalibration, AUC of binned scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError
from harness.records.tally import BinnedAuc, CalibrationFit, Grid, RankCurve
from harness.stats.cuts import largest_within, smallest_reaching
from harness.tallies.binned_auc import binned_auc_of_table
from kernels.logit_fit import logit_fit
from kernels.rank_curve import rank_curve
from kernels.score_histogram import MAX_BINS, add_scores, empty, n_bins_within


def rank_curve_of(
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    confusion: NDArray[np.int64],
    max_fpr: float | None,
    top_share: float | None,
    *,
    n_threads: int | None = None,
) -> RankCurve:
    """Return what the order of the scores leaves in every (slice, window).

    Parameters
    ----------
    scores : float32 [n_rows], from 0 to 1
    labels : int8 [n_rows]; not read, since the order holds them
    order : uint32 [n_kept], what `score_order` returns for these scores and labels
    slice_ids, window_ids, grid : as in `tally_binary`
    confusion : int64 [n_cells, 2, 2], by label and prediction, of the same rows
    max_fpr, top_share : parameters of two of its metrics; None where no metric sets them, which leaves those NaN
    n_threads : None for every core; the curve does not depend on it

    Raises
    ------
    ValueError
        An id is outside the grid, or the confusion counts are of other rows.

    >>> from kernels.score_order import score_order
    >>> grid, scores, labels = Grid(("all",), ("all",), ("all",)), np.array([0.1, 0.4, 0.8], np.float32), np.array([1, 0, 1], np.int8)
    >>> order, confusion = score_order(scores, labels), np.array([[[1, 0], [1, 1]]])
    >>> curve = rank_curve_of(scores, labels, order, np.zeros((3, 1), np.uint16), None, grid, confusion, 0.5, 0.01)
    >>> round(float(curve.average_precision[0]), 6), float(curve.recall_at_fpr[0]), float(curve.precision_at_top[0])
    (0.833333, 0.5, 1.0)
    """
    by_label = confusion.sum(axis=2)
    walked = rank_curve(
        scores,
        order,
        slice_ids,
        window_ids,
        grid.n_slices,
        grid.n_windows,
        by_label[:, 1],
        by_label[:, 0],
        largest_within(max_fpr or 0.0, by_label[:, 0]),
        smallest_reaching(top_share or 0.0, by_label.sum(axis=1)),
        n_threads=n_threads,
    )
    nothing = np.full(grid.n_cells, np.nan)
    return RankCurve(
        average_precision=walked.average_precision,
        average_precision_variance=walked.average_precision_variance,
        max_fpr=nothing if max_fpr is None else np.full(grid.n_cells, max_fpr, np.float64),
        recall_at_fpr=nothing if max_fpr is None else walked.recall_at_fpr,
        top_share=nothing if top_share is None else np.full(grid.n_cells, top_share, np.float64),
        precision_at_top=nothing if top_share is None else walked.precision_at_top,
        bin_n=walked.bin_n,
        bin_positive=walked.bin_positive,
        bin_score=walked.bin_score,
    )


def calibration_of(
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    *,
    n_threads: int | None = None,
) -> CalibrationFit:
    """Return Cox's recalibration of every (slice, window), fitted on its rows; parameters and errors as in `tally_binary`.

    >>> grid, ids = Grid(("all",), ("all",), ("all",)), np.zeros((6, 1), np.uint16)
    >>> scores, labels = np.array([0.2, 0.2, 0.2, 0.8, 0.8, 0.8], np.float32), np.array([0, 0, 1, 0, 1, 1], np.int8)
    >>> round(float(calibration_of(scores, labels, ids, None, grid).slope[0]), 6)
    0.5
    """
    fit = logit_fit(scores, labels, slice_ids, window_ids, grid.n_slices, grid.n_windows, n_threads=n_threads)
    return CalibrationFit(**fit._asdict())


def binned_auc_of(
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    *,
    n_bins: int = MAX_BINS,
    counted: NDArray[np.int64] | None = None,
    n_threads: int | None = None,
) -> BinnedAuc:
    """Return AUC of every (slice, window) from equal-width bins of the score, without sorting; the rest as in `tally_binary`.

    Parameters
    ----------
    n_bins : int
        Wanted; fewer (a power of two) where the table of all cells would exceed 512 MiB.
    counted : NDArray, optional
        Int64 [n_cells, n_bins, 2], the table of these rows where they were counted before; None: they are counted here.

    Raises
    ------
    ConfigError
        Even 256 bins of every cell exceed it.

    >>> grid, ids = Grid(("all",), ("all",), ("all",)), np.zeros((4, 1), np.uint16)
    >>> auc = binned_auc_of(np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8), ids, None, grid)
    >>> float(auc.value[0]), float(auc.bound[0]), int(auc.n_bins[0])
    (0.875, 0.125, 2048)
    """
    if counted is not None:
        return binned_auc_of_table(counted, grid.n_windows)
    try:
        table = empty(grid.n_cells, n_bins_within(grid.n_cells, n_bins))
    except ValueError as error:
        raise ConfigError(f"metrics: {error}") from error
    add_scores(table, scores, labels, slice_ids, window_ids, grid.n_slices, grid.n_windows, n_threads=n_threads)
    return binned_auc_of_table(table, grid.n_windows)
