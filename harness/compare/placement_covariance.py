"""How uncertain the difference of two AUCs on the same rows is: DeLong's paired variance from exact sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import PairedRanks, RankSums


def exact(high: NDArray[np.int64], low: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return high * 2**32 + low as Python integers, object [n_cells].

    Examples
    --------
    >>> exact(np.array([1]), np.array([7])).tolist()
    [4294967303]
    """
    return np.asarray((high.astype(np.object_) << 32) + low.astype(np.object_), dtype=np.object_)


def auc_of(ranks: RankSums) -> NDArray[np.float64]:
    """Return the AUC of every cell, sum of a / (2 P N); NaN where a class is empty."""
    pairs = 2 * ranks.n_positive * ranks.n_negative
    out = np.full(pairs.shape, np.nan)
    np.divide(ranks.sum_a, pairs, out=out, where=pairs > 0)
    return out


def paired_delong_variance(ranks: PairedRanks) -> NDArray[np.float64]:
    """Return the variance of challenger AUC - champion AUC on the same rows.

    Formula: S10 / P + S01 / N, with S10 and S01 the sample variances, over positive and negative rows, of the difference of
    the two variants' placements. It equals Var(A) + Var(B) - 2 Cov(A, B), but nothing cancels: the sums are exact integers.

    Returns
    -------
    float64 [n_cells]
        NaN where a class has fewer than 2 rows.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson, Biometrics 44:837-845, 1988 (structural components), with the contrast (1, -1).
    """
    old, new = ranks.champion, ranks.challenger
    p, n = old.n_positive.astype(np.object_), old.n_negative.astype(np.object_)
    total = (new.sum_a - old.sum_a).astype(np.object_)  # sum of b is 2 P N - sum of a: its difference is -total
    a2 = _squares(old.sum_a2_hi, old.sum_a2_lo, new.sum_a2_hi, new.sum_a2_lo, ranks.cross_a_hi, ranks.cross_a_lo)
    b2 = _squares(old.sum_b2_hi, old.sum_b2_lo, new.sum_b2_hi, new.sum_b2_lo, ranks.cross_b_hi, ranks.cross_b_lo)
    positive = _variance_of_mean(p, p * a2 - total * total, n)
    negative = _variance_of_mean(n, n * b2 - total * total, p)
    return positive + negative


def _squares(
    old_hi: NDArray[np.int64],
    old_lo: NDArray[np.int64],
    new_hi: NDArray[np.int64],
    new_lo: NDArray[np.int64],
    cross_hi: NDArray[np.int64],
    cross_lo: NDArray[np.int64],
) -> NDArray[np.object_]:
    """Return the sum of squared differences of placements, as exact integers."""
    return np.asarray(exact(old_hi, old_lo) + exact(new_hi, new_lo) - 2 * exact(cross_hi, cross_lo), dtype=np.object_)


def _variance_of_mean(count: NDArray[np.object_], centred: NDArray[np.object_], other: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return centred / (count² (count - 1) (2 other)²), the variance of a mean of placements / (2 other)."""
    c, o = count.astype(np.float64), other.astype(np.float64)
    scale = c * c * np.maximum(c - 1.0, 0.0) * 4.0 * o * o
    out = np.full(c.shape, np.nan)
    np.divide(centred.astype(np.float64), scale, out=out, where=scale > 0)
    return out
