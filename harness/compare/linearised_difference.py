"""Paired differences of two ratios with one denominator, over weighted or clustered rows: linearised, from the totals of both variants."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from harness.compare.eight_cells import LABEL
from harness.compare.estimate import Bounds, Estimate
from harness.records.tally import ClusterTotals, ShareEstimate
from harness.stats.effective_clusters import FEW_CLUSTERS, FEW_EFFECTIVE, degrees_of_freedom, effective_clusters
from harness.stats.linearised import MIN_CLUSTERS, linearised

METHOD = "linearised, t"  # of the effective clusters less 1
AUC_NOT_RANKED = "undefined: the ranks of the scores were not kept"
NOT_VARIED = "no interval: its linearised variance is 0"
Case = tuple[NDArray[np.bool_], str]


@dataclass(frozen=True)
class Ratios:
    """Coefficients, float64 or int64 [n_components], of sums of components: champion / rows is the champion's ratio, change / rows the difference.

    The change is a sum of its own, and not the challenger's less the champion's: of models that are nearly alike, most of both cancels.
    """

    champion: NDArray[np.float64] | NDArray[np.int64]
    change: NDArray[np.float64] | NDArray[np.int64]
    rows: NDArray[np.float64] | NDArray[np.int64]


def linearised_estimate(n: NDArray[np.int64], totals: ClusterTotals, ratios: Ratios) -> Estimate:
    """Return both ratios, the cluster-robust standard error of their difference and the p-value of its t test.

    Undefined when: fewer than 2 rows, or none of weight. No standard error under 10 effective clusters in the denominator, or where it
    would be 0; the p-value is then 1 if the difference is 0, else NaN.

    Examples
    --------
    Twelve rows of weight 1; the challenger alone counts 3, the champion alone 1: (3 - 1) / 12, se² = (4 / 12 - 1 / 36) / 11.

    >>> total = np.array([[4.0, 3.0, 1.0, 4.0]])  # neither, challenger, champion, both
    >>> totals = ClusterTotals(np.array([12]), total, np.diag(total[0])[None])
    >>> ratios = Ratios(np.array([0, 0, 1, 1]), np.array([0, 1, -1, 0]), np.array([1, 1, 1, 1]))
    >>> found = linearised_estimate(np.array([12]), totals, ratios)
    >>> (found.challenger - found.champion).round(4), found.se.round(4)
    (array([0.1667]), array([0.1667]))
    """
    change, variance = linearised(lambda t: (t @ ratios.change) / (t @ ratios.rows), totals.total, totals.cross, totals.n_clusters)
    weight = totals.total @ ratios.rows
    is_defined = (n >= 2) & (weight > 0)
    champion = np.full(len(n), np.nan)
    np.divide(totals.total @ ratios.champion, weight, out=champion, where=is_defined)
    change = np.where(is_defined, change, np.nan)
    degrees = degrees_of_freedom(effective_clusters(totals.total, totals.cross, ratios.rows))
    cases = [(~is_defined, "undefined: fewer than 2 rows"), *few_clusters(totals.n_clusters, degrees)]
    return t_estimate(n, champion, change, variance, degrees, METHOD, cases)


def auc_estimate(
    n: NDArray[np.int64],
    totals: ClusterTotals,
    champion: ShareEstimate | None,
    change: ShareEstimate | None,
    fewest: NDArray[np.int64],
    few: NDArray[np.object_],
) -> Estimate:
    """Return both AUCs, Obuchowski's standard error of their difference and the p-value of its t test.

    Degrees of freedom are the effective clusters of the class that has fewer of them (`totals` begin with the eight cells), less 1.
    `fewest` is the number of rows of the rarer class, `few` is added to the method; without estimates everything is undefined.
    """
    if champion is None or change is None:
        nan = np.full(len(n), np.nan)
        return Estimate(n, nan, nan, nan, nan, np.full(len(n), AUC_NOT_RANKED, np.object_), fewest)
    total, cross = totals.total[:, :8], totals.cross[:, :8, :8]
    degrees = degrees_of_freedom(np.minimum(effective_clusters(total, cross, LABEL), effective_clusters(total, cross, 1.0 - LABEL)))
    cases = [
        (fewest == 0, "undefined: one class only"),
        (fewest < 2, "no interval: fewer than 2 rows of a class"),
        *few_clusters(totals.n_clusters, degrees),
    ]
    found = t_estimate(n, champion.value, change.value, change.variance, degrees, "paired Obuchowski, t", cases)
    method = np.where(np.isfinite(found.se), found.method + few, found.method).astype(np.object_)
    return replace(found, method=method, n_fewest_class=fewest)


def auc_bounds(estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
    """Return the t interval of the difference of AUC, cut at -1 and 1."""
    low, high = t_bounds(estimate, confidence)
    return low.clip(-1.0), high.clip(None, 1.0)


def few_clusters(n_clusters: NDArray[np.int64], degrees: NDArray[np.float64]) -> list[Case]:
    """Return the cases in which there are too few clusters for any interval, and what is said of them."""
    return [(n_clusters < MIN_CLUSTERS, FEW_CLUSTERS), (np.isnan(degrees), FEW_EFFECTIVE)]


def t_estimate(
    n: NDArray[np.int64],
    champion: NDArray[np.float64],
    change: NDArray[np.float64],
    variance: NDArray[np.float64],
    degrees: NDArray[np.float64],
    method: str,
    cases: list[Case],
) -> Estimate:
    """Return what a difference with a variance of its own amounts to, tested by Student's t; NaN degrees are too few for that."""
    varies = variance > 0
    se = np.sqrt(np.where(varies & np.isfinite(degrees) & np.isfinite(change), variance, np.nan))
    p_value = 2.0 * stdtr(degrees, -np.abs(change) / se)
    p_value[(variance == 0) & (change == 0)] = 1.0
    texts: NDArray[np.object_] = np.full(len(n), method, dtype=np.object_)
    for holds, text in reversed([*cases, (~varies, NOT_VARIED)]):
        texts[holds] = text
    return Estimate(n, champion, champion + change, se, np.asarray(p_value, np.float64), texts, degrees=degrees)


def t_bounds(estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
    """Return the t interval of the difference, float64 [n_cells], at a level per cell; NaN where the standard error is."""
    change = estimate.challenger - estimate.champion
    degrees = np.full(len(change), np.nan) if estimate.degrees is None else estimate.degrees
    half = stdtrit(degrees, 0.5 + confidence / 2) * estimate.se
    return np.asarray(change - half, np.float64), np.asarray(change + half, np.float64)
