"""Tallies of labels of several classes: of one variant, and of champion and challenger on the same rows, per cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError, ScoreError
from harness.records.tally import ClusterTotals, Grid
from harness.records.task_tally import MulticlassTally, PairedMulticlassTally
from harness.stats.probabilities import SUM_TOLERANCE, invalid_rows
from harness.tallies.binary import moments_record
from harness.tallies.class_auc import class_auc
from kernels.class_rows import class_rows
from kernels.class_tally import class_tally, paired_class_tally

MAX_TABLE_BYTES = 1 << 30
Components = Callable[[NDArray[np.intp]], tuple[NDArray[np.int32], NDArray[np.float64]]]
Floats = NDArray[np.float32]


def tally_multiclass(
    scores: Floats,
    labels: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    n_classes: int,
    top_k: int,
    weights: NDArray[np.float64] | None = None,
    cluster_ids: NDArray[np.int64] | None = None,
    *,
    with_auc: bool = False,
    n_threads: int | None = None,
    on_part: Callable[[], None] | None = None,
) -> MulticlassTally:
    """Reduce one variant's scores to the tally of every (slice, window).

    Parameters
    ----------
    scores : float32 [n_rows, n_classes], probabilities
    labels : int32 [n_rows], number of the class; -1 is not judged and in no count
    slice_ids : uint16 or int32 [n_rows, n_columns]; column 0 is slice 0, all rows
    window_ids : int32 [n_rows], 0 where a row is in no window; None where the grid has one window
    n_classes : how many classes there are
    top_k : how many classes with the highest scores count as a hit
    weights : float64 [n_rows], at least 0, a row of weight 0 being no row; None where every row weighs 1
    cluster_ids : int64 [n_rows]; None where every row is a cluster of its own
    with_auc : also rank every class against the rest
    n_threads : None for every core; the tally does not depend on it
    on_part : called after every class that was ranked, each of which costs a pass

    Raises
    ------
    ConfigError
        The tables of all cells would be larger than 1 GiB.
    ScoreError
        A score is NaN or outside [0, 1], or those of a row do not sum to 1.
    TypeError, ValueError
        A dtype or shape is not as above, or an id is outside the grid.

    Examples
    --------
    >>> scores, labels = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], np.float32), np.array([0, 2], np.int32)
    >>> tally = tally_multiclass(scores, labels, np.zeros((2, 1), np.uint16), None, Grid(("all",), ("all",), ("all",)), 3, 2)
    >>> tally.confusion[0].tolist(), tally.n_in_top_k.tolist()
    ([[1, 0, 0], [0, 0, 0], [0, 1, 0]], [1])
    """
    _check_size(grid, n_classes * n_classes, "confusion tables", n_classes)
    _check("scores", scores, n_classes)
    labels = _counted(labels, weights)
    rows = (labels, slice_ids, window_ids)
    found = class_tally(scores, *rows, grid.n_slices, grid.n_windows, top_k, n_threads=n_threads)
    by_class, macro = None, None
    if with_auc:
        by_class, macro = class_auc(scores, *rows, grid, weights, cluster_ids, n_threads=n_threads, on_part=on_part)
    totals = None
    if weights is not None or cluster_ids is not None:
        _check_size(grid, (3 * n_classes + 3) ** 2, "products of weighted totals", n_classes)
        components = _components(scores, labels, n_classes, top_k)
        totals = _totals(components, labels, slice_ids, window_ids, grid, (3 * n_classes, 3), (weights, cluster_ids), n_threads)
    return MulticlassTally(
        confusion=found.confusion,
        top_k=np.full(grid.n_cells, top_k, np.int64),
        n_in_top_k=found.n_in_top_k,
        log_loss=moments_record(found.log_loss),
        brier=moments_record(found.brier),
        auc_by_class=by_class,
        auc_macro=macro,
        totals=totals,
    )


def tally_paired_multiclass(
    champion_scores: Floats,
    challenger_scores: Floats,
    labels: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    n_classes: int,
    top_k: int,
    weights: NDArray[np.float64] | None = None,
    cluster_ids: NDArray[np.int64] | None = None,
    *,
    n_threads: int | None = None,
) -> PairedMulticlassTally:
    """Reduce two models' scores of the same rows to the paired tally of every (slice, window).

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows, n_classes], probabilities
    labels : int32 [n_rows], number of the class; mark rows that either model learned from with -1
    slice_ids, window_ids, grid, n_classes, top_k, weights, cluster_ids, n_threads : as in `tally_multiclass`

    Raises
    ------
    ScoreError, TypeError, ValueError
        As in `tally_multiclass`.

    Examples
    --------
    >>> champion, challenger = np.array([[0.75, 0.25]], np.float32), np.array([[0.25, 0.75]], np.float32)
    >>> rows = np.array([1], np.int32), np.zeros((1, 1), np.uint16), None
    >>> tally_paired_multiclass(champion, challenger, *rows, Grid(("all",), ("all",), ("all",)), 2, 1).right[0].tolist()
    [[0, 1], [0, 0]]
    """
    _check("champion", champion_scores, n_classes)
    _check("challenger", challenger_scores, n_classes)
    labels = _counted(labels, weights)
    both, rows = (champion_scores, challenger_scores), (labels, slice_ids, window_ids)
    found = paired_class_tally(*both, *rows, grid.n_slices, grid.n_windows, top_k, n_threads=n_threads)
    totals = None
    if weights is not None or cluster_ids is not None:
        components = _paired_components(both, labels, top_k)
        totals = _totals(components, *rows, grid, (8, 4), (weights, cluster_ids), n_threads)
    return PairedMulticlassTally(
        right=found.right,
        top_k=np.full(grid.n_cells, top_k, np.int64),
        n_classes=np.full(grid.n_cells, n_classes, np.int64),
        in_top_k=found.in_top_k,
        champion_log_loss=moments_record(found.champion_log_loss),
        champion_brier=moments_record(found.champion_brier),
        log_loss=moments_record(found.log_loss),
        brier=moments_record(found.brier),
        totals=totals,
    )


def _counted(labels: NDArray[np.int32], weights: NDArray[np.float64] | None) -> NDArray[np.int32]:
    """Return the labels without those of rows of weight 0, which are no rows."""
    return labels if weights is None else np.where(weights > 0, labels, np.int32(-1))


def _check(who: str, scores: Floats, n_classes: int) -> None:
    if scores.ndim != 2 or scores.shape[1] != n_classes:
        raise ValueError(f"{who} has shape {scores.shape}; wanted [rows, {n_classes}], a column per class")
    found = invalid_rows(scores)
    if any(found):
        raise ScoreError(
            f"{who}: of {len(scores):,} rows {found.n_nan:,} hold NaN, {found.n_outside:,} scores outside [0, 1], and {found.n_off:,} do not sum"
            f" to 1 within {SUM_TOLERANCE:g}; wanted probabilities: set transform: softmax if the model gives logits, else mend the model"
        )


def _check_size(grid: Grid, numbers_per_cell: int, what: str, n_classes: int) -> None:
    n_bytes = 8 * grid.n_cells * numbers_per_cell
    if n_bytes > MAX_TABLE_BYTES:
        raise ConfigError(
            f"replay.slices: {grid.n_cells:,} slices times windows with {n_classes:,} classes need {n_bytes / 2**30:.1f} GiB of {what}, wanted"
            " at most 1 GiB; leave out a slice column or cross, or take longer windows"
        )


def _components(scores: Floats, labels: NDArray[np.int32], n_classes: int, top_k: int) -> Components:
    """Return what gives rows their components: label, predicted, and both; then log loss, Brier and whether it is in the top k."""

    def of_rows(rows: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        label, read = labels[rows], class_rows(scores[rows], labels[rows], n_threads=1)
        both = np.where(read.rank == 0, 2 * n_classes + label, -1)
        return np.stack([label, n_classes + read.predicted, both], 1).astype(np.int32), np.stack(
            [read.log_loss, read.brier, (read.rank < top_k).astype(np.float64)], 1
        )

    return of_rows


def _paired_components(both: tuple[Floats, Floats], labels: NDArray[np.int32], top_k: int) -> Components:
    """Return what gives rows their components: the cells of `right` and of `in_top_k`, then the champion's losses and the differences."""

    def of_rows(rows: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        a, b = (class_rows(scores[rows], labels[rows], n_threads=1) for scores in both)
        right = 2 * (a.rank == 0) + (b.rank == 0)
        in_top_k = 4 + 2 * (a.rank < top_k) + (b.rank < top_k)
        losses = [a.log_loss, b.log_loss - a.log_loss, a.brier, b.brier - a.brier]
        return np.stack([right, in_top_k], 1).astype(np.int32), np.stack(losses, 1)

    return of_rows


def _totals(
    components: Components,
    labels: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    n_components: tuple[int, int],
    design: tuple[NDArray[np.float64] | None, NDArray[np.int64] | None],
    n_threads: int | None,
) -> ClusterTotals:
    from kernels.cluster_tally import cluster_tally

    judged = np.flatnonzero(labels >= 0)
    found = cluster_tally(
        components, judged, *design, slice_ids, window_ids, grid.n_slices, grid.n_windows, *n_components, n_threads=n_threads
    )
    return ClusterTotals(found.n_clusters, found.total, found.cross)
