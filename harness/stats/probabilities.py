"""Which rows of scores are not probabilities over classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SUM_TOLERANCE = 1e-3  # float16 probabilities of 1,000 classes still sum to 1 within it
BLOCK_ROWS = 1 << 18


class InvalidRows(NamedTuple):
    """How many rows hold a NaN, how many others a score outside [0, 1], and how many others do not sum to 1."""

    n_nan: int
    n_outside: int
    n_off: int


def invalid_rows(scores: NDArray[np.float32]) -> InvalidRows:
    """Count the rows that are no probabilities: each in the first group that it belongs to.

    Parameters
    ----------
    scores : float32 [n_rows, n_classes]

    Examples
    --------
    >>> invalid_rows(np.array([[0.5, 0.5], [np.nan, 1], [2, -1], [0.5, 0.25]], np.float32))
    InvalidRows(n_nan=1, n_outside=1, n_off=1)
    """
    counts = np.zeros(3, np.int64)
    for start in range(0, len(scores), BLOCK_ROWS):
        block = scores[start : start + BLOCK_ROWS]
        total = block.sum(axis=1, dtype=np.float64)
        is_nan = np.isnan(block).any(axis=1)
        outside = ((block < 0) | (block > 1)).any(axis=1) & ~is_nan
        off = ~(np.abs(total - 1.0) <= SUM_TOLERANCE) & ~is_nan & ~outside
        counts += is_nan.sum(), outside.sum(), off.sum()
    return InvalidRows(*counts.tolist())
