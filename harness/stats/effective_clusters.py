"""How many clusters a ratio of weighted totals really rests on, and the Student quantile that follows from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.stats.linearised import MIN_CLUSTERS

T_METHOD = "t(effective G - 1)"


def effective_clusters(
    total: NDArray[np.float64], cross: NDArray[np.float64], denominator: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how many clusters of equal size would hold the denominator as unevenly as these do; NaN where nothing is in it.

    Formula: (sum M_c)² / sum M_c², with M_c the part of the denominator that is in cluster c; at most the number of clusters that have
    a part in it, and that number where all parts are equal. Where every row is a cluster of its own it is Kish's effective sample size.

    Parameters
    ----------
    total, cross : float64 [n_cells, n_components] and [n_cells, n_components, n_components]
        Totals, and the sum over clusters of the outer product of a cluster's totals with itself.
    denominator : [n_components]
        Coefficients of the denominator.

    Notes
    -----
    Kish, Survey Sampling, 1965, section 11.7. That few large clusters leave the t statistic with fewer degrees of freedom than there
    are clusters: Carter, Schnepel & Steigerwald, Review of Economics and Statistics 99:698-709, 2017.

    Examples
    --------
    Two clusters of 1 and 3 rows: 4² / (1 + 9).

    >>> effective_clusters(np.array([[4.0]]), np.array([[[10.0]]]), np.array([1.0]))
    array([1.6])
    """
    squares = np.einsum("i,cij,j->c", denominator, cross, denominator)
    size = total @ denominator
    found: NDArray[np.float64] = np.full(len(total), np.nan)
    np.divide(size * size, squares, out=found, where=squares > 0)
    return found


def t_quantiles(
    effective: NDArray[np.float64], n_clusters: NDArray[np.int64], confidence: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Student's two-sided quantile with `effective` - 1 degrees of freedom; NaN under 10 clusters or 2 effective ones.

    Examples
    --------
    >>> t_quantiles(np.array([11.0, 11.0, 9.0]), np.array([11, 20, 9]), 0.95).round(4)
    array([2.2281, 2.2281,    nan])
    """
    return np.asarray(stdtrit(degrees_of_freedom(effective, n_clusters), 0.5 + np.asarray(confidence) / 2), dtype=np.float64)


def degrees_of_freedom(effective: NDArray[np.float64], n_clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `effective` - 1; NaN under 10 clusters or 2 effective ones, where nothing is inferred."""
    enough = (n_clusters >= MIN_CLUSTERS) & (effective >= 2.0)
    return np.where(enough, effective - 1.0, np.nan)
