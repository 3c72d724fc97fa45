"""One-sided tests read off an interval, their correction for many, and how many rows decide."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from harness.stats.holm import holm

Floats = NDArray[np.float64]


def p_above(estimate: Floats, low: Floats, limit: float, confidence: float, degrees: Floats | None = None) -> Floats:
    """Say how surprising the estimate is if the truth were at most `limit`.

    The standard error is read off the lower side of the interval, (estimate − low) / t, so that p < (1 − confidence)/2 exactly where
    the lower bound is above the limit, also for intervals that are not symmetric; at other levels the bound is scaled like that of Student's
    t with `degrees` of freedom.

    Parameters
    ----------
    estimate, low
        float64 [n], estimates and lower bounds of their two-sided intervals.
    limit
        Boundary of the hypothesis.
    confidence
        Level of the intervals, as 0.95.
    degrees
        float64 [n], of the Student's t that the intervals use, infinite for a normal one; None: all normal.

    Returns
    -------
    float64 [n]
        NaN where there is no interval or its width is zero: that is never evidence.

    Examples
    --------
    >>> float(p_above(np.array([0.0]), np.array([-1.959964]), -1.959964, 0.95)[0].round(6))
    0.025
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        se = (estimate - low) / quantile_of(confidence, degrees)
        score = (limit - estimate) / se
        p = ndtr(score) if degrees is None else np.where(np.isinf(degrees), ndtr(score), stdtr(degrees, score))
        return np.where(se > 0, p, np.nan)


def p_below(estimate: Floats, high: Floats, limit: float, confidence: float, degrees: Floats | None = None) -> Floats:
    """Say how surprising the estimate is if the truth were at least `limit`: the mirror of `p_above`."""
    return p_above(-estimate, -high, -limit, confidence, degrees)


def rows_to_decide(n: Floats, se: Floats, margin: float, alpha: float, power: float, n_slices: int) -> Floats:
    """Say how many rows a slice needs so that all pass together with probability `power`, were the true difference 0.

    Formula: n·((z_{1−alpha} + z_p)·se/margin)² with p = power^(1/n_slices), the power that each of so many independent slices needs.

    Parameters
    ----------
    n, se
        float64 [k], rows now and the standard error they give.
    margin
        Non-inferiority margin, in the metric's unit.
    alpha, power
        One-sided level and joint power.
    n_slices
        Slices that must pass together.

    Returns
    -------
    float64 [k]
        Rows, rounded up.

    Notes
    -----
    Sample size of a non-inferiority trial: Julious, Statistics in Medicine 23:1921 (2004), with the variance per row as observed.

    Examples
    --------
    (1.96 + 0.8416)² = 7.849 times as many rows where se equals the margin.

    >>> rows_to_decide(np.array([1000.0]), np.array([0.01]), 0.01, 0.025, 0.8, 1).tolist()
    [7849.0]
    """
    z = ndtri(1 - alpha) + ndtri(power ** (1 / n_slices))
    needed: Floats = np.ceil(n * (z * se / margin) ** 2)
    return needed


def z_of(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval, 1.96 for 0.95."""
    return float(ndtri(0.5 + confidence / 2))


def quantile_of(confidence: float, degrees: Floats | None = None) -> float | Floats:
    """Return the quantile of a two-sided interval: Student's with `degrees` of freedom, the normal one where they are infinite or None.

    >>> quantile_of(0.95, np.array([9.0, np.inf])).round(4).tolist()
    [2.2622, 1.96]
    """
    if degrees is None:
        return z_of(confidence)
    return np.where(np.isinf(degrees), z_of(confidence), stdtrit(degrees, 0.5 + confidence / 2))


def is_usable(*figures: float | None) -> bool:
    """Whether all figures were measured and are defined."""
    return all(f is not None and math.isfinite(f) for f in figures)


def holm_in_family(p_values: Floats) -> Floats:
    """Return Holm's adjusted p-values of a family in which a missing one (NaN) counts as 1: it was tested and rejects nothing.

    >>> holm_in_family(np.array([0.02, np.nan])).tolist()
    [0.04, 1.0]
    """
    return holm(np.where(np.isnan(p_values), 1.0, p_values))
