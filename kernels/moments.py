"""Mean and centred second moment of groups of rows, merged without ever taking a mean of squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray


class RowMoments(NamedTuple):
    """n, mean and sum of squared deviations from the mean, each [n_cells]; mean and m2 are 0 where n is 0."""

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]


def merged_moments(a: RowMoments, b: RowMoments) -> RowMoments:
    """Return the moments of the rows of `a` and `b` together.

    Formula: with d = mean_b - mean_a and n = n_a + n_b, mean = mean_a + d n_b / n and m2 = m2_a + m2_b + d^2 n_a n_b / n.
    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1, in terms of means.
    An empty side leaves the other bit for bit.

    >>> one = RowMoments(np.array([2]), np.array([1.0]), np.array([2.0]))  # rows 0, 2
    >>> two = RowMoments(np.array([1]), np.array([4.0]), np.array([0.0]))  # row 4
    >>> [float(v[0]) for v in merged_moments(one, two)]
    [3.0, 2.0, 8.0]
    """
    n = a.n + b.n
    share = b.n / np.maximum(n, 1)
    delta = b.mean - a.mean
    mean = np.where(a.n == 0, b.mean, a.mean + delta * share)
    return RowMoments(n, mean, a.m2 + b.m2 + delta * delta * a.n * share)


def moments_from_shifted(
    n: NDArray[np.int64], shift: NDArray[np.float64], total: NDArray[np.float64], square: NDArray[np.float64]
) -> RowMoments:
    """Return the moments from sums of (value - shift) and of its square.

    `shift` is one of the values, so the subtraction loses digits only where the variance is far below the squared
    distance of that value from the mean.
    """
    at_least_one = np.maximum(n, 1)
    mean = np.where(n > 0, shift + total / at_least_one, 0.0)
    return RowMoments(n, mean, np.maximum(square - total * total / at_least_one, 0.0) * (n > 1))


@register_jitable  # type: ignore[untyped-decorator]
def add_shifted(
    record: NDArray[np.float64], total: NDArray[np.float64], first: int, second: int, third: int, n_before: float, n_more: float
) -> None:
    """Merge the n_more > 0 rows of a record into a total of n_before rows: what `moments_from_shifted` and `merged_moments` do, of one value.

    The words `first`, `second` and `third` of a record are shift, sum of (value - shift) and of its square; of a total they are mean, 0 and m2.
    """
    more = record[np.uintp(second)]
    mean = record[np.uintp(first)] + more / n_more
    m2 = record[np.uintp(third)] - more * more / n_more
    if m2 < 0.0:  # NaN stays
        m2 = 0.0
    if n_before == 0.0:
        total[np.uintp(first)] = mean
        total[np.uintp(third)] = m2
        return
    share = n_more / (n_before + n_more)
    delta = mean - total[np.uintp(first)]
    total[np.uintp(first)] += delta * share
    total[np.uintp(third)] += m2 + delta * delta * n_before * share


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def merge_shifted(
    piece: int,
    cell: int,
    record: NDArray[np.float64],
    total: NDArray[np.float64],
    first_value: int,
    n_values: int,
    first_counter: int,
    n_counters: int,
) -> None:
    """Merge the record of a cell's next piece into its total: what `moments_from_shifted` and `merged_moments` do, of one cell.

    From `first_value` on, a record holds n_values shifts, as many sums of (value - shift) and of its squares; the counters add up to its
    rows, and the words between are sums. The total has the mean in place of the shift, 0 in place of the sum and m2 in place of the
    squares, so that it is a record of the same rows itself; it begins with zeros.
    """
    # Loops count from 0: from a bound that is not known the compiler of a card unrolls them, and keeps every address in registers.
    n_before, n_more = 0.0, 0.0
    for counter in range(n_counters):
        word = np.uintp(first_counter + counter)
        n_before += total[word]
        n_more += record[word]
        total[word] += record[word]
    if n_more == 0.0:
        return
    first_sum = first_value + 3 * n_values
    for one in range(first_counter - first_sum):
        total[np.uintp(first_sum + one)] += record[np.uintp(first_sum + one)]
    for one in range(n_values):
        value = first_value + one
        add_shifted(record, total, value, value + n_values, value + 2 * n_values, n_before, n_more)


def folded_windows(moments: RowMoments, n_windows: int) -> RowMoments:
    """Return the moments with every window of a slice merged into its window 0, in the order of the windows."""
    if n_windows == 1:
        return moments
    n = moments.n.reshape(-1, n_windows).copy()
    mean = moments.mean.reshape(-1, n_windows).copy()
    m2 = moments.m2.reshape(-1, n_windows).copy()
    whole = RowMoments(n[:, 0], mean[:, 0], m2[:, 0])
    for window in range(1, n_windows):
        whole = merged_moments(whole, RowMoments(n[:, window], mean[:, window], m2[:, window]))
    n[:, 0], mean[:, 0], m2[:, 0] = whole
    return RowMoments(n.ravel(), mean.ravel(), m2.ravel())
