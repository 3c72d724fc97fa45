"""Exact sums above 64 bits as two int64 words, hi * 2**32 + lo with 0 <= lo < 2**32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

LOW_BITS = 32
LOW_MASK = (1 << LOW_BITS) - 1


@register_jitable  # type: ignore[untyped-decorator]
def add_words(total: NDArray[np.int64], at: int, hi: Any, lo: Any) -> None:
    """Add hi * 2**32 + lo to the words at `at` and after it; as `WideSums.add_words`, of one cell."""
    low = total[at + 1] + lo
    total[at] += hi + (low >> LOW_BITS)
    total[at + 1] = low & LOW_MASK


@register_jitable  # type: ignore[untyped-decorator]
def add_product(total: NDArray[np.int64], at: int, value: Any, factor: Any) -> None:
    """Add value * factor, where 0 <= value < 2**63 and 0 <= factor < 2**31."""
    add_words(total, at, (value >> LOW_BITS) * factor, (value & LOW_MASK) * factor)


class WideSums:
    """One exact sum per cell; all terms are >= 0.

    >>> sums = WideSums(1)
    >>> sums.add_product(np.array([2**62]), np.array([2**30]))
    >>> int(sums.hi[0]) * 2**32 + int(sums.lo[0]) == 2**92
    True
    """

    def __init__(self, n_cells: int) -> None:
        self.hi: NDArray[np.int64] = np.zeros(n_cells, np.int64)
        self.lo: NDArray[np.int64] = np.zeros(n_cells, np.int64)

    def add_words(self, hi: NDArray[np.int64], lo: NDArray[np.int64]) -> None:
        """Add hi * 2**32 + lo; lo may be anything from 0 to below 2**63 - 2**32."""
        low = self.lo + lo
        self.hi += hi + (low >> LOW_BITS)
        self.lo = low & LOW_MASK

    def add(self, values: NDArray[np.int64]) -> None:
        """Add int64 values >= 0."""
        self.add_words(values >> LOW_BITS, values & LOW_MASK)

    def add_product(self, values: NDArray[np.int64], factors: NDArray[np.int64]) -> None:
        """Add values * factors, where 0 <= values < 2**63 and 0 <= factors < 2**31."""
        self.add_words((values >> LOW_BITS) * factors, (values & LOW_MASK) * factors)
