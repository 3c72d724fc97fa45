"""Whether two proportions differ: the two-sample score test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr


def two_proportion_p(
    successes: NDArray[np.int64], trials: NDArray[np.int64], other_successes: NDArray[np.int64], other_trials: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the two-sided p-value of "both proportions are the same".

    Formula: z = (x/n - y/m) / sqrt(p * (1 - p) * (1/n + 1/m)) with the pooled p = (x + y) / (n + m); z² is Pearson's chi-square.

    Parameters
    ----------
    successes, trials, other_successes, other_trials : int64 [n_tests]
        Counts x of n and y of m; the samples share no row, and rows are treated as independent.

    Returns
    -------
    float64 [n_tests]
        In [0, 1]. NaN where it is undefined.

    Notes
    -----
    Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 3rd edition 2003, section 3.1, without their continuity
    correction. A normal approximation: rough where fewer than five successes or failures are expected on one side.

    Undefined when: one sample is empty, or all rows of both are alike.

    Examples
    --------
    >>> two_proportion_p(np.array([15, 0]), np.array([100, 9]), np.array([5, 0]), np.array([100, 9])).round(4)
    array([0.0184,    nan])
    """
    pooled_trials = trials + other_trials
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (successes + other_successes) / pooled_trials
        variance = pooled * (1.0 - pooled) * (1.0 / trials + 1.0 / other_trials)
        z = np.abs(successes / trials - other_successes / other_trials) / np.sqrt(variance)
    is_defined = (trials > 0) & (other_trials > 0) & (pooled > 0) & (pooled < 1)
    return np.asarray(np.where(is_defined, 2.0 * ndtr(-z), np.nan), np.float64)
