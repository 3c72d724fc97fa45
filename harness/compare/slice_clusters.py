"""How much worse a slice is than the rest where rows of one cluster (a user, a session) are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.compare.slice_difference import MeanDifference

MIN_CLUSTERS = 10


def compare_clustered(losses: NDArray[np.float64], is_slice: NDArray[np.bool_], clusters: NDArray[np.int64]) -> MeanDifference:
    """Return the difference slice - rest of the mean losses with a standard error for rows that are alike within clusters.

    Formula: with r_i = x_i - mean of its side, the larger of two standard errors. Cluster-robust: se^2 = G / (G - 1) * sum over
    clusters of (sum of r_i / n of its side, negative in the rest)^2, the linearised variance with the CR1 factor for many rows.
    Pooled, as in `compare_means`: se^2 = s^2 * ((1 - rho) * (1 / n_1 + 1 / n_2) + rho * sum over clusters of (a / n_1 - b / n_2)^2),
    with a and b the cluster's rows on either side, s^2 the pooled variance of r, and rho the correlation of two rows of a cluster,
    sum of r_i * r_j over such pairs / (pairs * s^2), in [0, 1]. Degrees of freedom: the clusters of the side that has fewer of them,
    less 1, and not G - 1: where the slice lies in 12 clusters of 500, twelve are what its mean rests on.
    Source: Cameron & Miller, "A practitioner's guide to cluster-robust inference", Journal of Human Resources 50:317-372, 2015,
    sections II.B and VI; the pooled one is the equicorrelated variance of Moulton, Journal of Econometrics 32:385-397, 1986.

    Parameters
    ----------
    losses : float64 [n_rows]
    is_slice : bool [n_rows]
        Both sides need a row.
    clusters : int64 [n_rows]

    Undefined when: a side has fewer than 10 clusters, or no side varies (NaN).

    Examples
    --------
    >>> losses = np.arange(20.0)
    >>> found = compare_clustered(losses, losses >= 10, np.arange(20))  # of one row each: as compare_means, with fewer degrees
    >>> found.difference.tolist(), found.se.round(3).tolist(), found.degrees.tolist()
    ([10.0], [1.354], [9.0])
    """
    _, codes = np.unique(clusters, return_inverse=True)
    own, other = np.bincount(codes[is_slice], minlength=codes.max() + 1), np.bincount(codes[~is_slice], minlength=codes.max() + 1)
    n_own, n_other = int(own.sum()), int(other.sum())
    means = losses[is_slice].mean(), losses[~is_slice].mean()
    residuals = losses - np.where(is_slice, means[0], means[1])
    totals = np.bincount(codes, residuals * np.where(is_slice, 1.0 / n_own, -1.0 / n_other))
    robust = float(totals @ totals) * len(totals) / max(len(totals) - 1, 1)
    pull = own / n_own - other / n_other
    variance = max(robust, _equicorrelated(residuals, codes, own + other, 1.0 / n_own + 1.0 / n_other, float(pull @ pull)))
    fewest = min(np.count_nonzero(own), np.count_nonzero(other))
    se, degrees = (np.sqrt(variance), fewest - 1.0) if fewest >= MIN_CLUSTERS and variance > 0 else (np.nan, np.nan)
    return MeanDifference(np.array([means[0] - means[1]]), np.array([se]), np.array([degrees]))


def _equicorrelated(
    residuals: NDArray[np.float64], codes: NDArray[np.intp], sizes: NDArray[np.intp], if_independent: float, if_one: float
) -> float:
    """Return the variance when any two rows of a cluster have one correlation; the last two are its factors at 0 and 1."""
    square = float(residuals @ residuals)
    totals = np.bincount(codes, residuals)
    n_pairs = float(sizes @ sizes - sizes.sum())
    variance = square / max(len(residuals) - 2, 1)
    rho = min(max((float(totals @ totals) - square) / (n_pairs * variance), 0.0), 1.0) if n_pairs and variance > 0 else 0.0
    return variance * ((1.0 - rho) * if_independent + rho * if_one)
