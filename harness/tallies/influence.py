"""How much each row moves an AUC, and how these influences vary from cluster to cluster: Obuchowski's variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import Grid
from harness.tallies.column_cells import ColumnCells, cells_of_column, n_kinds
from harness.tallies.counted_rows import by_cluster, no_categories, numbers_of
from kernels.array_library import Library, library_of, on_host
from kernels.cluster_tally import Components, cluster_tally
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
class _Rows:
    """The rows that count, cluster after cluster.

    Args:
        of: the array library of what lies where the rows were; `is_positive` bool [n] is its.
        weights: float64 [n] or None, as kernels take them.
        cluster_ids: int64 [n] or None, on the host, since kernels look there for where clusters end.
        by_kind: for each kind of cells the numbers of positive rows in one, of negative ones, and of both.
    """

    of: Library
    is_positive: Any
    weights: Any
    cluster_ids: NDArray[np.int64] | None
    by_kind: list[tuple[NDArray[np.intp], ...]]
    n_threads: int | None


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
    whole = library_of(labels)
    xp = whole.xp
    kept = xp.asarray(by_cluster(numbers_of(whole, whole.array >= 0), cluster_ids))  # every pass over clusters reads memory front to back

    def of_kept(array: Any) -> Any:
        return None if array is None else xp.take(whole.own(array), kept, axis=0)

    of = whole._replace(array=of_kept(whole.array))
    windows, slices = of_kept(window_ids), whole.own(slice_ids)
    orders = [score_order(whole.back(of_kept(scores)), whole.back(of.array), n_threads=n_threads) for scores in models]
    weights, window_ids = (None if one is None else whole.back(one) for one in (of_kept(weights), windows))
    clusters = None if cluster_ids is None else np.asarray(on_host(of_kept(cluster_ids)), np.int64)
    rows = _Rows(of, of.array == 1, weights, clusters, _rows_by_kind(of, windows, grid), n_threads)
    value, variance = (np.full((grid.n_cells, len(models)), np.nan) for _ in range(2))
    n_clusters = np.zeros(grid.n_cells, np.int64)
    for column in range(slice_ids.shape[1] if kept.shape[0] else 0):
        own_ids = xp.take(slices[:, column], kept, axis=0)
        cells_of_rows = (whole.back(xp.reshape(own_ids, (-1, 1))), window_ids, weights, grid.n_slices, grid.n_windows, 0)
        placed = [placements(order, *cells_of_rows, n_threads=n_threads) for order in orders]
        auc = np.stack([_area(one) for one in placed], axis=1)
        for cells in cells_of_column(xp, own_ids, windows, grid):
            found = _spread(placed, auc[cells.at], cells, rows)
            value[cells.at], variance[cells.at], n_clusters[cells.at] = found.value, found.variance, found.n_clusters
        if on_part is not None:
            on_part()
    return AucSpread(value, variance, n_clusters)


def _rows_by_kind(of: Library, windows: Any, grid: Grid) -> list[tuple[NDArray[np.intp], ...]]:
    """Return for each kind of cells the numbers of the positive rows in one, of the negative ones, and of both."""
    is_positive = of.array == 1
    sides = [(is_positive, ~is_positive, of.array >= 0)]
    if n_kinds(windows, grid) == 2:
        sides.append(tuple(side & (windows > 0) for side in sides[0]))
    return [tuple(numbers_of(of, side) for side in one) for one in sides]


def _area(placed: Placements) -> NDArray[np.float64]:
    """Return the weighted AUC, NaN where a class has no weight; float64 [n_cells]."""
    pairs = placed.weight_positive * placed.weight_negative
    area: NDArray[np.float64] = np.full(len(pairs), np.nan)
    np.divide(placed.placed_positive, pairs, out=area, where=pairs > 0)
    return area


def _spread(placed: Sequence[Placements], auc: NDArray[np.float64], cells: ColumnCells, rows: _Rows) -> AucSpread:
    """Return value and variance of the cells of one kind; `auc` float64 [n_own, m] of each model."""
    weights = [np.where(total > 0, total, 1.0)[cells.at] for total in (placed[0].weight_negative, placed[0].weight_positive)]
    influences = influences_of(rows.of, [one.placement for one in placed], cells, rows.is_positive, weights, np.nan_to_num(auc))
    n: list[NDArray[np.int64]] = []
    squares: list[NDArray[np.float64]] = []
    ids = rows.of.back(rows.of.xp.reshape(cells.ids, (-1, 1)))
    for some in rows.by_kind[cells.kind]:
        grid = (ids, None, len(cells.at), 1, 0, len(placed))
        found = cluster_tally(influences, some, rows.weights, rows.cluster_ids, *grid, n_threads=rows.n_threads)
        n.append(found.n_clusters)
        squares.append(np.asarray(np.diagonal(found.cross, axis1=1, axis2=2), np.float64))
    positive, negative, both = (_corrected(count) for count in n)
    crossed = squares[2] - squares[0] - squares[1]
    variance = positive * squares[0] + negative * squares[1] + both * crossed
    floor = ROUNDING**2 * (positive / n[0].clip(1)[:, None] + negative / n[1].clip(1)[:, None])
    value = np.concatenate([auc[:, :1], auc[:, 1:] - auc[:, :1]], axis=1)
    return AucSpread(value, np.where(variance <= floor, 0.0, variance), np.minimum(n[0], n[1]))


def influences_of(
    of: Library, placement: Sequence[Any], cells: ColumnCells, is_positive: Any, weights: Sequence[Any], centre: NDArray[np.float64]
) -> Components:
    """Return what gives rows their influences on the first model's AUC, and the differences of the others' to it.

    Parameters
    ----------
    of : the array library that makes them
    placement : float64 [n_rows, n_kinds] of each model, on the host or that library's
    cells, is_positive : of the rows, that library's
    weights : float64 [n_own] of negative and of positive rows, 1 where there are none
    centre : float64 [n_own, m], AUC of each model, 0 where there is none
    """
    xp, n_of_kinds = of.xp, placement[0].shape[1]
    flat = [xp.reshape(of.own(one), (-1,)) for one in placement]
    negative, positive = (of.own(one) for one in weights)
    centres = [of.own(np.ascontiguousarray(centre[:, k])) for k in range(len(placement))]

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        cell, label = xp.take(cells.ids, at, axis=0), xp.take(is_positive, at, axis=0)
        in_negative, in_positive = xp.take(negative, cell, axis=0), xp.take(positive, cell, axis=0)
        own, other = xp.where(label, in_positive, in_negative), xp.where(label, in_negative, in_positive)
        places = at * n_of_kinds + cells.kind
        found = [(xp.take(p, places, axis=0) / other - xp.take(c, cell, axis=0)) / own for p, c in zip(flat, centres, strict=True)]
        return no_categories(of, len(rows)), of.back(xp.stack([found[0], *(one - found[0] for one in found[1:])], axis=1))

    return of_rows


def _corrected(n_clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return I / (I - 1), float64 [n_cells, 1]; NaN under 2 clusters."""
    count = np.where(n_clusters >= 2, n_clusters, np.nan)[:, None]
    return np.asarray(count / (count - 1.0), np.float64)
