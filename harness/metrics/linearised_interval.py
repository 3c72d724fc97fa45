"""Intervals of metrics of weighted or clustered rows, from totals and their spread over clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from harness.metrics.values import Case, ratio
from harness.records.tally import ClusterTotals
from harness.stats.effective_clusters import FEW_CLUSTERS, FEW_EFFECTIVE, effective_clusters, t_quantiles
from harness.stats.linearised import MIN_CLUSTERS, Formula, linearised
from harness.stats.wilson import wilson_interval

Interval = tuple[NDArray[np.float64], NDArray[np.float64], list[Case]]
Coefficients = NDArray[Any]  # float64 or int64 [n_components], of a sum of components
N_DECISIONS = 4  # the first components: TN, FP, FN, TP
ALL_ROWS = np.ones(N_DECISIONS)
LOGIT, FISHER, LINEAR = "linearised, logit, t", "linearised, Fisher z, t", "linearised, t"  # t of the effective clusters less 1
UNVARIED = "no interval: its linearised variance is 0"
SMALLEST_SE = 1e-12  # 1e9 rows leave 1e-9; below this it is what rounding leaves of a formula at the end of its range


def decision_totals(totals: ClusterTotals) -> ClusterTotals:
    """Return the totals of the four decisions alone, components TN, FP, FN, TP."""
    own = slice(0, N_DECISIONS)
    return ClusterTotals(totals.n_clusters, totals.total[:, own], totals.cross[:, own, own])


def quantiles(totals: ClusterTotals, denominators: Sequence[Coefficients], confidence: float) -> NDArray[np.float64]:
    """Return Student's quantile with the effective clusters less 1 of the smallest denominator; NaN where those are fewer than 10.

    `totals` may have further components than `denominators`, which are of the first.
    """
    own = slice(0, len(denominators[0]))
    effective = np.stack([effective_clusters(totals.total[:, own], totals.cross[:, own, own], d) for d in denominators])
    return t_quantiles(effective.min(axis=0), confidence)


def too_few(totals: ClusterTotals, quantile: NDArray[np.float64]) -> list[Case]:
    """Return the cases in which there are too few clusters for any interval."""
    return [
        (totals.n_clusters < MIN_CLUSTERS, FEW_CLUSTERS),
        (np.isnan(quantile), FEW_EFFECTIVE),
    ]


def share_interval(numerator: Coefficients, denominator: Coefficients, totals: ClusterTotals, confidence: float) -> Interval:
    """Return the interval of a share of weight, and the cases in which it has none.

    Formula: expit(logit(p) ± t se / (p (1 - p))) with the linearised se; at 0 and at 1, where that is 0, Wilson's interval with the
    effective number of clusters in place of trials, as if the rows of a cluster always went together. None under 10 effective clusters
    in the denominator: a recall may rest on three rows of four hundred.

    Parameters
    ----------
    numerator, denominator : [n_components]
        Coefficients of the sums whose ratio is the share; those of the numerator are at most those of the denominator.
    totals : ClusterTotals
        With as many components.
    confidence : float
        Two-sided level.

    Notes
    -----
    Korn & Graubard, Survey Methodology 24:193-201, 1998, compare such intervals; Wilson with the design-effect n is among them.

    Examples
    --------
    Twelve clusters of 2 rows, in 4 of them one row counts: p = 1/6.

    >>> total, cross = np.array([[4.0, 24.0]]), np.array([[[4.0, 8.0], [8.0, 48.0]]])
    >>> totals = ClusterTotals(np.array([12]), total, cross)
    >>> low, high, cases = share_interval(np.array([1.0, 0.0]), np.array([0.0, 1.0]), totals, 0.95)
    >>> low.round(4), high.round(4)
    (array([0.0609]), array([0.3815]))
    """
    quantile = quantiles(totals, [denominator], confidence)
    share, variance = _value_and_variance(lambda t: (t @ numerator) / (t @ denominator), totals)
    low, high = logit_bounds(share, variance, quantile)
    n_trials = effective_clusters(totals.total, totals.cross, denominator)
    part, whole = totals.total @ numerator, totals.total @ denominator
    is_end = (part == 0) | (part == whole)
    wilson = wilson_interval(np.where(part == 0, 0.0, n_trials), n_trials, confidence)
    low, high = np.where(is_end, wilson[0], low), np.where(is_end, wilson[1], high)
    return low, high, [*too_few(totals, quantile), (~is_end & (variance == 0), UNVARIED)]


def formula_interval(
    formula: Formula, denominators: Sequence[Coefficients], totals: ClusterTotals, confidence: float, scale: str
) -> Interval:
    """Return the linearised interval of any formula of totals on its scale, and the cases in which it has none.

    Formula: back(f(v) ± t se f'(v)) with f the logit (values from 0 to 1), Fisher's z = artanh (from -1 to 1) or nothing, and t of the
    effective clusters of the smallest denominator.

    Parameters
    ----------
    formula : callable
        Of the totals, as `linearised` wants it.
    denominators : sequence of [n_components]
        Coefficients of the sums that the formula divides by.
    totals : ClusterTotals
        With as many components.
    confidence : float
        Two-sided level.
    scale : str
        `LOGIT`, `FISHER` or `LINEAR`.
    """
    quantile = quantiles(totals, denominators, confidence)
    value, variance = _value_and_variance(formula, totals)
    if scale == LINEAR:
        half = quantile * np.sqrt(variance)
        low, high = value - half, value + half
    else:
        to_share = 1.0 if scale == LOGIT else 2.0  # artanh(v) is half the logit of (1 + v) / 2
        shift = to_share - 1.0
        low, high = (to_share * bound - shift for bound in logit_bounds((value + shift) / to_share, variance / to_share**2, quantile))
    return low, high, [*too_few(totals, quantile), (~(variance > 0), UNVARIED)]


def _value_and_variance(formula: Formula, totals: ClusterTotals) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    value, variance = linearised(formula, totals.total, totals.cross, totals.n_clusters)
    return value, np.where(variance < SMALLEST_SE**2, 0.0, variance)


def logit_bounds(
    share: NDArray[np.float64], variance: NDArray[np.float64], quantile: float | NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the interval of the logit of a share, mapped back; NaN at 0, at 1 and at variance 0.

    Examples
    --------
    >>> low, high = logit_bounds(np.array([0.5]), np.array([0.01]), 1.96)
    >>> low.round(4), high.round(4)
    (array([0.3135]), array([0.6865]))
    """
    usable = (share > 0) & (share < 1) & (variance > 0)
    p = np.where(usable, share, np.nan)
    logit = np.log(p) - np.log1p(-p)
    half = quantile * np.sqrt(np.where(usable, variance, np.nan)) / (p * (1 - p))
    return np.asarray(expit(logit - half), dtype=np.float64), np.asarray(expit(logit + half), dtype=np.float64)


def share_value(numerator: Coefficients, denominator: Coefficients, totals: ClusterTotals) -> NDArray[np.float64]:
    """Return the share of weight, NaN where the denominator is 0; float64 [n_cells]."""
    return ratio(totals.total @ numerator, totals.total @ denominator)
