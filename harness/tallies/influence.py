"""How much each row moves an AUC, and how these influences vary from cluster to cluster: Obuchowski's variance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import Grid
from kernels.cluster_tally import cluster_tally
from kernels.placement import Placements, placements
from kernels.score_order import score_order

# Every influence is (placement - AUC) / weight of its class, both of order 1 before the division: what remains of the cancellation is at
# most this times 1 / clusters of the class, squared. Below that a variance is rounding.
ROUNDING = 1e-14


@dataclass(frozen=True)
class AucSpread:
    """AUC of one model, or of the first and the difference of the second to it; m columns.

    Args:
        value, variance: float64 [n_cells, m]; the value is NaN without both classes, the variance with fewer than 2 clusters of one.
        n_clusters: int64 [n_cells], clusters that have a positive row or those that have a negative one, whichever are fewer.
    """

    value: NDArray[np.float64]
    variance: NDArray[np.float64]
    n_clusters: NDArray[np.int64]


@dataclass(frozen=True)
class _Cells:
    """One kind of cells (whole slices, or their windows) of one slice column, numbered from 0.

    Args:
        ids: int32 [n_rows, 1], cell of each row.
        rows: intp, rows that are in a cell and count.
        at: int64 [n_own], the cells' numbers in the grid.
        kind: column of `Placements.placement`.
    """

    ids: NDArray[np.int32]
    rows: NDArray[np.intp]
    at: NDArray[np.int64]
    kind: int


def auc_spread(
    models: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    n_threads: int | None,
    on_part: Callable[[], None] | None = None,
) -> AucSpread:
    """Return AUC and variance in every (slice, window); `labels` are -1 where a row does not count; `on_part` is called after every column.

    Formula: with the influence of a positive row w (V / W_neg - AUC) / W_pos, V the weight of negatives below it (half of equal ones), of
    a negative row w (U / W_pos - AUC) / W_neg, U the weight of positives above it, and A_c and B_c the sums of both over the rows of a
    cluster: I10 / (I10 - 1) sum A_c² + I01 / (I01 - 1) sum B_c² + 2 I / (I - 1) sum A_c B_c, where I10, I01 and I clusters have positive
    rows, negative rows, and any. The variance of a difference is that of the differences of the rows' influences.

    Notes
    -----
    Obuchowski, Biometrics 53:567-578, 1997, equation 1 and section 2, for weights of 1; DeLong's variance where also every row is a
    cluster of its own.
    """
    kept = np.flatnonzero(labels >= 0)
    if cluster_ids is not None:  # in the order of the clusters, so that every pass over them reads memory from front to back
        kept = kept[np.argsort(cluster_ids[kept], kind="stable")]
        cluster_ids = cluster_ids[kept]
    labels = labels[kept]
    window_ids = None if window_ids is None else window_ids[kept]
    weights = None if weights is None else weights[kept]
    orders = [score_order(scores[kept], labels, n_threads=n_threads) for scores in models]
    value, variance = (np.full((grid.n_cells, len(models)), np.nan) for _ in range(2))
    n_clusters = np.zeros(grid.n_cells, np.int64)
    for column in range(slice_ids.shape[1] if len(kept) else 0):
        own_ids = slice_ids[kept, column]
        cells_of_rows = (own_ids[:, None], window_ids, weights, grid.n_slices, grid.n_windows, 0)
        placed = [placements(order, *cells_of_rows, n_threads=n_threads) for order in orders]
        auc = np.stack([_area(one) for one in placed], axis=1)
        for cells in _cells(own_ids, window_ids, grid):
            found = _spread(placed, auc[cells.at], labels, cells, weights, cluster_ids, n_threads)
            value[cells.at], variance[cells.at], n_clusters[cells.at] = found.value, found.variance, found.n_clusters
        if on_part is not None:
            on_part()
    return AucSpread(value, variance, n_clusters)


def _area(placed: Placements) -> NDArray[np.float64]:
    """Return the weighted AUC, NaN where a class has no weight; float64 [n_cells]."""
    pairs = placed.weight_positive * placed.weight_negative
    area: NDArray[np.float64] = np.full(len(pairs), np.nan)
    np.divide(placed.placed_positive, pairs, out=area, where=pairs > 0)
    return area


def _cells(slices: NDArray[Any], window_ids: NDArray[np.int32] | None, grid: Grid) -> Iterator[_Cells]:
    """Yield the cells of a column over all windows, then those of its windows."""
    first, last = int(slices.min()), int(slices.max())
    own = slices.astype(np.int32) - first
    starts = np.arange(first, last + 1) * grid.n_windows
    yield _Cells(own[:, None], np.arange(len(own)), starts, 0)
    if window_ids is not None and grid.n_windows > 1:
        n_named = grid.n_windows - 1
        at = starts[:, None] + np.arange(1, grid.n_windows)
        yield _Cells((own * n_named + np.maximum(window_ids - 1, 0))[:, None], np.flatnonzero(window_ids > 0), at.ravel(), 1)


def _spread(
    placed: Sequence[Placements],
    auc: NDArray[np.float64],
    labels: NDArray[np.int8],
    cells: _Cells,
    weights: NDArray[np.float64] | None,
    cluster_ids: NDArray[np.int64] | None,
    n_threads: int | None,
) -> AucSpread:
    """Return value and variance of the cells of one kind; `auc` float64 [n_own, m] of each model."""
    by_class = [np.where(total > 0, total, 1.0)[cells.at] for total in (placed[0].weight_negative, placed[0].weight_positive)]
    centre = np.where(np.isnan(auc), 0.0, auc)

    def influences_of(rows: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        cell, label = cells.ids[rows, 0], labels[rows] == 1
        own, other = np.where(label, by_class[1][cell], by_class[0][cell]), np.where(label, by_class[0][cell], by_class[1][cell])
        found = [(one.placement[rows, cells.kind] / other - centre[cell, k]) / own for k, one in enumerate(placed)]
        return np.empty((len(rows), 0), np.int32), np.stack([found[0], *(one - found[0] for one in found[1:])], axis=1)

    is_positive = labels[cells.rows] == 1
    n: list[NDArray[np.int64]] = []
    squares: list[NDArray[np.float64]] = []
    for rows in (cells.rows[is_positive], cells.rows[~is_positive], cells.rows):
        grid = (cells.ids, None, len(cells.at), 1, 0, len(placed))
        found = cluster_tally(influences_of, rows, weights, cluster_ids, *grid, n_threads=n_threads)
        n.append(found.n_clusters)
        squares.append(np.asarray(np.diagonal(found.cross, axis1=1, axis2=2), np.float64))
    positive, negative, both = (_corrected(count) for count in n)
    crossed = squares[2] - squares[0] - squares[1]
    variance = positive * squares[0] + negative * squares[1] + both * crossed
    floor = ROUNDING**2 * (positive / n[0].clip(1)[:, None] + negative / n[1].clip(1)[:, None])
    value = np.concatenate([auc[:, :1], auc[:, 1:] - auc[:, :1]], axis=1)
    return AucSpread(value, np.where(variance <= floor, 0.0, variance), np.minimum(n[0], n[1]))


def _corrected(n_clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return I / (I - 1), float64 [n_cells, 1]; NaN under 2 clusters."""
    count = np.where(n_clusters >= 2, n_clusters, np.nan)[:, None]
    return np.asarray(count / (count - 1.0), np.float64)
