"""Paired difference of two shares of weight over the same rows or clusters: Tango's score interval with the design effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from harness.compare.estimate import Bounds, Estimate
from harness.compare.linearised_difference import Ratios, linearised_estimate
from harness.compare.tango import score_bounds
from harness.records.tally import ClusterTotals
from harness.stats.effective_clusters import FEW_CLUSTERS, FEW_EFFECTIVE, degrees_of_freedom, effective_clusters
from harness.stats.linearised import MIN_CLUSTERS

Floats = NDArray[np.float64]
Coefficients = NDArray[np.float64] | NDArray[np.int64]
METHOD = "Tango score with the design effect, t"  # of the effective clusters of the denominator, less 1
SHRINKAGE_CLUSTERS = 6.0  # effective ones with a discordant row; docs/decisions/010 has what 4 and 8 cover


@dataclass(frozen=True)
class ShareWeights:
    """Coefficients, int64 or float64 [n_components], of the sums of components that make a table of two shares.

    `gained` is counted by the challenger alone, `lost` by the champion alone, `both` by both; `rows` are all of the denominator.
    """

    gained: Coefficients
    lost: Coefficients
    both: Coefficients
    rows: Coefficients


def weighted_share_estimate(n: NDArray[np.int64], totals: ClusterTotals, of: ShareWeights) -> Estimate:
    """Return both shares of weight, the linearised standard error of their difference, and the p-value of McNemar's score test.

    Formula: |B - C| / sqrt(u (B + C)) against Student's t of the effective clusters less 1, with B and C the weight gained and lost and u
    as in `design_unit`; it is the score of `weighted_share_bounds` at no difference, so the two never disagree.

    Parameters
    ----------
    n : int64 [n_cells]
        Rows of the denominator.
    totals : ClusterTotals
        Of weighted or clustered rows.
    of : ShareWeights
        Which components count.

    Undefined when: fewer than 2 rows, or none of weight. No p-value under 10 effective clusters in the denominator, but 1 where no row is
    discordant. The standard error
    is NaN where it would be 0; the interval is not.
    """
    found = linearised_estimate(n, totals, Ratios(of.lost + of.both, of.gained - of.lost, of.rows))
    gained, lost, degrees = totals.total @ of.gained, totals.total @ of.lost, _degrees(totals, of)
    is_defined = np.isfinite(found.champion)
    spread = design_unit(totals, of) * (gained + lost)
    score = np.divide(np.abs(gained - lost), np.sqrt(spread), out=np.zeros(len(n)), where=spread > 0)
    p_value = np.where(is_defined, np.where(gained + lost > 0, 2.0 * stdtr(degrees, -score), 1.0), np.nan)
    method: NDArray[np.object_] = np.full(len(n), METHOD, dtype=np.object_)
    method[np.isnan(degrees)] = FEW_EFFECTIVE
    method[totals.n_clusters < MIN_CLUSTERS] = FEW_CLUSTERS
    method[~is_defined] = "undefined: fewer than 2 rows"
    return Estimate(n, found.champion, found.challenger, found.se, np.asarray(p_value, np.float64), method, degrees=degrees)


def weighted_share_bounds(totals: ClusterTotals, of: ShareWeights, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
    """Return Tango's score interval of B / u, C / u and N / u rows with Student's quantile; NaN where the difference is not inferred.

    Formula: as `tango_interval`, with the gained, the lost and all weight in units of `design_unit`. With weights of 1 it is Tango's but for
    t and G / (G - 1).
    """
    degrees = np.where(np.isfinite(estimate.champion), _degrees(totals, of), np.nan)
    quantile, unit = stdtrit(degrees, 0.5 + confidence / 2), design_unit(totals, of)
    gained, lost, rows = (totals.total @ part / unit for part in (of.gained, of.lost, of.rows))
    low, high = score_bounds(gained, lost, rows, quantile)
    return np.where(np.isnan(quantile), np.nan, low), np.where(np.isnan(quantile), np.nan, high)


def design_unit(totals: ClusterTotals, of: ShareWeights) -> Floats:
    """Return the weight that counts as one independent row, float64 [n_cells]: at least the one observed, and more where that is uncertain.

    Formula: max(V / (B + C - (B - C)² / N), U r^(K / 6)). The first is what was observed: V is the cluster-robust variance of the weight gained
    less that lost, over its variance of independent rows of weight 1. U = sum M² / N is the unit if all rows of a cluster changed together, M
    being the clusters' parts of the denominator N; K the effective clusters with a discordant row, 0 where all change alike; and
    r = sum D² / sum D M, with D their discordant parts, says how much of those clusters is discordant. So without a discordant row it is U,
    as where a share of one variant is 0 or 1, and with many it is what was observed. Where whole clusters or single weighted rows change
    (r = 1) it is never below U: one light row tells nothing of heavy ones.

    Source: the ratio is Kish's design effect (Survey Sampling, 1965, section 8.2). The bound is ours: `docs/decisions/010-paired-eight-cells.md`.

    Undefined when: nothing is in the denominator (1).

    Examples
    --------
    Twelve rows of weight 1, of which 2 are gained and 1 is lost: 12 / 11.

    >>> total = np.array([[5.0, 2.0, 1.0, 4.0]])  # neither, challenger, champion, both
    >>> totals = ClusterTotals(np.array([12]), total, np.diag(total[0])[None])
    >>> neither, gained, lost, both = np.eye(4)
    >>> design_unit(totals, ShareWeights(gained, lost, both, np.ones(4))).round(4)
    array([1.0909])
    """
    gained, lost, rows = (totals.total @ part for part in (of.gained, of.lost, of.rows))
    squares = _cross(totals, of.rows, of.rows)
    whole = np.divide(squares, rows, out=np.ones_like(rows), where=rows > 0)
    change = np.divide(gained - lost, rows, out=np.zeros_like(rows), where=rows > 0)
    clusters = totals.n_clusters.clip(2).astype(np.float64)
    residual = np.broadcast_to(of.gained - of.lost, totals.total.shape) - change[:, None] * of.rows
    variance = np.einsum("ci,cij,cj->c", residual, totals.cross, residual) * clusters / (clusters - 1)
    # What rounding leaves of clusters that are all alike is not a variance.
    varies = variance > 1e-12 * squares
    binomial = gained + lost - change * (gained - lost)
    observed = np.divide(variance, binomial, out=np.zeros_like(rows), where=varies & (binomial > 1e-12 * rows))
    discordant = of.gained + of.lost
    own, shared = _cross(totals, discordant, discordant), _cross(totals, discordant, of.rows)
    found = np.divide((gained + lost) ** 2, own, out=np.zeros_like(rows), where=varies & (own > 0))
    together = np.divide(own, shared, out=np.ones_like(rows), where=shared > 0).clip(None, 1.0)
    return np.asarray(np.maximum(observed, whole * together ** (found / SHRINKAGE_CLUSTERS)), dtype=np.float64)


def _cross(totals: ClusterTotals, a: Coefficients, b: Coefficients) -> Floats:
    """Return the sum over clusters of the product of two sums of components."""
    return np.asarray(np.einsum("i,cij,j->c", a, totals.cross, b), dtype=np.float64)


def _degrees(totals: ClusterTotals, of: ShareWeights) -> Floats:
    return degrees_of_freedom(effective_clusters(totals.total, totals.cross, of.rows))
