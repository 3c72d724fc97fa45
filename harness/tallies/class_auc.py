"""How well a multiclass model ranks each class against the rest, with the variance of the mean over classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import Grid, ShareEstimate
from harness.tallies.column_cells import ColumnCells, cells_of_column, n_kinds
from harness.tallies.counted_rows import among, by_cluster, no_categories, numbers_of
from kernels.array_library import Library, library_of, on_host
from kernels.class_influence import add_influence
from kernels.cluster_tally import Components, cluster_tally
from kernels.devices import WAVE_SHARE, check_fits, free_bytes, is_on_cuda
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
    class_weight: Floats,
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
    many columns at once as fit in 1 GiB, or in half of the free memory of a card; the classes are ordered again for every such group.

    Parameters
    ----------
    scores : float32 [n_rows, n_classes], NumPy, or on a card with the other arrays
    labels : int32 [n_rows], -1 where the row is not judged or weighs 0
    class_weight : float64 [n_cells, n_classes], weight of the rows of every class, always NumPy
    slice_ids, window_ids, grid, weights, cluster_ids, n_threads, on_part : as in `tally_multiclass`

    Returns
    -------
    float64 [n_cells, n_classes]
        NaN where a class or its rest is missing.
    ShareEstimate
        NaN where any of them is; the variance also where a side has 1 row.

    Raises
    ------
    CardMemoryError
        The influences of one slice column do not fit into the memory of the card.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson, Biometrics 44:837, 1988, for each class; the mean as in Provost & Domingos, Machine Learning 52:199,
    2003, with equal weights (Hand & Till, Machine Learning 45:171, 2001, average over pairs of classes instead).

    Examples
    --------
    Two classes: positives .4 and .8 over negatives .2 and .6 have AUC 3/4 with DeLong's variance 1/8, and so has the other class.

    >>> scores, labels = np.array([0.2, 0.4, 0.6, 0.8], np.float32), np.array([0, 1, 0, 1], np.int32)
    >>> ids, grid, two_each = np.zeros((4, 1), np.uint16), Grid(("all",), ("all",), ("all",)), np.array([[2.0, 2.0]])
    >>> by_class, mean = class_auc(np.stack([1 - scores, scores], 1), labels, ids, None, grid, None, None, two_each)
    >>> by_class.tolist(), mean.value.tolist(), mean.variance.round(9).tolist()
    ([[0.75, 0.75]], [0.75], [0.125])
    """
    n_rows, n_columns = (int(size) for size in slice_ids.shape)
    n_classes, is_plain = class_weight.shape[1], weights is None and cluster_ids is None
    at_once = INFLUENCE_BYTES if not is_on_cuda(scores) else min(INFLUENCE_BYTES, WAVE_SHARE * free_bytes())
    step = max(1, int(at_once) // max(8 * n_rows * n_kinds(window_ids, grid), 1))
    of = library_of(scores)
    own_labels, judged = of.own(labels), by_cluster(numbers_of(of, of.own(labels) >= 0), cluster_ids)
    cluster_ids = None if cluster_ids is None else on_host(cluster_ids)  # kernels look there for where clusters end, once a column
    placed, squares, n_clusters = np.zeros_like(class_weight), np.zeros(grid.n_cells), np.zeros(grid.n_cells, np.int64)
    for start in range(0, n_columns, step):
        columns = of.back(of.xp.ascontiguousarray(of.own(slice_ids)[:, start : start + step]))
        own = _ColumnsAuc(of, own_labels, columns, window_ids, grid, weights, class_weight, is_plain=is_plain)
        for k in range(n_classes):
            own.rank(k, of.back(of.xp.ascontiguousarray(of.array[:, k])), n_threads)
            if on_part is not None:
                on_part()
        total, count = own.squares(judged, cluster_ids, n_threads)
        placed, squares, n_clusters = placed + own.placed, squares + total, n_clusters + count
    if not is_plain:
        squares = squares * n_clusters / np.where(n_clusters > 1, n_clusters - 1, np.nan)
    by_class = _share(placed, _pairs(class_weight))
    value = by_class.mean(axis=1)
    return by_class, ShareEstimate(value, np.where(np.isnan(value), np.nan, squares), n_clusters)


def _pairs(class_weight: Floats) -> Floats:
    """Return the weight of every class times that of the rest, float64 [n_cells, n_classes]."""
    rest: Floats = class_weight.sum(axis=1, keepdims=True) - class_weight
    return class_weight * rest


def _share(placed: Floats, pairs: Floats) -> Floats:
    found: Floats = np.full_like(pairs, np.nan)
    np.divide(placed, pairs, out=found, where=pairs > 0)
    return found


class _ColumnsAuc:
    """The AUC of every class in the cells of some slice columns, and every row's influence on their sum."""

    def __init__(
        self, of: Library, labels: Any, slice_ids: Any, window_ids: Any, grid: Grid, weights: Any, class_weight: Floats, *, is_plain: bool
    ) -> None:
        self.of, self.labels, self.slice_ids, self.window_ids, self.grid, self.weights = of, labels, slice_ids, window_ids, grid, weights
        self.class_weight, self.total, self.is_plain = class_weight, class_weight.sum(axis=1), is_plain
        shape = (int(slice_ids.shape[1]), int(slice_ids.shape[0]), n_kinds(window_ids, grid))
        if is_on_cuda(slice_ids):
            check_fits(f"the influences of {shape[1]:,} rows on the AUC of a class, in {shape[0]} columns,", 8 * int(np.prod(shape)))
        self.influence = of.back(of.xp.zeros(shape, dtype=of.xp.float64))
        self.placed = np.zeros_like(class_weight)

    def rank(self, k: int, scores: Any, n_threads: int | None) -> None:
        """Rank class k against the rest."""
        xp = self.of.xp
        of_class = xp.where(self.labels < 0, xp.asarray(-1, dtype=xp.int8), xp.astype(self.labels == k, xp.int8))
        order = score_order(scores, self.of.back(of_class), n_threads=n_threads)
        positive = np.ascontiguousarray(self.class_weight[:, k])
        pairs = positive * (self.total - positive)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.stack([self._factor(k, is_own=False) / pairs, self._factor(k, is_own=True) / pairs], axis=1)
        scale[~np.isfinite(scale)] = np.nan  # of a side with no row or, where the factor needs two, with one
        self.placed[:, k] = add_influence(
            self.influence, order, self.slice_ids, self.window_ids, self.weights, positive, scale, self.grid.n_slices, self.grid.n_windows,
            n_threads=n_threads,
        )  # fmt: skip

    def _factor(self, k: int, *, is_own: bool) -> Floats:
        """Return by what a side's influences are multiplied, so that squares over its m rows estimate without bias: sqrt(m / (m - 1))."""
        side = self.class_weight[:, k] if is_own else self.total - self.class_weight[:, k]
        return np.sqrt(side / (side - 1.0)) if self.is_plain else np.ones_like(side)

    def _centre(self) -> Floats:
        """Return what a row's placements sum to on average, per weight: float64 [n_cells, n_classes], by the row's own class."""
        by_class = _share(self.placed, _pairs(self.class_weight))
        own, rest = np.zeros_like(by_class), np.zeros_like(by_class)
        for k in range(by_class.shape[1]):
            own[:, k] = self._factor(k, is_own=True) * by_class[:, k] / self.class_weight[:, k]
            rest[:, k] = self._factor(k, is_own=False) * by_class[:, k] / (self.total - self.class_weight[:, k])
        return np.asarray(own - rest + rest.sum(axis=1, keepdims=True), np.float64)

    def squares(self, judged: NDArray[np.intp], cluster_ids: Any, n_threads: int | None) -> tuple[Floats, NDArray[np.int64]]:
        """Return per cell the sum over clusters of the squared sum of influences on the mean, and the number of clusters."""
        total, n_clusters = np.zeros(self.grid.n_cells), np.zeros(self.grid.n_cells, np.int64)
        windows, ids, influence = (self.of.own(one) for one in (self.window_ids, self.slice_ids, self.influence))
        with np.errstate(divide="ignore", invalid="ignore"):
            centre = self._centre()
        for column in range(ids.shape[1] if judged.size else 0):
            for cells in cells_of_column(self.of.xp, ids[:, column], windows, self.grid):
                rows = judged if cells.kind == 0 else among(self.of, judged, windows > 0)
                components = influences_of(self.of, influence[column], self.labels, cells, self.of.own(self.weights), centre[cells.at])
                grid = (self.of.back(self.of.xp.reshape(cells.ids, (-1, 1))), None, len(cells.at), 1, 0, 1)
                found = cluster_tally(components, rows, None, cluster_ids, *grid, n_threads=n_threads)
                total[cells.at] += found.cross[:, 0, 0]
                n_clusters[cells.at] += found.n_clusters
        return total, n_clusters


def influences_of(of: Library, influence: Any, labels: Any, cells: ColumnCells, weights: Any, centre: Floats) -> Components:
    """Return what gives rows their influences on the mean of the classes' AUC.

    Parameters
    ----------
    of : the array library that makes them
    influence : float64 [n_rows, n_kinds], placements of the rows, weighted and scaled; with labels, cells and weights that library's
    labels : int32 [n_rows]
    cells : of the rows
    weights : float64 [n_rows], or None
    centre : float64 [n_own, n_classes], on the host
    """
    xp, n_of_kinds, n_classes = of.xp, influence.shape[1], centre.shape[1]
    flat, means = xp.reshape(influence, (-1,)), of.own(np.ascontiguousarray(centre).reshape(-1))

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        mean = xp.take(means, xp.take(cells.ids, at, axis=0) * n_classes + xp.take(labels, at, axis=0), axis=0)
        with np.errstate(invalid="ignore"):  # where a class is missing
            mean = mean if weights is None else xp.take(weights, at, axis=0) * mean
            found = (xp.take(flat, at * n_of_kinds + cells.kind, axis=0) - mean) / n_classes
            found = xp.where(xp.abs(found) <= ROUNDING * xp.abs(mean), 0.0, found)
        return no_categories(of, len(rows)), of.back(xp.reshape(found, (-1, 1)))

    return of_rows
