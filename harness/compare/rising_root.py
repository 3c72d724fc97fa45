"""Where many functions at once cross zero: false position with a bracket for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
N_STEPS = 100  # a smooth function needs about ten; with every fourth step a halving, so many end any bracket


def rising_root(function: Callable[[Floats], Floats], low: Floats, high: Floats, tolerance: float) -> Floats:
    """Return per entry the x between low and high at which a function that is negative before and positive after crosses 0.

    Parameters
    ----------
    function : callable
        Takes float64 [n] and returns float64 [n], entry by entry.
    low, high : float64 [n]
        Brackets. Where the function is not negative at `low`, `low` is returned; where it is not positive at `high`, `high`.
    tolerance : float
        A function value so near to 0 counts as 0.

    Returns
    -------
    float64 [n]

    Notes
    -----
    False position in the Illinois form: the end that stays is given half its value (Dowell & Jarratt, BIT 11:168-174, 1971).

    Examples
    --------
    >>> rising_root(lambda x: x * x - np.array([2.0, 9.0, -1.0]), np.zeros(3), np.full(3, 8.0), 1e-9).round(6)
    array([1.414214, 3.      , 0.      ])
    """
    at_low, at_high = function(low), function(high)
    root = np.where(at_low >= 0, low, high)
    is_open = (at_low < 0) & (at_high > 0)
    before = np.zeros(len(low))  # -1 where the last step moved the low end, 1 where the high end
    for step in range(1, N_STEPS + 1):
        if not is_open.any():
            break
        share = np.divide(-at_low, at_high - at_low, out=np.full(len(low), 0.5), where=is_open)
        root = np.where(is_open, low + (share if step % 4 else 0.5) * (high - low), root)
        value = function(root)
        is_open &= np.abs(value) > tolerance
        side = np.sign(value)
        at_low = np.where(side < 0, value, np.where(before > 0, 0.5 * at_low, at_low))
        at_high = np.where(side > 0, value, np.where(before < 0, 0.5 * at_high, at_high))
        low, high, before = np.where(side < 0, root, low), np.where(side > 0, root, high), side
    return root
