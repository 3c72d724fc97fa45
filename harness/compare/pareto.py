"""Which variants are worth considering: none is on the front that another one beats in gain and in cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


def pareto_front(
    gain_per_1k: NDArray[np.float64],
    gain_se_per_1k: NDArray[np.float64],
    cost_low_per_1k: NDArray[np.float64],
    cost_high_per_1k: NDArray[np.float64],
    confidence: float = 0.95,
) -> NDArray[np.bool_]:
    """Return which variants no other variant is shown to dominate.

    A dominates B only where the evidence says so on both axes: the interval of A's gain minus B's lies above 0, and A's cost
    interval lies below B's. Both axes together have the level `confidence`: the gain's interval takes half of 1 - confidence.
    Ties, and whatever the data cannot tell apart, stay on the front.

    Parameters
    ----------
    gain_per_1k : float64 [n_variants]
        Gain, net of nothing, or its difference to the champion (the champion's own is 0). Per 1,000 predictions.
    gain_se_per_1k : float64 [n_variants]
        Its standard error; 0 for the champion where differences are given.
    cost_low_per_1k, cost_high_per_1k : float64 [n_variants]
        Interval of the cost; where only one figure is known, twice that figure.
    confidence : float
        Joint level.

    Returns
    -------
    bool [n_variants]
        False where gain or cost is NaN: such a variant is not on the front, and dominates nobody.

    Notes
    -----
    Assumed: the standard error of a difference of two challengers is sqrt(se_A² + se_B²). Their gains are measured on the same
    rows and correlate positively, so the true one is smaller and the front is at most too large. Two cost intervals that do not
    overlap are stronger evidence than their own level. Dominated by one that is itself dominated is dominated, as in Ehrgott,
    Multicriteria Optimization, 2005, chapter 2. Pairs are not corrected for their number.

    Examples
    --------
    The second earns less and costs more than the first; the third cannot be told from the first.

    >>> gain, se = np.array([5.0, 1.0, 4.9]), np.array([0.1, 0.1, 0.1])
    >>> pareto_front(gain, se, np.array([1.0, 2.0, 1.0]), np.array([1.1, 2.2, 1.1]))
    array([ True, False,  True])
    """
    is_known = np.isfinite(gain_per_1k) & np.isfinite(gain_se_per_1k) & np.isfinite(cost_low_per_1k) & np.isfinite(cost_high_per_1k)
    z = float(ndtri(1.0 - (1.0 - confidence) / 4))
    better_by = gain_per_1k[:, None] - gain_per_1k[None, :]
    se = np.hypot(gain_se_per_1k[:, None], gain_se_per_1k[None, :])
    earns_more = better_by > z * se
    costs_less = cost_high_per_1k[:, None] < cost_low_per_1k[None, :]
    dominates = earns_more & costs_less & is_known[:, None]
    return np.asarray(is_known & ~dominates.any(axis=0), dtype=np.bool_)
