"""How large ECE would be if every score were right: its 95 % point, from cumulants or by simulated labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.simulated_null import simulated_null_quantiles, smaller_share
from harness.metrics.values import ratio
from harness.stats.absolute_deviation import Cumulants, binomial_deviation, quantiles_of

# Where the cumulants of the sum over bins give its quantiles: the steps of the counts are small against its spread, and it is no single
# bin's. 1,000 simulated cells of 30 to 5,000 rows: calibrated worlds exceed the 95 % point in .046-.055, the 97.5 % point in .022-.029.
CLOSED_FROM_VARIANCE = 10.0  # of the number of positive rows
CLOSED_FROM_BINS = 3.0  # effective ones: (sum of variances)² / sum of squared variances


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
    p = smaller_share(n, bin_score)
    of_bin = binomial_deviation(n, p)
    total = Cumulants(*(c.sum(axis=1) for c in of_bin))
    n_effective = ratio(total.variance**2, (of_bin.variance**2).sum(axis=1))
    is_simulated = ~(((n * p * (1.0 - p)).sum(axis=1) >= CLOSED_FROM_VARIANCE) & (n_effective >= CLOSED_FROM_BINS))
    points = ratio(quantiles_of(total, list(quantiles)), np.broadcast_to(n.sum(axis=1), (len(quantiles), len(n))))
    points[:, is_simulated] = simulated_null_quantiles(bin_n[is_simulated], bin_score[is_simulated], quantiles, n_draws, seed)
    return points, is_simulated
