"""The walk through two sorted samples together, row by row.

Contract
--------
reference, current float64 or int64 of one dtype, 1-D, ascending, finite; n * m below 2**62. `distance` is i * m - j * n after i reference
and j current rows, n and m the rows of the sides: n * m times the difference of the two distribution functions, an exact integer.
Agreement: *exact* for distances; areas close, rtol 1e-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import run_in_order, starts_of_pieces
from kernels.devices import is_on_cuda, run_on_cuda, to_host

N_RECORD = 3  # float64 words of a piece: i and j where its greatest distance stands (-1 where it has none), and its area times `scale_of`
WRAPPED = 2.0**64  # a gap of two int64 may be above 2**63


@register_jitable  # type: ignore[untyped-decorator]
def gap_between(before: Any, value: Any) -> float:
    """Return value - before, which is >= 0, as float64; integers are subtracted as integers."""
    gap = np.float64(value - before)
    return gap if gap >= 0.0 else gap + WRAPPED


@register_jitable  # type: ignore[untyped-decorator]
def scale_of(n: int, m: int) -> float:
    """Return a power of two near 1 / (n m): areas times n m times this do not overflow, and those of whole numbers are exact.

    >>> scale_of(3, 5)
    0.0625
    """
    scale = 1.0
    while scale * n * m > 1.0:
        scale *= 0.5
    return scale


@register_jitable  # type: ignore[untyped-decorator]
def walk(
    reference: NDArray[Any],
    current: NDArray[Any],
    i: int,
    stop_i: int,
    j: int,
    stop_j: int,
    n: int,
    m: int,
    scale: float,
    before: Any,
    distance: int,
) -> tuple[float, int, int, int]:
    """Walk rows [i, stop_i) and [j, stop_j) in order of value, of equal ones the reference first; `before` is the value before them.

    Returns the area of the distance from `before` to the last value, times `scale` of `scale_of`, the greatest distance that stood between two
    different values (-1 for none), and how many rows of the arrays lie at or before it.
    """
    area, best, best_i, best_j = 0.0, -1, -1, -1
    while i < stop_i and j < stop_j:
        x, y = reference[np.uintp(i)], current[np.uintp(j)]
        value = min(x, y)
        height = abs(distance)
        if height > best and value > before:  # only then are all rows equal to `before` passed
            best, best_i, best_j = height, i, j
        area += (height * scale) * gap_between(before, value)
        before = value
        step = 1 if x <= y else 0
        i += step
        j += 1 - step
        distance += m * step - n * (1 - step)
    while i < stop_i:
        value = reference[np.uintp(i)]
        height = abs(distance)
        if height > best and value > before:
            best, best_i, best_j = height, i, j
        area += (height * scale) * gap_between(before, value)
        before = value
        i += 1
        distance += m
    while j < stop_j:
        value = current[np.uintp(j)]
        height = abs(distance)
        if height > best and value > before:
            best, best_i, best_j = height, i, j
        area += (height * scale) * gap_between(before, value)
        before = value
        j += 1
        distance -= n
    return area, best, best_i, best_j


@register_jitable  # type: ignore[untyped-decorator]
def first_of(reference: NDArray[Any], i: int, stop_i: int, current: NDArray[Any], j: int, stop_j: int) -> Any:
    """Return the lowest value of rows [i, stop_i) and [j, stop_j), one of which may be empty."""
    if i == stop_i:
        return current[np.uintp(j)]
    return reference[np.uintp(i)] if j == stop_j else min(reference[np.uintp(i)], current[np.uintp(j)])


@register_jitable  # type: ignore[untyped-decorator]
def last_of(reference: NDArray[Any], i: int, stop_i: int, current: NDArray[Any], j: int, stop_j: int) -> Any:
    """Return the highest value of rows [i, stop_i) and [j, stop_j), one of which may be empty."""
    if i == stop_i:
        return current[np.uintp(stop_j - 1)]
    return reference[np.uintp(stop_i - 1)] if j == stop_j else max(reference[np.uintp(stop_i - 1)], current[np.uintp(stop_j - 1)])


@register_jitable  # type: ignore[untyped-decorator]
def reference_rows_among(reference: NDArray[Any], current: NDArray[Any], n_first: int) -> int:
    """Return how many of the first `n_first` rows of the merged order are of the reference.

    Source: Green, McColl & Bader 2012, "GPU merge path", section 3: binary search on a diagonal.
    """
    low: int
    low, high = max(0, n_first - current.shape[0]), min(n_first, reference.shape[0])
    while low < high:
        middle = (low + high) // 2
        if reference[np.uintp(middle)] <= current[np.uintp(n_first - 1 - middle)]:
            low = middle + 1
        else:
            high = middle
    return low


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk_piece(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    reference: NDArray[Any],
    current: NDArray[Any],
    record: NDArray[np.float64],
) -> None:
    """Walk rows [start, stop) of the merged order; columns mean nothing here."""
    n, m = reference.shape[0], current.shape[0]
    i, stop_i = reference_rows_among(reference, current, start), reference_rows_among(reference, current, stop)
    j, stop_j = start - i, stop - stop_i
    before = min(reference[0], current[0]) if start == 0 else last_of(reference, 0, i, current, 0, j)
    area, _, best_i, best_j = walk(reference, current, i, stop_i, j, stop_j, n, m, scale_of(n, m), before, i * m - j * n)
    record[0], record[1], record[2] = best_i, best_j, area


def walk_rows(reference: Any, current: Any, rows_per_piece: int, n_threads: int) -> tuple[int, float, float]:
    """Return the greatest distance, the first value at which it stands, and the area times `scale_of` the sides.

    The sides are sorted, not empty, NumPy or CUDA; pieces of their merged order are walked on their own.
    """
    n, m = int(reference.shape[0]), int(current.shape[0])
    starts = starts_of_pieces(n + m, rows_per_piece)
    best, best_i, best_j, area = -1, n, m, 0.0
    for i, j, piece_area in _records(reference, current, starts, n_threads):
        height = abs(int(i) * m - int(j) * n)
        if i >= 0 and height > best:
            best, best_i, best_j = height, int(i), int(j)
        area += float(piece_area)
    at = max(_value(reference, best_i - 1), _value(current, best_j - 1))
    return max(best, 0), at, area


def _records(reference: Any, current: Any, starts: list[int], n_threads: int) -> Iterator[NDArray[np.float64]]:
    tables = np.zeros((len(starts) - 1, N_RECORD))
    if is_on_cuda(reference):
        yield from run_on_cuda(walk_piece, starts, (0, 1), (reference, current), tables)
        return

    def fill(piece: int) -> NDArray[np.float64]:
        walk_piece(starts[piece], starts[piece + 1], 0, 1, reference, current, tables[piece])
        record: NDArray[np.float64] = tables[piece]
        return record

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _value(values: Any, row: int) -> float:
    """Return one value, from a card too; row -1 is before the first."""
    if row < 0:
        return -np.inf
    one = values[row : row + 1]
    return float((to_host(one) if is_on_cuda(one) else one)[0])
