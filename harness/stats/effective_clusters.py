"""How many clusters a ratio of weighted totals really rests on, and the Student quantile that follows from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.stats.linearised import MIN_CLUSTERS

FEW_CLUSTERS = f"no interval: fewer than {MIN_CLUSTERS} clusters"
FEW_EFFECTIVE = f"no interval: fewer than {MIN_CLUSTERS} effective clusters or weighted rows in the denominator"
_ROUNDING = 1e-9  # clusters of one size are as many effective ones, but for this


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
    effective: NDArray[np.float64], confidence: float | NDArray[np.float64], fewest: float | NDArray[np.float64] = MIN_CLUSTERS
) -> NDArray[np.float64]:
    """Return Student's two-sided quantile with `effective` - 1 degrees of freedom; NaN under `fewest` effective clusters.

    Examples
    --------
    >>> t_quantiles(np.array([11.0, 9.0]), 0.95).round(4)
    array([2.2281,    nan])
    """
    return np.asarray(stdtrit(degrees_of_freedom(effective, fewest), 0.5 + np.asarray(confidence) / 2), dtype=np.float64)


def degrees_of_freedom(effective: NDArray[np.float64], fewest: float | NDArray[np.float64] = MIN_CLUSTERS) -> NDArray[np.float64]:
    """Return `effective` - 1; NaN where that rests on fewer than `fewest` effective clusters, and nothing is inferred."""
    return np.where(effective >= np.asarray(fewest) * (1.0 - _ROUNDING), effective - 1.0, np.nan)


def fewest_effective(effective: NDArray[np.float64], n_rows: NDArray[np.int64], is_clustered: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many effective clusters an inference needs: 10, but 2 where rows are neither clustered nor weighted, float64 [n_cells].

    Parameters
    ----------
    effective : float64 [n_cells]
        As many as rows where all weigh the same.
    n_rows : int64 [n_cells]
        Rows of the denominator.
    is_clustered : bool [n_cells]

    Examples
    --------
    >>> fewest_effective(np.array([4.0, 3.2, 4.0]), np.array([4, 4, 4]), np.array([False, False, True]))
    array([ 2., 10., 10.])
    """
    is_plain = ~is_clustered & (effective >= n_rows * (1.0 - _ROUNDING))
    return np.where(is_plain, 2.0, float(MIN_CLUSTERS))
