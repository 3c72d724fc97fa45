"""The interval of a metric of the four decisions: by cubature where every decision was met, by draws where one is rare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.values import Case
from harness.stats.dirichlet import Statistic, dirichlet_interval
from harness.stats.dirichlet_cubature import MIN_COUNT, Scale, cubature_interval

CUBATURE = "Dirichlet(counts + 1/2), cubature"
UNDEFINED_DRAWS = "no interval: more than 1 % of the draws are undefined"


def decision_interval(
    counts: NDArray[np.int64], statistic: Statistic, scale: Scale, confidence: float, n_draws: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.object_], list[Case]]:
    """Return bounds and method of every cell, and the cases in which there are none.

    Draws are quantiles of a sample; where each of the four counts is at least `MIN_COUNT`, cubature gives the same quantiles without the
    sample's noise and many times faster.

    Parameters
    ----------
    counts : int64 [n_cells, 4]
        TN, FP, FN, TP.
    statistic, scale, confidence
        As in `cubature_interval`.
    n_draws, seed : int
        As in `dirichlet_interval`.

    Examples
    --------
    >>> from harness.stats.dirichlet_cubature import LOGIT_SCALE
    >>> counts = np.array([[20, 5, 4, 10], [20, 5, 0, 10]])
    >>> low, high, method, cases = decision_interval(counts, lambda g: g[3] / (g[2] + g[3]), LOGIT_SCALE, 0.95, 500, 0)
    >>> method.tolist()
    ['Dirichlet(counts + 1/2), cubature', 'Dirichlet(counts + 1/2), 500 draws']
    """
    is_drawn = np.asarray((counts < MIN_COUNT).any(axis=1), np.bool_)
    low, high = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    too_few = np.zeros(len(counts), np.bool_)
    low[~is_drawn], high[~is_drawn] = cubature_interval(counts[~is_drawn], statistic, scale, confidence)
    low[is_drawn], high[is_drawn], too_few[is_drawn] = dirichlet_interval(counts[is_drawn], statistic, confidence, n_draws, seed)
    method = np.where(is_drawn, f"Dirichlet(counts + 1/2), {n_draws} draws", CUBATURE).astype(np.object_)
    return low, high, method, [(too_few, UNDEFINED_DRAWS)]
