"""How well a multiclass model ranks each class against the rest, with the variance of the mean over classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import Grid, ShareEstimate
from kernels.class_influence import add_influence
from kernels.score_order import score_order

INFLUENCE_BYTES = 1 << 30  # of the influences that are kept at once; at least those of one slice column
ROUNDING = 1e-13  # of the sum over classes: what is left of equal placements is 0, and not a variance
Floats = NDArray[np.float64]


def class_auc(
    scores: NDArray[np.float32],
    labels: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: Floats | None,
    cluster_ids: NDArray[np.int64] | None,
    *,
    n_threads: int | None = None,
    on_part: Callable[[], None] | None = None,
) -> tuple[Floats, ShareEstimate]:
    """Return the one-vs-rest AUC of every class, and their mean with its variance.

    Formula: AUC_k = sum over rows of class k of w * placement / (W_k * rest's W_k). A row's influence on it is w * (placement / W of
    the other side - AUC_k) / W of its own side, and on the mean over classes the mean of these. The variance is the sum of squared
    influences, each class's first multiplied by sqrt(m / (m - 1)), m the rows of the row's own side: with two classes it is DeLong's.
    With weights or clusters: G / (G - 1) * the sum over the G clusters of the squared sum of influences.

    Memory: 4 bytes a row for the order of one class, and 8 bytes (16 with windows) a row and slice column for the influences, of as
    many columns at once as fit in 1 GiB; the classes are ordered again for every such group.

    Parameters
    ----------
    scores : float32 [n_rows, n_classes]
    labels : int32 [n_rows], -1 where the row is not judged or weighs 0
    slice_ids, window_ids, grid, weights, cluster_ids, n_threads, on_part : as in `tally_multiclass`

    Returns
    -------
    float64 [n_cells, n_classes]
        NaN where a class or its rest is missing.
    ShareEstimate
        NaN where any of them is; the variance also where a side has 1 row.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson, Biometrics 44:837, 1988, for each class; the mean as in Provost & Domingos, Machine Learning 52:199,
    2003, with equal weights (Hand & Till, Machine Learning 45:171, 2001, average over pairs of classes instead).

    Examples
    --------
    Two classes: positives .4 and .8 over negatives .2 and .6 have AUC 3/4 with DeLong's variance 1/8, and so has the other class.

    >>> scores, labels = np.array([0.2, 0.4, 0.6, 0.8], np.float32), np.array([0, 1, 0, 1], np.int32)
    >>> ids = np.zeros((4, 1), np.uint16)
    >>> by_class, mean = class_auc(np.stack([1 - scores, scores], 1), labels, ids, None, Grid(("all",), ("all",), ("all",)), None, None)
    >>> by_class.tolist(), mean.value.tolist(), mean.variance.round(9).tolist()
    ([[0.75, 0.75]], [0.75], [0.125])
    """
    n_rows, n_columns = slice_ids.shape
    step = max(1, INFLUENCE_BYTES // max(8 * n_rows * (2 if grid.n_windows > 1 else 1), 1))
    by_class = np.full((grid.n_cells, scores.shape[1]), np.nan)
    squares, n_clusters = np.zeros(grid.n_cells), np.zeros(grid.n_cells, np.int64)
    for start in range(0, n_columns, step):
        columns = np.ascontiguousarray(slice_ids[:, start : start + step])
        own = _ColumnsAuc(labels, columns, window_ids, grid, weights, scores.shape[1], is_plain=weights is None and cluster_ids is None)
        for k in range(scores.shape[1]):
            own.rank(k, np.ascontiguousarray(scores[:, k]), n_threads)
            if on_part is not None:
                on_part()
        total, count = own.squares(cluster_ids)
        np.copyto(by_class, own.by_class, where=~np.isnan(own.by_class))
        squares, n_clusters = squares + total, n_clusters + count
    if weights is not None or cluster_ids is not None:
        squares = squares * n_clusters / np.where(n_clusters > 1, n_clusters - 1, np.nan)
    value = by_class.mean(axis=1)
    return by_class, ShareEstimate(value, np.where(np.isnan(value), np.nan, squares), n_clusters)


class _ColumnsAuc:
    """The AUC of every class in the cells of some slice columns, and every row's influence on their sum."""

    def __init__(
        self,
        labels: NDArray[np.int32],
        slice_ids: NDArray[Any],
        window_ids: NDArray[np.int32] | None,
        grid: Grid,
        weights: Floats | None,
        n_classes: int,
        *,
        is_plain: bool,
    ) -> None:
        self.labels, self.slice_ids, self.window_ids, self.grid, self.weights = labels, slice_ids, window_ids, grid, weights
        self.is_plain = is_plain
        self.by_class = np.full((grid.n_cells, n_classes), np.nan)
        self.influence = np.zeros((slice_ids.shape[1], len(labels), 2 if grid.n_windows > 1 else 1))
        self.judged = np.flatnonzero(labels >= 0)
        self.class_weight = self._class_weight(n_classes)
        self.total = self.class_weight.sum(axis=1)

    def cells(self, column: int, kind: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Return the cell of every judged row in a column: that of all windows, or (kind 1) of its window; and which rows those are."""
        rows = self.judged if kind == 0 or self.window_ids is None else self.judged[self.window_ids[self.judged] > 0]
        cells = self.slice_ids[rows, column].astype(np.int64) * self.grid.n_windows
        return (cells + self.window_ids[rows] if kind == 1 and self.window_ids is not None else cells), rows

    def _class_weight(self, n_classes: int) -> Floats:
        out = np.zeros(self.grid.n_cells * n_classes)
        for column, kind in np.ndindex(self.influence.shape[0], self.influence.shape[2]):
            cells, rows = self.cells(column, kind)
            out += _sums(cells * n_classes + self.labels[rows], None if self.weights is None else self.weights[rows], len(out))
        return out.reshape(-1, n_classes)

    def rank(self, k: int, scores: NDArray[np.float32], n_threads: int | None) -> None:
        """Rank class k against the rest."""
        order = score_order(scores, np.where(self.labels < 0, -1, self.labels == k).astype(np.int8), n_threads=n_threads)
        positive = self.class_weight[:, k]
        pairs = positive * (self.total - positive)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.stack([self._factor(k, is_own=False) / pairs, self._factor(k, is_own=True) / pairs], axis=1)
        placed = add_influence(
            self.influence, order, self.slice_ids, self.window_ids, self.weights, positive, scale, self.grid.n_slices, self.grid.n_windows,
            n_threads=n_threads,
        )  # fmt: skip
        np.divide(placed, pairs, out=self.by_class[:, k], where=pairs > 0)

    def _factor(self, k: int, *, is_own: bool) -> Floats:
        """Return by what a side's influences are multiplied, so that squares over its m rows estimate without bias: sqrt(m / (m - 1))."""
        side = self.class_weight[:, k] if is_own else self.total - self.class_weight[:, k]
        return np.sqrt(side / (side - 1.0)) if self.is_plain else np.ones_like(side)

    def _centre(self) -> Floats:
        """Return what a row's placements sum to on average, per weight: float64 [n_cells, n_classes], by the row's own class."""
        own, rest = np.zeros_like(self.by_class), np.zeros_like(self.by_class)
        for k in range(self.by_class.shape[1]):
            own[:, k] = self._factor(k, is_own=True) * self.by_class[:, k] / self.class_weight[:, k]
            rest[:, k] = self._factor(k, is_own=False) * self.by_class[:, k] / (self.total - self.class_weight[:, k])
        return np.asarray(own - rest + rest.sum(axis=1, keepdims=True), np.float64)

    def squares(self, cluster_ids: NDArray[np.int64] | None) -> tuple[Floats, NDArray[np.int64]]:
        """Return per cell the sum over clusters of the squared sum of influences on the mean, and the number of clusters."""
        n_cells, n_classes = self.by_class.shape
        total, n_clusters = np.zeros(n_cells), np.zeros(n_cells, np.int64)
        numbers = None if cluster_ids is None else np.unique(cluster_ids, return_inverse=True)[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            centre = self._centre()
            for column, kind in np.ndindex(self.influence.shape[0], self.influence.shape[2]):
                cells, rows = self.cells(column, kind)
                weight = 1.0 if self.weights is None else self.weights[rows]
                mean = weight * centre[cells, self.labels[rows]]
                influence = (self.influence[column, rows, kind] - mean) / n_classes
                influence[np.abs(influence) <= ROUNDING * np.abs(mean)] = 0.0
                if numbers is not None and len(rows):
                    influence, cells = _by_cluster(influence, cells, numbers[rows])
                total += _sums(cells, influence * influence, n_cells)
                n_clusters += np.bincount(cells, minlength=n_cells)
        return total, n_clusters


def _by_cluster(influence: Floats, cells: NDArray[np.int64], clusters: NDArray[np.intp]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the sum of influences of every cluster in every cell that it has rows in, and that cell."""
    n_clusters = int(clusters.max()) + 1
    pairs, of_row = np.unique(cells * n_clusters + clusters, return_inverse=True)
    return _sums(of_row, influence, len(pairs)), pairs // n_clusters


def _sums(places: NDArray[np.int64], values: Floats | None, n_places: int) -> Floats:
    return np.bincount(places, weights=values, minlength=n_places).astype(np.float64)
