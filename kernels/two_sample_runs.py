"""The walk through two sorted samples that hold few different values: a step for each value, not for each row.

Contract
--------
values float32, float64 or int64 [n_rows] of one dtype, ascending, finite, NumPy; those of `walk_runs` float64 or int64. Agreement: as
`two_sample_walk.py`; with whole numbers of moderate size the area is exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.two_sample_walk import first_of, gap_between, scale_of


class Runs(NamedTuple):
    """Different values of a sorted sample, float64 or int64 [k], and ends int64 [k + 1]: ends[i] rows are below the i-th value."""

    values: NDArray[Any]
    ends: NDArray[np.int64]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _note_starts(values: NDArray[Any], starts: NDArray[np.int64]) -> int:
    """Note the rows at which a value begins, as far as there is room; return how many there are."""
    n_runs = 0
    for row in range(values.shape[0]):
        if row == 0 or values[np.uintp(row)] != values[np.uintp(row - 1)]:
            if n_runs < starts.shape[0]:
                starts[np.uintp(n_runs)] = row
            n_runs += 1
    return n_runs


def runs_of(values: NDArray[Any], most: int) -> Runs | None:
    """Return the runs of equal values, or None where there are more than `most`.

    >>> runs_of(np.repeat([2.0, 5.0], [3, 9]), 3)
    Runs(values=array([2., 5.]), ends=array([ 0,  3, 12]))
    """
    starts = np.empty(max(0, min(most, len(values))), np.int64)
    n_runs = _note_starts(values, starts)
    if n_runs > len(starts):
        return None
    starts = starts[:n_runs]
    first = values[starts]
    return Runs(first if first.dtype == np.int64 else first.astype(np.float64, copy=False), np.append(starts, len(values)))


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk_runs(
    reference: NDArray[Any], reference_ends: NDArray[np.int64], current: NDArray[Any], current_ends: NDArray[np.int64]
) -> tuple[Any, Any, float]:
    """Return the greatest distance, the first value at which it stands, and the area times `scale_of` the sides."""
    n, m = reference_ends[-1], current_ends[-1]
    scale = scale_of(n, m)
    i, j, distance, best, area = 0, 0, np.int64(0), np.int64(-1), 0.0
    before = at = min(reference[0], current[0])
    while i < reference.shape[0] or j < current.shape[0]:
        value = first_of(reference, i, reference.shape[0], current, j, current.shape[0])
        area += (abs(distance) * scale) * gap_between(before, value)
        before = value
        i += 1 if i < reference.shape[0] and reference[i] == value else 0
        j += 1 if j < current.shape[0] and current[j] == value else 0
        distance = reference_ends[i] * m - current_ends[j] * n
        if abs(distance) > best:
            best, at = abs(distance), value
    return best, at, area
