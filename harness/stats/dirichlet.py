"""Which values of a function of category shares are plausible: quantiles over Dirichlet(counts + 1/2) draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.blocks import in_blocks

PRIOR = 0.5  # Jeffreys' prior of a multinomial: one half in every category
BLOCK_BYTES = 2**19  # of one block of draws of one category: stays in the cache of a core
N_CANDIDATES = 8  # accept-reject attempts; at shape 1.5 a draw is rejected in 3 % of them, so 1 in 10^12 runs out
TABLE_COUNTS = 128  # counts from 0 whose Gamma draws are made once for all cells: 2 MB a category at 2,000 draws
NAN_LIMIT = 0.01  # share of undefined draws above which there is no interval

Statistic = Callable[[list[NDArray[np.float64]]], NDArray[np.float64]]


@dataclass(frozen=True)
class SharedDraws:
    """Random numbers that all cells share, so that a cell's interval does not depend on the other cells.

    Parameters
    ----------
    normal, log_uniform : float64 [n_categories, N_CANDIDATES, n_draws]
        Standard normal numbers and logarithms of uniform ones.
    """

    normal: NDArray[np.float64]
    log_uniform: NDArray[np.float64]

    @classmethod
    def from_seed(cls, n_categories: int, n_draws: int, seed: int) -> SharedDraws:
        """Draw the numbers from one generator."""
        rng = np.random.default_rng(seed)
        shape = (n_categories, N_CANDIDATES, n_draws)
        return cls(rng.standard_normal(shape), np.log1p(-rng.random(shape)))


def gamma_draws(counts: NDArray[np.int64], normal: NDArray[np.float64], log_uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws of Gamma(count + 1/2, 1) for every cell from the shared random numbers of one category.

    Parameters
    ----------
    counts : int64 [n_cells]
        Rows of the category.
    normal, log_uniform : float64 [N_CANDIDATES, n_draws]
        Shared random numbers.

    Returns
    -------
    float64 [n_cells, n_draws]

    Notes
    -----
    Marsaglia & Tsang, ACM Transactions on Mathematical Software 26:363-372, 2000. Their squeeze, u < 1 - 0.0331 x⁴,
    does not depend on the shape: the draws that pass it are accepted in all cells at once. Gamma(1/2) is half a squared
    standard normal number.
    """
    d = (counts + (PRIOR - 1.0 / 3.0)).astype(np.float64)
    draws = _candidate(normal[0], d[:, None])
    unsure = np.flatnonzero(log_uniform[0] >= np.log(np.maximum(1.0 - 0.0331 * normal[0] ** 4, 1e-300)))
    accepted = _accepted(draws[:, unsure], normal[0, unsure], log_uniform[0, unsure], d[:, None])
    accepted[counts == 0] = True
    rows, at = np.nonzero(~accepted)
    columns = unsure[at]
    for k in range(1, N_CANDIDATES):
        x, again = normal[k, columns], _candidate(normal[k, columns], d[rows])
        good = _accepted(again, x, log_uniform[k, columns], d[rows])
        draws[rows[good], columns[good]] = again[good]
        rows, columns = rows[~good], columns[~good]
    draws *= d[:, None]
    draws[counts == 0] = 0.5 * normal[0] ** 2
    return draws


def _looked_up(
    counts: NDArray[np.int64], table: NDArray[np.float64], normal: NDArray[np.float64], log_uniform: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `gamma_draws`, those of small counts from a table of them, float64 [n_counts, n_draws]."""
    is_small = counts < len(table)
    if is_small.all():
        return table[counts]
    draws = np.empty((len(counts), normal.shape[1]))
    draws[is_small] = table[counts[is_small]]
    draws[~is_small] = gamma_draws(counts[~is_small], normal, log_uniform)
    return draws


def _candidate(x: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the candidate (1 + x / sqrt(9 d))³ of Marsaglia and Tsang; 0 where it would be negative."""
    root = x * (1.0 / np.sqrt(9.0 * d))
    root += 1.0
    np.maximum(root, 0.0, out=root)
    return np.asarray(root * root * root, dtype=np.float64)


def _accepted(v: NDArray[np.float64], x: NDArray[np.float64], log_u: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the candidate v of Marsaglia and Tsang is accepted."""
    positive = v > 0
    log_v = np.log(np.where(positive, v, 1.0))
    return np.asarray(positive & (log_u < 0.5 * x * x + d * (1.0 - v + log_v)), dtype=np.bool_)


def dirichlet_interval(
    counts: NDArray[np.int64], statistic: Statistic, confidence: float, n_draws: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the equal-tailed interval of a function of the shares of categories.

    Parameters
    ----------
    counts : int64 [n_cells, n_categories]
        Rows per category.
    statistic : callable
        Takes one float64 [cells, n_draws] array per category (Gamma draws: shares up to a common factor, so it must not
        depend on their sum) and returns float64 [cells, n_draws].
    confidence : float
        Two-sided level.
    n_draws, seed : int
        Draws per cell, and the seed of the numbers that all cells share.

    Returns
    -------
    low, high : float64 [n_cells]
        Quantiles (type 7) of the draws that are defined.
    too_few : bool [n_cells]
        Where more than 1 % of the draws are undefined; no interval may be given there.

    Notes
    -----
    Shares from Dirichlet(counts + 1/2), the posterior under Jeffreys' prior (Brown, Cai & DasGupta, Statistical Science
    16:101-133, 2001, for two categories). Resampling the counts themselves is too narrow in small cells.
    """
    distinct, of_cell = np.unique(counts, axis=0, return_inverse=True)
    shared = SharedDraws.from_seed(counts.shape[1], n_draws, seed)
    low, high = np.full(len(distinct), np.nan), np.full(len(distinct), np.nan)
    too_few = np.zeros(len(distinct), dtype=np.bool_)
    in_table = np.arange(TABLE_COUNTS if len(distinct) > TABLE_COUNTS else 0)
    tables = [gamma_draws(in_table, shared.normal[k], shared.log_uniform[k]) for k in range(counts.shape[1])]

    def fill(block: slice) -> None:
        gammas = [_looked_up(distinct[block, k], tables[k], shared.normal[k], shared.log_uniform[k]) for k in range(counts.shape[1])]
        low[block], high[block], too_few[block] = quantile_interval(statistic(gammas), confidence)

    in_blocks(fill, len(distinct), max(1, BLOCK_BYTES // (8 * n_draws)))
    of_cell = of_cell.reshape(len(counts))
    return low[of_cell], high[of_cell], too_few[of_cell]


def quantile_interval(draws: NDArray[np.float64], confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return per row the equal-tailed quantiles of its defined draws, and whether more than 1 % are undefined.

    Examples
    --------
    >>> low, high, too_few = quantile_interval(np.array([[0.0, 1.0, 2.0, 3.0, 4.0]]), 0.5)
    >>> low, high, too_few
    (array([1.]), array([3.]), array([False]))
    """
    is_nan = np.isnan(draws)
    tails = [0.5 - confidence / 2, 0.5 + confidence / 2]
    too_few = np.asarray(is_nan.mean(axis=1) > NAN_LIMIT, dtype=np.bool_)
    if is_nan.any():
        draws = np.where(too_few[:, None], 0.0, draws)
        low, high = np.nanquantile(draws, tails, axis=1)
    else:
        low, high = np.quantile(draws, tails, axis=1)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64), too_few
