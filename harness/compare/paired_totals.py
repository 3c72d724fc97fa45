"""Paired difference of a function of the eight cells where rows are weighted or clustered: linearised over clusters."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from harness.compare.estimate import Bounds, Estimate
from harness.records.tally import ClusterTotals
from harness.stats.effective_clusters import degrees_of_freedom, effective_clusters, t_quantiles
from harness.stats.linearised import MIN_CLUSTERS, linearised

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
N_CELLS_OF_PAIR = 8  # the first of PAIRED_COMPONENTS


class EightCells(Protocol):
    """A metric of the eight cells: its difference, each variant's value, and the sums that it divides by."""

    denominators: ClassVar[tuple[Floats, ...]]

    def of_both(self, cells: Complex) -> Complex:
        """Return challenger - champion."""

    def of_one(self, cells: Complex, *, is_challenger: bool) -> Complex:
        """Return the value of one of them."""


def totals_estimate(
    metric: EightCells, totals: ClusterTotals, n: NDArray[np.int64], is_defined: NDArray[np.bool_], reason: NDArray[np.object_]
) -> Estimate:
    """Return both metrics of weighted rows, the cluster-robust standard error of their difference and the p-value of its t test.

    Parameters
    ----------
    metric : EightCells
        Its formulas must not change when all cells are multiplied by one number.
    totals : ClusterTotals
        With the components `PAIRED_COMPONENTS`.
    n : int64 [n_cells]
        Rows that the metric rests on.
    is_defined : bool [n_cells]
        Where both metrics are; elsewhere `reason`, object [n_cells], says why not.

    Notes
    -----
    Variance: `linearised`, with the factor G / (G - 1). Degrees of freedom: the effective clusters of the smallest denominator, less 1, as
    for the metrics of one variant.

    Undefined when: as for plain rows. No interval under 10 clusters or 2 effective ones, or where the variance is 0.
    """
    own = slice(0, N_CELLS_OF_PAIR)
    total = np.where(is_defined[:, None], totals.total[:, own], 1.0)
    _, variance = linearised(metric.of_both, total, totals.cross[:, own, own], totals.n_clusters)
    champion, challenger = (metric.of_one(total.astype(np.complex128), is_challenger=which).real for which in (False, True))
    degrees = degrees_of_freedom(smallest_effective(metric, totals), totals.n_clusters)
    varies = is_defined & (variance > 0)
    se = np.sqrt(np.where(varies & np.isfinite(degrees), variance, np.nan))
    p_value = 2.0 * stdtr(degrees, -np.abs(challenger - champion) / se)
    p_value[is_defined & ~varies & (challenger == champion)] = 1.0
    method = np.where(varies, "linearised, t", "no interval: its linearised variance is 0").astype(np.object_)
    method[np.isnan(degrees)] = "no interval: nearly all weight is in one cluster"
    method[totals.n_clusters < MIN_CLUSTERS] = f"no interval: fewer than {MIN_CLUSTERS} clusters"
    return Estimate(
        n=n,
        champion=np.where(is_defined, champion, np.nan),
        challenger=np.where(is_defined, challenger, np.nan),
        se=se,
        p_value=np.asarray(p_value, dtype=np.float64),
        method=np.where(is_defined, method, reason).astype(np.object_),
    )


def totals_interval(metric: EightCells, totals: ClusterTotals, estimate: Estimate, confidence: Floats) -> Bounds:
    """Return Student's t interval of the difference; NaN where the standard error is."""
    difference = estimate.challenger - estimate.champion
    half = t_quantiles(smallest_effective(metric, totals), totals.n_clusters, confidence) * estimate.se
    return np.asarray(difference - half, dtype=np.float64), np.asarray(difference + half, dtype=np.float64)


def smallest_effective(metric: EightCells, totals: ClusterTotals) -> Floats:
    """Return the effective clusters of the metric's least settled denominator, float64 [n_cells]; NaN where one is empty."""
    own = slice(0, N_CELLS_OF_PAIR)
    total, cross = totals.total[:, own], totals.cross[:, own, own]
    return np.asarray(np.stack([effective_clusters(total, cross, d) for d in metric.denominators]).min(axis=0), dtype=np.float64)
