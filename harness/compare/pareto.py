"""Which variants are worth considering: none is on the front that another one is shown to beat in gain and in cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


def earns_more(
    gain_difference_per_1k: NDArray[np.float64], gain_difference_se_per_1k: NDArray[np.float64], confidence: float = 0.95
) -> NDArray[np.bool_]:
    """Return whose gain is shown to be higher than whose: where the normal two-sided interval of the difference lies above 0.

    Formula: difference > z · se with z the normal quantile at (1 + confidence) / 2, and se > 0: a zero width is not evidence. False where
    either is NaN.

    >>> earns_more(np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.1, 0.0])).tolist()
    [True, False, False]
    """
    z = float(ndtri((1.0 + confidence) / 2.0))
    return np.asarray((gain_difference_per_1k > z * gain_difference_se_per_1k) & (gain_difference_se_per_1k > 0), np.bool_)


def pareto_front(
    gain_difference_per_1k: NDArray[np.float64],
    gain_difference_se_per_1k: NDArray[np.float64],
    cost_difference_high_per_1k: NDArray[np.float64],
    is_known: NDArray[np.bool_],
    confidence: float = 0.95,
) -> NDArray[np.bool_]:
    """Return which variants no other variant is shown to dominate.

    A dominates B only where the evidence says so on both axes: the interval of A's gain less B's lies above 0, and that of A's cost less B's
    lies below 0. Ties, and whatever the data cannot tell apart, stay on the front.

    Joint level: each axis has its two-sided interval at `confidence`. A dominates B is claimed only where both axes say so, so the chance of
    a claim that is wrong on either axis is at most that of the one axis it is wrong on: (1 - confidence) / 2 for each direction, and
    1 - confidence for both, whatever the dependence of the axes. No share of the level is lost to the second axis.

    Parameters
    ----------
    gain_difference_per_1k : float64 [n_variants, n_variants]
        Gain of the row's variant less that of the column's, per 1,000 predictions; paired where both were judged on the same rows.
    gain_difference_se_per_1k : float64 [n_variants, n_variants]
        Its standard error.
    cost_difference_high_per_1k : float64 [n_variants, n_variants]
        Upper bound, of a two-sided interval at `confidence`, of the cost of the row's variant less that of the column's.
    is_known : bool [n_variants]
        Whether gain and cost of a variant are known at all.
    confidence : float
        Of each axis, and of both together.

    Returns
    -------
    bool [n_variants]
        False where a variant is not known: it is not on the front, and dominates nobody. Where a difference or a bound is NaN, nobody
        dominates by it.

    Raises
    ------
    ValueError
        When a matrix is not [n_variants, n_variants].

    Source: the intersection-union test, Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982, theorem 1.
    Dominated by one that is itself dominated is dominated, as in Ehrgott, Multicriteria Optimization, 2005, chapter 2. Pairs are not corrected
    for their number: the level is that of a pair.

    Examples
    --------
    The second earns less and costs more than the first; the third is cheaper, and its gain cannot be told from the first's; the fourth is as
    good as the first, and its cost cannot be told from the first's.

    >>> gain = np.array([5.0, 1.0, 4.9, 5.0])
    >>> cost_high = np.array([[0.1, -0.9, 0.6, 0.1], [1.1, 0.1, 1.6, 1.1], [-0.4, -1.4, 0.1, -0.4], [0.1, -0.9, 0.6, 0.1]])
    >>> pareto_front(gain[:, None] - gain[None, :], np.full((4, 4), 0.2), cost_high, np.full(4, True)).tolist()
    [True, False, True, True]
    """
    shape = (is_known.size, is_known.size)
    for name, matrix in (
        ("gain_difference_per_1k", gain_difference_per_1k),
        ("gain_difference_se_per_1k", gain_difference_se_per_1k),
        ("cost_difference_high_per_1k", cost_difference_high_per_1k),
    ):
        if matrix.shape != shape:
            raise ValueError(f"{name}: found shape {matrix.shape}, wanted {shape}, a row and a column for every variant")
    better = earns_more(gain_difference_per_1k, gain_difference_se_per_1k, confidence)
    dominates = better & (cost_difference_high_per_1k < 0) & is_known[:, None]
    return np.asarray(is_known & ~dominates.any(axis=0), dtype=np.bool_)
