"""How large ECE would be if every score were right: its 95 % point, from cumulants or by simulated labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, xlog1py, xlogy

from harness.metrics.values import ratio
from harness.records.tally import N_BINS
from harness.stats.absolute_deviation import Cumulants, binomial_deviation, quantiles_of

# Where the cumulants of the sum over bins give its quantiles: the steps of the counts are small against its spread, and it is no single
# bin's. 1,000 simulated cells of 30 to 5,000 rows: calibrated worlds exceed the 95 % point in .046-.055, the 97.5 % point in .022-.029.
CLOSED_FROM_VARIANCE = 10.0  # of the number of positive rows
CLOSED_FROM_BINS = 3.0  # effective ones: (sum of variances)² / sum of squared variances

NORMAL_FROM = 9.0  # variance of a bin's count from which it is drawn as normal
BLOCK_BYTES = 2**19  # of one block of draws: stays in the cache of a core


def null_quantiles(
    bin_n: NDArray[np.int64], bin_score: NDArray[np.float64], quantiles: Sequence[float], n_draws: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the points that ECE stays below with probability `quantiles` when labels follow the scores, and where they were simulated.

    In each bin the number of positive rows is Binomial(n_b, mean score of the bin). Where many bins take part and the numbers vary enough,
    the sum of |number - mean| over bins is taken as a shifted Gamma variable with the same first three cumulants, which are exact; other
    cells have `simulated_null_quantiles`. Given the scores the number is Poisson-binomial, with a variance smaller by the spread of the
    scores inside the bin (at most n_b / 15² / 4): the point is slightly too high, so a calibrated model is called miscalibrated a little
    less often than stated.

    Parameters
    ----------
    bin_n, bin_score : int64, float64 [n_cells, N_BINS]
        Rows and sum of scores per bin.
    quantiles : sequence of float
        For the 95 % point, [0.95].
    n_draws, seed : int
        As in `simulated_null_quantiles`.

    Returns
    -------
    points : float64 [n_quantiles, n_cells]
        NaN in empty cells.
    is_simulated : bool [n_cells]

    Examples
    --------
    >>> n, score = np.full((1, 15), 20), np.full((1, 15), 10.0)
    >>> points, is_simulated = null_quantiles(n, score, [0.95], 1000, 0)
    >>> points.round(3).tolist(), is_simulated.tolist()
    ([[0.118]], [False])
    """
    n = bin_n.astype(np.float64)
    p = _smaller_share(n, bin_score)
    of_bin = binomial_deviation(n, p)
    total = Cumulants(*(c.sum(axis=1) for c in of_bin))
    n_effective = ratio(total.variance**2, (of_bin.variance**2).sum(axis=1))
    is_simulated = ~(((n * p * (1.0 - p)).sum(axis=1) >= CLOSED_FROM_VARIANCE) & (n_effective >= CLOSED_FROM_BINS))
    points = ratio(quantiles_of(total, list(quantiles)), np.broadcast_to(n.sum(axis=1), (len(quantiles), len(n))))
    points[:, is_simulated] = simulated_null_quantiles(bin_n[is_simulated], bin_score[is_simulated], quantiles, n_draws, seed)
    return points, is_simulated


def _smaller_share(n: NDArray[np.float64], bin_score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean score of each bin, or 1 less it where that is smaller: |number - mean| is the same for both."""
    p = np.divide(bin_score, n, out=np.zeros_like(n), where=n > 0).clip(0.0, 1.0)
    return np.minimum(p, 1.0 - p)


def simulated_null_quantiles(
    bin_n: NDArray[np.int64], bin_score: NDArray[np.float64], quantiles: Sequence[float], n_draws: int, seed: int
) -> NDArray[np.float64]:
    """Return the points that ECE stays below with probability `quantiles` when labels follow the scores, by simulated labels.

    Parameters
    ----------
    bin_n, bin_score : int64, float64 [n_cells, N_BINS]
        Rows and sum of scores per bin.
    quantiles : sequence of float
        For the 95 % point, [0.95].
    n_draws, seed : int
        Simulated data sets, shared by all cells, and their seed.

    Returns
    -------
    float64 [n_quantiles, n_cells]
        NaN in empty cells.

    Notes
    -----
    Each bin's draws are a Latin hypercube sample (McKay, Beckman & Conover, Technometrics 21:239-245, 1979): every bin
    takes its own quantiles in random order. Where the variance of the count is 9 or more, |count - mean| is drawn as
    |normal| scaled to the binomial's exact mean absolute deviation (de Moivre; Diaconis & Zabell, Statistical Science
    6:284-302, 1991); below it the count is the binomial's own.
    """
    n = bin_n.astype(np.float64)
    p = _smaller_share(n, bin_score)
    is_normal = n * p * (1.0 - p) >= NORMAL_FROM
    order = np.argsort(np.random.default_rng(seed).random((N_BINS, n_draws)), axis=1)
    levels = (np.arange(n_draws) + 0.5) / n_draws
    absolute_normal = np.abs(ndtri(levels))[order] / np.sqrt(2.0 / np.pi)
    scale = np.where(is_normal, mean_absolute_deviation(n, p), 0.0)
    out = np.full((len(quantiles), len(n)), np.nan)
    step = max(1, BLOCK_BYTES // (8 * n_draws))
    for start in range(0, len(n), step):
        block = slice(start, start + step)
        total = scale[block] @ absolute_normal
        for b in range(N_BINS):
            rows = np.flatnonzero((bin_n[block, b] > 0) & ~is_normal[block, b])
            total[rows] += binomial_deviations(n[block, b][rows], p[block, b][rows], n_draws)[:, order[b]]
        out[:, block] = np.quantile(total, quantiles, axis=1)
    return ratio(out, np.broadcast_to(n.sum(axis=1), out.shape))


def mean_absolute_deviation(n: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return E|X - n p| of X ~ Binomial(n, p).

    Formula: 2 k C(n, k) p^k (1 - p)^(n - k + 1) with k = floor(n p) + 1.

    Examples
    --------
    >>> mean_absolute_deviation(np.array([2.0]), np.array([0.5]))
    array([0.5])
    """
    k = np.floor(n * p) + 1.0
    rest = np.maximum(n - k, 0.0)
    log_term = gammaln(n + 1) - gammaln(k + 1) - gammaln(rest + 1) + xlogy(k, p) + xlog1py(n - k + 1, -p)
    return np.asarray(np.where(k <= n, 2.0 * k * np.exp(log_term), 0.0), dtype=np.float64)


def binomial_deviations(n: NDArray[np.float64], p: NDArray[np.float64], n_draws: int) -> NDArray[np.float64]:
    """Return |X - n p| at the n_draws midpoint quantiles of Binomial(n, p), in rising order of X; p at most one half.

    Examples
    --------
    >>> binomial_deviations(np.array([2.0]), np.array([0.5]), 4)
    array([[1., 0., 0., 1.]])
    """
    rises = np.zeros((len(n), n_draws + 1), dtype=np.float64)
    rows = np.arange(len(n))
    mass = np.exp(xlog1py(n, -p))
    below = mass.copy()
    k = 0.0
    while True:
        at = np.ceil(below * n_draws - 0.5).clip(0, n_draws).astype(np.intp)
        if not (at < n_draws).any():
            break
        rises[rows, at] += 1.0  # X is k + 1 from this draw on
        mass = np.where(k < n, mass * (n - k) / (k + 1.0) * p / (1.0 - p), 0.0)
        below = np.where(k + 1.0 < n, below + mass, 1.0)
        k += 1.0
    counts = np.cumsum(rises[:, :n_draws], axis=1)
    return np.abs(counts - (n * p)[:, None])
