"""How large ECE would be if every score were right: quantiles of ECE over simulated labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, xlog1py, xlogy

from harness.metrics.values import ratio
from harness.records.tally import N_BINS
from harness.stats.blocks import in_blocks

NORMAL_FROM = 9.0  # variance of a bin's count from which it is drawn as normal
BLOCK_BYTES = 2**19  # of one block of draws: stays in the cache of a core


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
    p = smaller_share(n, bin_score)
    is_normal = n * p * (1.0 - p) >= NORMAL_FROM
    rank = np.argsort(np.random.default_rng(seed).random((N_BINS, n_draws)), axis=1)
    draw_of_rank = np.argsort(rank, axis=1)
    levels = (np.arange(n_draws) + 0.5) / n_draws
    absolute_normal = np.abs(ndtri(levels))[rank] / np.sqrt(2.0 / np.pi)
    scale = np.where(is_normal, mean_absolute_deviation(n, p), 0.0)
    out = np.full((len(quantiles), len(n)), np.nan)

    def fill(block: slice) -> None:
        # A matrix product of this size costs more in waiting for its threads than in work.
        total = np.einsum("cb,bd->cd", scale[block], absolute_normal)
        cells, bins = np.nonzero((bin_n[block] > 0) & ~is_normal[block])
        add_binomial_deviations(total, cells, bins, n[block][cells, bins], p[block][cells, bins], draw_of_rank)
        out[:, block] = np.quantile(total, quantiles, axis=1)

    in_blocks(fill, len(n), max(1, BLOCK_BYTES // (8 * n_draws)))
    return ratio(out, np.broadcast_to(n.sum(axis=1), out.shape))


def smaller_share(n: NDArray[np.float64], bin_score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean score of each bin, or 1 less it where that is smaller: |number - mean| is the same for both."""
    p = np.divide(bin_score, n, out=np.zeros_like(n), where=n > 0).clip(0.0, 1.0)
    return np.asarray(np.minimum(p, 1.0 - p), np.float64)


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


def add_binomial_deviations(
    total: NDArray[np.float64],
    cells: NDArray[np.intp],
    bins: NDArray[np.intp],
    n: NDArray[np.float64],
    p: NDArray[np.float64],
    draw_of_rank: NDArray[np.intp],
) -> None:
    """Add |X - n p| at the midpoint quantiles of Binomial(n, p), in the order of each bin's ranks, to the draws of the cells.

    Work is one step per draw and unit of X, not per draw and bin: where positive rows are rare, most X are 0.

    Parameters
    ----------
    total : float64 [n_cells, n_draws]
        Changed in place.
    cells, bins : intp [n_pairs]
        Which cell and bin a binomial belongs to.
    n, p : float64 [n_pairs]
        Of the binomials; p at most one half.
    draw_of_rank : intp [n_bins, n_draws]
        Which draw of a bin takes its lowest quantile, the next, ...

    Examples
    --------
    >>> total, first = np.zeros((1, 4)), np.zeros(1, np.intp)
    >>> add_binomial_deviations(total, first, first, np.array([2.0]), np.array([0.5]), np.arange(4)[None])
    >>> total
    array([[1., 0., 0., 1.]])
    """
    n_draws = total.shape[1]
    total += np.bincount(cells, n * p, len(total))[:, None]  # X = 0 everywhere
    draws = draw_of_rank.ravel()
    mass = np.exp(xlog1py(n, -p))
    below, k = mass.copy(), 0.0
    while cells.size:
        at = np.ceil(below * n_draws - 0.5).clip(0, n_draws).astype(np.intp)  # X is k + 1 or more from this rank on
        rises = at < n_draws
        cells, bins, n, p, mass, below, at = (v[rises] for v in (cells, bins, n, p, mass, below, at))
        length = n_draws - at
        end = np.cumsum(length)
        place = np.arange(length.sum()) + np.repeat((bins + 1) * n_draws - end, length)
        place = draws[place] + np.repeat(cells * n_draws, length)
        step = np.abs(k + 1.0 - n * p) - np.abs(k - n * p)
        total += np.bincount(place, np.repeat(step, length), total.size).reshape(total.shape)
        mass = np.where(k < n, mass * (n - k) / (k + 1.0) * p / (1.0 - p), 0.0)
        below = np.where(k + 1.0 < n, below + mass, 1.0)
        k += 1.0
