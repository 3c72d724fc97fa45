"""Which proportions are plausible given successes and trials: Wilson's score interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


def wilson_interval(
    successes: NDArray[np.int64] | NDArray[np.float64], trials: NDArray[np.int64] | NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the score interval of a proportion, the p with |p_hat - p| <= z * sqrt(p * (1 - p) / trials).

    Formula: (p_hat + z²/2n ± z * sqrt(p_hat * (1 - p_hat) / n + z²/4n²)) / (1 + z²/n).

    Parameters
    ----------
    successes, trials : int64 or float64 [n_cells]
        Counts, 0 <= successes <= trials; effective ones need not be whole.
    confidence : float
        Two-sided level.

    Returns
    -------
    low, high : float64 [n_cells]
        Bounds in [0, 1]; exactly 0 at no success and exactly 1 at no failure. NaN where trials is 0.

    Notes
    -----
    Wilson, Journal of the American Statistical Association 22:209-212, 1927; without continuity correction.

    Examples
    --------
    >>> low, high = wilson_interval(np.array([0, 2]), np.array([4, 4]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.  , 0.15]), array([0.4899, 0.85  ]))
    """
    n = np.where(trials > 0, trials, np.nan).astype(np.float64)
    z = float(ndtri(0.5 + confidence / 2))
    share = successes / n
    scale = 1.0 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * np.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n)) / scale
    low = np.where(successes == 0, np.minimum(0.0, share), centre - half)
    high = np.where(successes == trials, np.maximum(1.0, share), centre + half)
    return low, high
