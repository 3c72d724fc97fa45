"""What ECE may be in truth, given the rows: its cumulants under Dirichlet(counts + 1/2), in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.absolute_deviation import Cumulants, beta_deviation
from harness.stats.dirichlet import PRIOR


def ece_cumulants(bin_n: NDArray[np.int64], bin_positive: NDArray[np.int64], bin_score: NDArray[np.float64]) -> Cumulants:
    """Return mean, variance and third central moment of ECE when the shares of (bin, label) are Dirichlet(counts + 1/2).

    The mean score of a bin stays as observed, but for a shift by which the distribution of its rate is centred on the observed one: the
    prior pulls each of them to one half, and 15 pulls add up. Bins without rows take no part.

    Formula: ECE is the sum over bins of S |B - centre| over the sum of S, where a bin's mass S ~ Gamma(n + 1) and its rate
    B ~ Beta(k + 1/2, n - k + 1/2) are independent, and so is the whole mass of ECE; moments of the sum are those of ECE times those of
    the whole mass.

    Parameters
    ----------
    bin_n, bin_positive, bin_score : [n_cells, n_bins]
        Rows, positive rows and sum of scores; at least one bin of a cell has rows.

    Returns
    -------
    Cumulants
        float64 [n_cells] each.

    Examples
    --------
    One bin whose 1 of 1 row is positive, with score 1: the centre is 3/4, and the rate Beta(3/2, 1/2).

    >>> found = ece_cumulants(np.array([[1]]), np.array([[1]]), np.array([[1.0]]))
    >>> [float(c[0].round(4)) for c in found]
    [0.2067, 0.0198, 0.0035]
    """
    has_rows = bin_n > 0
    n = np.where(has_rows, bin_n, 1).astype(np.float64)
    a, b = np.where(has_rows, bin_positive, 0) + PRIOR, np.where(has_rows, bin_n - bin_positive, 1) + PRIOR
    mass = a + b
    of_sum, total = _sum_over_bins(beta_deviation(a, b, bin_score / n + a / mass - bin_positive / n), mass, has_rows)
    mean = of_sum.mean / total
    variance = (of_sum.variance - total * mean * mean) / (total * (total + 1.0))
    cubed = of_sum.third + 3.0 * of_sum.variance * total * mean - (3.0 * total + 2.0) * total * mean**3
    third = cubed / (total * (total + 1.0) * (total + 2.0)) - 3.0 * variance * mean
    return Cumulants(mean, np.maximum(variance, 0.0), third)


def _sum_over_bins(share: Cumulants, mass: NDArray[np.float64], has_rows: NDArray[np.bool_]) -> tuple[Cumulants, NDArray[np.float64]]:
    """Return the cumulants of the sum of S |B - centre|, with S ~ Gamma(mass), and the sum of the masses; [n_cells] each."""
    mean, variance, third = share
    square = variance + mean * mean
    of_bin = (
        mass * mean,
        mass * mass * variance + mass * square,
        mass**3 * third + 3.0 * mass * mass * (third + 2.0 * mean * variance) + 2.0 * mass * (third + 3.0 * mean * variance + mean**3),
    )
    return Cumulants(*(np.where(has_rows, c, 0.0).sum(axis=1) for c in of_bin)), np.where(has_rows, mass, 0.0).sum(axis=1)
