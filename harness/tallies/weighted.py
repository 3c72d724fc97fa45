"""Weighted and clustered rows of binary labels: totals with their spread over clusters, for one variant or a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import BINARY_COMPONENTS, PAIRED_COMPONENTS, ClusterTotals, Grid, ShareEstimate
from harness.tallies.checks import check_scores
from harness.tallies.counted_rows import by_cluster, numbers_of
from harness.tallies.influence import auc_spread
from kernels.array_library import library_of
from kernels.cluster_tally import Components, cluster_tally

CLIP = 1e-15  # of log loss, as in the tallies of plain rows
N_CELLS_OF_ONE, N_CELLS_OF_PAIR = 4, 8  # components that count rows: [label, predicted], [label, predicted, predicted]


def binary_totals(
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    threshold: float,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    *,
    n_threads: int | None = None,
) -> ClusterTotals:
    """Return the weighted totals of one variant's scores in every (slice, window), with the components `BINARY_COMPONENTS`.

    Parameters
    ----------
    scores : float32 [n_rows], from 0 to 1; NumPy, or on a card with the other arrays
    labels : int8 [n_rows]; 1 positive, 0 negative, anything else is not judged and in nothing
    slice_ids : uint16 or int32 [n_rows, n_columns]; column 0 is slice 0, all rows
    window_ids : int32 [n_rows], 0 where a row is in no window; None where the grid has one window
    threshold : a row is predicted positive when score >= float32(threshold)
    weights : float64 [n_rows], at least 0; None for 1 each. Rows of weight 0 are in nothing
    cluster_ids : int64 [n_rows]; None: every row is a cluster of its own
    n_threads : None for every core

    Raises
    ------
    ScoreError
        A score of the host is NaN or outside [0, 1].

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> scores, labels = np.array([0.75, 0.25, 0.75], np.float32), np.array([1, 1, 0], np.int8)
    >>> ids, weights, clusters = np.zeros((3, 1), np.uint16), np.array([2.0, 1.0, 1.0]), np.array([7, 7, 8])
    >>> totals = binary_totals(scores, labels, ids, None, grid, 0.5, weights, clusters)
    >>> totals.total[0, :4].tolist(), totals.n_clusters.tolist()  # TN, FP, FN, TP
    ([0.0, 1.0, 1.0, 2.0], [2])
    >>> totals.cross[0, 3, 2].item()  # TP and FN of cluster 7: 2 * 1
    2.0
    """
    check_scores("scores", scores)
    components = components_of_one(scores, labels, threshold)
    return _totals(components, labels, slice_ids, window_ids, grid, weights, cluster_ids, N_CELLS_OF_ONE, BINARY_COMPONENTS, n_threads)


def components_of_one(scores: Any, labels: Any, threshold: float) -> Components:
    """Return what gives rows their components, made where the labels are: the cell of label and prediction, the losses, and the score."""
    of = library_of(labels)
    xp, own, limit = of.xp, of.own(scores), float(np.float32(threshold))

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        score, label = xp.take(own, at, axis=0), xp.astype(xp.take(of.array, at, axis=0), xp.int32)
        category = 2 * label + xp.astype(score >= limit, xp.int32)
        probability = xp.astype(score, xp.float64)
        values = xp.stack([*losses(xp, probability, label), probability], axis=1)
        return of.back(xp.reshape(category, (-1, 1))), of.back(values)

    return of_rows


def paired_totals(
    champion_scores: NDArray[np.float32],
    challenger_scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    champion_threshold: float,
    challenger_threshold: float,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    *,
    n_threads: int | None = None,
) -> ClusterTotals:
    """Return the weighted totals of champion and challenger on the same rows, with the components `PAIRED_COMPONENTS`.

    `log_loss` and `brier` among them are the rows' differences challenger - champion: models that are nearly alike differ by less
    than the rounding of the squares of their losses.

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows], from 0 to 1
    champion_threshold, challenger_threshold : predicted positive when score >= float32(threshold)
    labels, slice_ids, window_ids, grid, weights, cluster_ids, n_threads : as in `binary_totals`

    Raises
    ------
    ScoreError
        A score of the host is NaN or outside [0, 1].
    """
    check_scores("champion", champion_scores)
    check_scores("challenger", challenger_scores)
    components = components_of_pair((champion_scores, challenger_scores), labels, (champion_threshold, challenger_threshold))
    return _totals(components, labels, slice_ids, window_ids, grid, weights, cluster_ids, N_CELLS_OF_PAIR, PAIRED_COMPONENTS, n_threads)


def components_of_pair(scores: tuple[Any, Any], labels: Any, thresholds: tuple[float, float]) -> Components:
    """Return the same of champion and challenger: the cell of label and both predictions, the champion's losses, and the differences."""
    of = library_of(labels)
    xp, own, limits = of.xp, [of.own(one) for one in scores], [float(np.float32(one)) for one in thresholds]

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        label, old, new = xp.astype(xp.take(of.array, at, axis=0), xp.int32), xp.take(own[0], at, axis=0), xp.take(own[1], at, axis=0)
        category = 4 * label + 2 * xp.astype(old >= limits[0], xp.int32) + xp.astype(new >= limits[1], xp.int32)
        log_loss, brier = losses(xp, xp.astype(old, xp.float64), label)
        new_log_loss, new_brier = losses(xp, xp.astype(new, xp.float64), label)
        values = xp.stack([log_loss, new_log_loss - log_loss, brier, new_brier - brier], axis=1)
        return of.back(xp.reshape(category, (-1, 1))), of.back(values)

    return of_rows


def weighted_auc(
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    *,
    n_threads: int | None = None,
    on_part: Callable[[], None] | None = None,
) -> ShareEstimate:
    """Return the weighted AUC of every (slice, window) with its cluster-robust variance, as `auc_spread` defines them.

    `n_clusters` counts those that have a positive row or those that have a negative one, whichever are fewer. Memory: about 130 bytes a row with windows.

    Parameters
    ----------
    scores, labels, slice_ids, window_ids, grid, weights, cluster_ids, n_threads : as in `binary_totals`
    on_part : called after every slice column, each of which costs a pass

    Raises
    ------
    ScoreError
        A score of the host is NaN or outside [0, 1].

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> scores, labels = np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8)
    >>> found = weighted_auc(scores, labels, np.zeros((4, 1), np.uint16), None, grid, np.array([1.0, 1.0, 2.0, 4.0]), None)
    >>> round(float(found.value[0]), 6), found.n_clusters.tolist()  # 14 of 15 pairs: the positive of weight 1 is above 1 and ties with 2
    (0.933333, [2])
    """
    check_scores("scores", scores)
    design = (slice_ids, window_ids, grid, weights, cluster_ids, n_threads)
    found = auc_spread([scores], _counted(labels, weights), *design, on_part)
    return ShareEstimate(found.value[:, 0], found.variance[:, 0], found.n_clusters)


def paired_weighted_auc(
    champion_scores: NDArray[np.float32],
    challenger_scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    *,
    n_threads: int | None = None,
    on_part: Callable[[], None] | None = None,
) -> tuple[ShareEstimate, ShareEstimate]:
    """Return the champion's weighted AUC, and the difference challenger - champion on the same rows, of every (slice, window).

    The difference's variance is that of the differences of the rows' influences. Memory: about 140 bytes a row with windows.

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows], from 0 to 1
    labels, slice_ids, window_ids, grid, weights, cluster_ids, n_threads : as in `binary_totals`
    on_part : called after every slice column, each of which costs a pass

    Raises
    ------
    ScoreError
        A score of the host is NaN or outside [0, 1].
    """
    check_scores("champion", champion_scores)
    check_scores("challenger", challenger_scores)
    design = (slice_ids, window_ids, grid, weights, cluster_ids, n_threads)
    found = auc_spread([champion_scores, challenger_scores], _counted(labels, weights), *design, on_part)
    champion, difference = (ShareEstimate(found.value[:, k], found.variance[:, k], found.n_clusters) for k in range(2))
    return champion, difference


def _counted(labels: Any, weights: Any) -> Any:
    """Return the labels, -1 in place of those that do not count, where they were."""
    of = library_of(labels)
    return of.back(of.xp.where(counts(of.array, of.own(weights)), of.array, of.xp.asarray(-1, dtype=of.xp.int8)))


def _totals(
    components: Components,
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    n_categories: int,
    names: tuple[str, ...],
    n_threads: int | None,
) -> ClusterTotals:
    of = library_of(labels)
    rows = by_cluster(numbers_of(of, counts(of.array, of.own(weights))), cluster_ids)
    cells = (slice_ids, window_ids, grid.n_slices, grid.n_windows)
    n_values = len(names) - n_categories
    found = cluster_tally(components, rows, weights, cluster_ids, *cells, n_categories, n_values, n_threads=n_threads)
    return ClusterTotals(found.n_clusters, found.total, found.cross)


def counts(labels: Any, weights: Any) -> Any:
    """Return which rows are in the tallies, bool [n_rows]: they are labelled, and of a weight above 0; all of one library."""
    judged = (labels == 0) | (labels == 1)
    return judged if weights is None else judged & (weights > 0)


def losses(xp: Any, probability: Any, label: Any) -> tuple[Any, Any]:
    """Return log loss (nats, clipped at 1e-15) and squared error of rows, float64 [n] each, of the array library `xp`.

    >>> log_loss, brier = losses(np, np.array([0.25, 0.25]), np.array([1, 0], np.int32))
    >>> log_loss.round(6).tolist(), brier.tolist()
    ([1.386294, 0.287682], [0.5625, 0.0625])
    """
    clipped = xp.clip(probability, CLIP, 1.0 - CLIP)
    error = probability - xp.astype(label, xp.float64)
    return -xp.log(xp.where(label == 1, clipped, 1.0 - clipped)), error * error
