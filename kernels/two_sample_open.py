"""The walk through the buckets in which two samples were counted, and through the sorted rows of those that are open.

Contract
--------
counts int64 and sums float64 [2, n_buckets], reference first, of `two_sample_buckets.py`; n * m, the rows of the sides, below 2**62. A bucket
is open where the answer depends on the order of its rows. Agreement: as `two_sample_walk.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.two_sample_walk import first_of, last_of, scale_of, walk


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def mark_open_buckets(counts: NDArray[np.int64], is_open: NDArray[np.bool_]) -> None:
    """Mark the buckets whose rows must be seen: the distance may change sign in them, or reach the greatest one at a border.

    counts int64 [2, n_buckets], reference first. The first value at which the greatest distance stands is in a marked bucket.
    """
    n, m = counts[0].sum(), counts[1].sum()
    distance, greatest = np.int64(0), np.int64(0)
    for bucket in range(counts.shape[1]):
        distance += counts[0, bucket] * m - counts[1, bucket] * n
        greatest = max(greatest, abs(distance))
    distance = np.int64(0)
    for bucket in range(counts.shape[1]):
        rise, fall = counts[0, bucket] * m, counts[1, bucket] * n
        highest, lowest = distance + rise, distance - fall
        changes_sign = highest > 0 and lowest < 0
        is_open[bucket] = rise + fall > 0 and (changes_sign or highest >= greatest or -lowest >= greatest)
        distance += rise - fall


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk_buckets(
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
    borders: NDArray[np.float64],
    is_open: NDArray[np.bool_],
    centre: Any,
    reference: NDArray[Any],
    current: NDArray[Any],
) -> tuple[Any, Any, float]:
    """Return the greatest distance, the first value at which it stands and the area of `walk`, from buckets and the sorted rows of the open ones.

    sums float64 [2, n_buckets] of (value - centre - left border). Where the distance keeps its sign in a bucket of width w and ends it
    as d, the area is that sign times d w - m * sum of the reference + n * sum of the current. This adds up for any borders, as
    long as both buckets at a border use the same one: rows may even lie outside of their bucket.
    """
    n, m = counts[0].sum(), counts[1].sum()
    scale = scale_of(n, m)
    distance, best, i, j, area, reached = np.int64(0), np.int64(-1), 0, 0, 0.0, borders[0]
    at = reference[0] if reference.shape[0] > 0 else current[0]
    for bucket in range(counts.shape[1]):
        rows, other_rows = counts[0, bucket], counts[1, bucket]
        if rows + other_rows == 0:
            continue
        left, right = borders[bucket], borders[bucket + 1]
        area += (abs(distance) * scale) * (left - reached)
        reached = right
        end = distance + rows * m - other_rows * n
        if not is_open[bucket]:
            inside = (end * scale) * (right - left) - (m * scale) * sums[0, bucket] + (n * scale) * sums[1, bucket]
            area += inside if distance > 0 or end > 0 else -inside  # not abs: what rows outside of their bucket add may be negative
            distance = end
            continue
        stop_i, stop_j = i + rows, j + other_rows
        first, last = first_of(reference, i, stop_i, current, j, stop_j), last_of(reference, i, stop_i, current, j, stop_j)
        inside, height, best_i, best_j = walk(reference, current, i, stop_i, j, stop_j, n, m, scale, first, distance)
        if height > best:
            best, at = height, last_of(reference, i, best_i, current, j, best_j)
        if abs(end) > best:
            best, at = abs(end), last
        before, after = np.float64(first - centre) - left, right - np.float64(last - centre)
        area += inside + (abs(distance) * scale) * before + (abs(end) * scale) * after
        i, j, distance = stop_i, stop_j, end
    return best, at, area
