"""Which differences of two paired proportions are plausible: Tango's score interval and McNemar's test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

N_HALVINGS = 60  # of a stretch of at most 2: down to the resolution of float64


def tango_interval(
    gained: NDArray[np.int64], lost: NDArray[np.int64], n: NDArray[np.int64], confidence: float | NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the score interval of the difference (gained - lost) / n of two proportions over the same n rows.

    Formula: the differences D with |gained - lost - n D| <= z * sqrt(n * (2 q + D * (1 - D))), where q is the maximum
    likelihood estimate of the share of `lost` rows at difference D.

    Parameters
    ----------
    gained : int64 [n_cells]
        Rows that only the challenger counts.
    lost : int64 [n_cells]
        Rows that only the champion counts.
    n : int64 [n_cells]
        All rows of the denominator.
    confidence : float or float64 [n_cells]
        Two-sided level.

    Returns
    -------
    low, high : float64 [n_cells]
        Bounds in [-1, 1], never of width zero; NaN where n is 0.

    Notes
    -----
    Tango, Statistics in Medicine 17:891-908, 1998, equations 24 to 26; solved by bisection, as the statistic falls in D.
    It agrees closely with method 10 of Newcombe, Statistics in Medicine 17:2635-2650, 1998.

    Examples
    --------
    Complete response before and after consolidation, 6 and 16 discordant pairs of 161 (Fagerland, Lydersen & Laake,
    Statistical Analysis of Contingency Tables, 2017, chapter 8): -0.0621, interval -0.124 to -0.0054.

    >>> low, high = tango_interval(np.array([6]), np.array([16]), np.array([161]), 0.95)
    >>> low.round(4), high.round(4)
    (array([-0.124]), array([-0.0054]))
    """
    z = np.asarray(ndtri(0.5 + np.asarray(confidence, dtype=np.float64) / 2), dtype=np.float64)
    low, high = score_bounds(gained.astype(np.float64), lost.astype(np.float64), n.astype(np.float64), z)
    is_empty = n <= 0
    return np.where(is_empty, np.nan, low), np.where(is_empty, np.nan, high)


def score_bounds(
    gained: NDArray[np.float64], lost: NDArray[np.float64], n: NDArray[np.float64], quantile: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Tango's bounds at a quantile, float64 [n_cells] each, of counts that need not be whole.

    Examples
    --------
    >>> low, high = score_bounds(np.array([0.0]), np.array([0.5]), np.array([50.0]), np.array([1.96]))
    >>> low.round(4), high.round(4)
    (array([-0.0889]), array([0.0621]))
    """
    return _lower_bound(gained, lost, n, quantile), -_lower_bound(lost, gained, n, quantile)


def _lower_bound(b: NDArray[np.float64], c: NDArray[np.float64], n: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest D that the score test does not reject, by bisection in [-1, (b - c) / n]."""
    below = np.full(b.shape, -1.0)
    inside = (b - c) / np.maximum(n, 1.0)
    for _ in range(N_HALVINGS):
        middle = 0.5 * (below + inside)
        excess = b - c - n * middle
        # Squared on both sides: the excess is positive below the estimate, and the variance is 0 at the ends.
        rejected = excess * excess > z * z * n * np.maximum(_variance(b, c, n, middle), 0.0)
        below, inside = np.where(rejected, middle, below), np.where(rejected, inside, middle)
    return np.asarray(0.5 * (below + inside), dtype=np.float64)


def _variance(
    b: NDArray[np.float64], c: NDArray[np.float64], n: NDArray[np.float64], difference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return 2 q + D (1 - D), the variance of one row's difference at its constrained estimate."""
    half_b = 0.5 * ((2.0 * n - b + c) * difference - b - c)
    last = -c * difference * (1.0 - difference)
    root = np.sqrt(np.maximum(half_b * half_b - 2.0 * n * last, 0.0))
    # Two forms of one root of 2n q² + 2 half_b q + last = 0: each where it does not cancel.
    positive = half_b > 0
    plain = (root - half_b) / np.maximum(2.0 * n, 1.0)
    q = np.where(positive, -last / np.where(positive, root + half_b, 1.0), plain)
    return np.asarray(2.0 * q + difference * (1.0 - difference), dtype=np.float64)


def mcnemar_p_value(gained: NDArray[np.int64], lost: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the two-sided p-value of "gained and lost rows are equally likely".

    Formula: 2 * Phi(-|gained - lost| / sqrt(gained + lost)); 1 where no row is discordant.

    The score test without continuity correction: it is Tango's statistic at difference 0, so it rejects exactly where his
    interval leaves 0 out; the exact conditional test is needlessly conservative (Fagerland, Lydersen & Laake, BMC Medical
    Research Methodology 13:91, 2013).

    Examples
    --------
    >>> mcnemar_p_value(np.array([6, 0]), np.array([16, 0])).round(6)
    array([0.033006, 1.      ])
    """
    discordant = (gained + lost).astype(np.float64)
    z = np.abs(gained - lost) / np.sqrt(np.maximum(discordant, 1.0))
    return np.asarray(np.where(discordant > 0, 2.0 * ndtr(-z), 1.0), dtype=np.float64)
