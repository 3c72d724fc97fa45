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
from harness.tallies.counted_rows import by_cluster, numbers_of
from kernels.array_library import library_of
from kernels.class_rows import rows_where_scores_are
from kernels.class_tally import class_tally, paired_class_tally
from kernels.cluster_tally import Components, cluster_tally
from kernels.devices import is_on_cuda

MAX_TABLE_BYTES = 1 << 30
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
    scores : float32 [n_rows, n_classes], probabilities; NumPy, or on a card with the other arrays
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
        A score of the host is NaN or outside [0, 1], or those of a row do not sum to 1.
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
    totals, by_class, macro = None, None, None
    class_weight = found.confusion.sum(axis=2).astype(np.float64)
    if weights is not None or cluster_ids is not None:
        _check_size(grid, (3 * n_classes + 3) ** 2, "products of weighted totals", n_classes)
        components = components_of_one(scores, labels, n_classes, top_k)
        totals = _totals(components, labels, slice_ids, window_ids, grid, (3 * n_classes, 3), (weights, cluster_ids), n_threads)
        class_weight = totals.total[:, :n_classes]
    if with_auc:
        design = (weights, cluster_ids, class_weight)
        by_class, macro = class_auc(scores, *rows, grid, *design, n_threads=n_threads, on_part=on_part)
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
        components = components_of_pair(both, labels, top_k)
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


def _counted(labels: Any, weights: Any) -> Any:
    """Return the labels without those of rows of weight 0, which are no rows; they lie where they did."""
    if weights is None:
        return labels
    of = library_of(labels)
    return of.back(of.xp.where(of.own(weights) > 0, of.array, of.xp.asarray(-1, dtype=of.xp.int32)))


def _check(who: str, scores: Floats, n_classes: int) -> None:
    """Refuse scores of another shape, and what is no probability; scores on a card were looked at on the host, where they are kept too."""
    if scores.ndim != 2 or scores.shape[1] != n_classes:
        raise ValueError(f"{who} has shape {scores.shape}; wanted [rows, {n_classes}], a column per class")
    if is_on_cuda(scores):
        return
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


def components_of_one(scores: Any, labels: Any, n_classes: int, top_k: int) -> Components:
    """Return what gives rows their components: label, predicted, and both; then log loss, Brier and whether it is in the top k.

    They are made where the scores are.
    """
    of = library_of(scores)
    xp, own_labels = of.xp, of.own(labels)

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        label = xp.take(own_labels, at, axis=0)
        predicted, rank, log_loss, brier = rows_where_scores_are(of.back(xp.take(of.array, at, axis=0)), of.back(label), n_threads=1)
        both = xp.where(rank == 0, 2 * n_classes + label, xp.asarray(-1, dtype=xp.int32))
        in_top_k = xp.astype(rank < top_k, xp.float64)
        return of.back(xp.stack([label, n_classes + predicted, both], axis=1)), of.back(xp.stack([log_loss, brier, in_top_k], axis=1))

    return of_rows


def components_of_pair(both: tuple[Any, Any], labels: Any, top_k: int) -> Components:
    """Return what gives rows their components: the cells of `right` and of `in_top_k`, then the champion's losses and the differences."""
    of = library_of(both[0])
    xp, own_labels, own_scores = of.xp, of.own(labels), [of.own(one) for one in both]

    def read(scores: Any, at: Any) -> tuple[Any, Any, Any, Any]:
        """Return whether the label is predicted and whether it is in the top k, int32, and the losses."""
        found = rows_where_scores_are(of.back(xp.take(scores, at, axis=0)), of.back(xp.take(own_labels, at, axis=0)), n_threads=1)
        return xp.astype(found.rank == 0, xp.int32), xp.astype(found.rank < top_k, xp.int32), found.log_loss, found.brier

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        a, b = (read(scores, at) for scores in own_scores)
        categories = xp.stack([2 * a[0] + b[0], 4 + 2 * a[1] + b[1]], axis=1)
        return of.back(categories), of.back(xp.stack([a[2], b[2] - a[2], a[3], b[3] - a[3]], axis=1))

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
    of = library_of(labels)
    judged = by_cluster(numbers_of(of, of.array >= 0), design[1])
    found = cluster_tally(
        components, judged, *design, slice_ids, window_ids, grid.n_slices, grid.n_windows, *n_components, n_threads=n_threads
    )
    return ClusterTotals(found.n_clusters, found.total, found.cross)
