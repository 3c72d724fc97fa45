"""How many rows a share allows or asks for, without the rounding of share * rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def largest_within(share: float, of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest k with k / of <= share, as float64 divides; int64, 0 where `of` is 0.

    >>> largest_within(0.3, np.array([10, 9, 0])).tolist()
    [3, 2, 0]
    """
    n = np.maximum(of, 1)
    k = np.floor(share * n).astype(np.int64)
    k += (k + 1) / n <= share
    k -= k / n > share
    return np.minimum(k, of)


def smallest_reaching(share: float, of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the smallest k with k / of >= share, as float64 divides: ceil(share * of), but for its rounding; int64, 0 where `of` is 0.

    >>> smallest_reaching(0.07, np.array([100, 101, 0])).tolist()
    [7, 8, 0]
    """
    n = np.maximum(of, 1)
    k = np.ceil(share * n).astype(np.int64)
    k -= (k - 1) / n >= share
    k += k / n < share
    return np.minimum(k, of)
