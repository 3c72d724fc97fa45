"""Whether a linearised variance is more than the rounding of the sums that it is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.linearised import Formula, gradient

# Sums of a million terms one after another are exact to about 1e-11 of the sum of their sizes; a variance above 1e-9 of it is exact to 1 %.
ROUNDING = 1e-9


def resolved_variance(
    formula: Formula, total: NDArray[np.float64], cross: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the linearised variance, 0 where it cannot be told from rounding: where all rows are alike, say; float64 [n_cells].

    Formula: the variance is a multiple of g' S g; it stands where that exceeds 1e-9 |g|' |S| |g|, the sum of the sizes of its terms.

    Parameters
    ----------
    formula, total, cross
        As in `linearised`.
    variance : float64 [n_cells]
        What `linearised` has found.

    Examples
    --------
    The mean of three values of 0.1, whose variance is rounding, and of 1, 2, 3.

    >>> total = np.array([[0.1 + 0.1 + 0.1, 3.0], [6.0, 3.0]])
    >>> cross = np.array([[[0.01 + 0.01 + 0.01, total[0, 0]], [total[0, 0], 3.0]], [[14.0, 6.0], [6.0, 3.0]]])
    >>> resolved_variance(lambda t: t[:, 0] / t[:, 1], total, cross, np.array([1e-20, 0.3333])).tolist()
    [0.0, 0.3333]
    """
    slope = gradient(formula, total)
    spread = np.einsum("ci,cij,cj->c", slope, cross, slope)
    size = np.einsum("ci,cij,cj->c", np.abs(slope), np.abs(cross), np.abs(slope))
    return np.where(spread > ROUNDING * size, variance, 0.0)
