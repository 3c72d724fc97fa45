"""How uncertain an AUC is: DeLong's variance from exact sums of placements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.values import ratio
from harness.records.tally import RankSums


def exact(high: NDArray[np.int64], low: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return high * 2**32 + low as Python integers, object [n_cells].

    Examples
    --------
    >>> exact(np.array([1 << 40]), np.array([7])).tolist()
    [4722366482869645213703]
    """
    return np.asarray((high.astype(np.object_) << 32) + low.astype(np.object_), dtype=np.object_)


def sample_variance(n: NDArray[np.int64], total: NDArray[np.int64], squares: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the variance (n - 1 in the denominator) of integers from their exact sum and sum of squares; NaN where n < 2.

    Formula: (n * squares - total²) / (n * (n - 1)). The numerator is formed in integers: in float64 nearly all its digits
    would cancel.

    Examples
    --------
    >>> sample_variance(np.array([3]), np.array([6]), np.array([14], dtype=object))
    array([1.])
    """
    count, plain = n.astype(np.object_), total.astype(np.object_)
    centred = (count * squares - plain * plain).astype(np.float64)
    return ratio(centred, n.astype(np.float64) * np.maximum(n - 1, 0))


def delong_variance(ranks: RankSums) -> NDArray[np.float64]:
    """Return the variance of the AUC of every cell.

    Formula: S10 / P + S01 / N, with S10 the sample variance of the positives' placements a / (2 N) and S01 that of the
    negatives' placements 1 - b / (2 P).

    Parameters
    ----------
    ranks : RankSums
        Sums of doubled placements; sum of b = 2 P N - sum of a, as every pair gives two halves.

    Returns
    -------
    float64 [n_cells]
        NaN where a class has fewer than 2 rows.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson, Biometrics 44:837-845, 1988 (structural components); placements from ranks as in Sun & Xu,
    IEEE Signal Processing Letters 21:1389-1393, 2014.

    Examples
    --------
    Positives .4 and .8, negatives .2 and .6: a = 2, 4 and b = 0, 2, so both sample variances are 2 / 4².

    >>> one = [np.array([k]) for k in (2, 2, 6, 0, 20, 0, 4)]
    >>> delong_variance(RankSums(*one))
    array([0.125])
    """
    p, n = ranks.n_positive, ranks.n_negative
    variance_a = sample_variance(p, ranks.sum_a, exact(ranks.sum_a2_hi, ranks.sum_a2_lo))
    variance_b = sample_variance(n, 2 * p * n - ranks.sum_a, exact(ranks.sum_b2_hi, ranks.sum_b2_lo))
    return ratio(variance_a, 4.0 * n * n * p.astype(np.float64)) + ratio(variance_b, 4.0 * p * p * n.astype(np.float64))
