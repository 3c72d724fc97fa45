"""The interval of a difference of two independent estimates, from the interval of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def independent_difference(a: Floats, a_low: Floats, a_high: Floats, b: Floats, b_low: Floats, b_high: Floats) -> tuple[Floats, Floats]:
    """Return the interval of a - b at the level of the two intervals (method of variance estimates recovery, MOVER).

    Formula: low = a - b - sqrt((a - a_low)² + (b_high - b)²), high = a - b + sqrt((a_high - a)² + (b - b_low)²).

    Parameters
    ----------
    a, a_low, a_high, b, b_low, b_high : float64
        Estimates of different rows, and their intervals, of one shape; NaN gives NaN.

    Notes
    -----
    Zou & Donner 2008, Statistics in Medicine 27:1693, equation 4; with Wilson's intervals it is Newcombe 1998, Statistics in Medicine
    17:873, method 10.

    Examples
    --------
    >>> low, high = independent_difference(*(np.array([x]) for x in (0.5, 0.2, 0.8, 0.4, 0.0, 0.8)))
    >>> float(low[0].round(6)), float(high[0].round(6))
    (-0.4, 0.6)
    """
    difference = a - b
    return difference - np.hypot(a - a_low, b_high - b), difference + np.hypot(a_high - a, b - b_low)
