"""How uncertain a smooth function of totals is: linearisation over clusters (the delta method, sandwich form)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MIN_CLUSTERS = 10  # fewer, and a cluster-robust variance is too uncertain for any interval
_STEP = 1e-30  # of the complex step; it is never subtracted, so it may be this small
_ROUNDING = 1e-12  # of the terms that cancel in a spread: what is below this share of them is rounding

# Takes complex128 [n_cells, n_components] and returns complex128 [n_cells]; no abs, no comparison: it must be analytic.
Formula = Callable[[NDArray[np.complex128]], NDArray[np.complex128]]


def gradient(formula: Formula, total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the partial derivatives of a formula at the totals of every cell, float64 [n_cells, n_components], to machine precision.

    Formula: Im f(t + i h e_k) / h with h = 1e-30 (Squire & Trapp 1998, SIAM Review 40:110).

    Examples
    --------
    >>> gradient(lambda t: t[:, 0] / t[:, 1], np.array([[1.0, 4.0]]))
    array([[ 0.25  , -0.0625]])
    """
    found = np.empty_like(total)
    with np.errstate(divide="ignore", invalid="ignore"):
        for k in range(total.shape[1]):
            moved = total.astype(np.complex128)
            moved[:, k] += 1j * _STEP
            found[:, k] = formula(moved).imag / _STEP
    return found


def linearised(
    formula: Formula, total: NDArray[np.float64], cross: NDArray[np.float64], n_clusters: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the value of a formula of totals and its cluster-robust variance, float64 [n_cells] each.

    Formula: G / (G - 1) * g' S g, with g the gradient at the totals, S the sum over the G clusters of the outer product of a cluster's
    totals with itself. It holds for formulas that do not change when all totals are multiplied by one number (ratios of totals): then the
    linearised values sum to 0 over the clusters and need no centring.

    Undefined when: fewer than 2 clusters, or where the formula is. A variance that is within rounding of 0 is 0.

    Notes
    -----
    Binder 1983, International Statistical Review 51:279, section 3; the factor is CR1 of Cameron & Miller 2015, Journal of Human
    Resources 50:317, section II.B.

    Examples
    --------
    The mean of 1, 2, 3, each row a cluster: the variance is that of the mean, 1 / 3.

    >>> total, cross = np.array([[6.0, 3.0]]), np.array([[[14.0, 6.0], [6.0, 3.0]]])
    >>> value, variance = linearised(lambda t: t[:, 0] / t[:, 1], total, cross, np.array([3]))
    >>> float(value[0]), round(float(variance[0]), 6)
    (2.0, 0.333333)
    """
    slope = gradient(formula, total)
    spread = np.einsum("ci,cij,cj->c", slope, cross, slope)
    terms = np.einsum("ci,cij,cj->c", np.abs(slope), np.abs(cross), np.abs(slope))
    spread = np.where(spread <= _ROUNDING * terms, 0.0, spread)
    clusters = np.where(n_clusters >= 2, n_clusters, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = formula(total.astype(np.complex128)).real
    return np.asarray(value, np.float64), np.asarray(spread * clusters / (clusters - 1), np.float64)
