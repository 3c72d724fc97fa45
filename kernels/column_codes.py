"""In which bin each value of a block lies, and the edges in the type of the values.

Contract
--------
Edges e[0] <= ... <= e[m - 1], at least two, ascending; only the last two may be equal. Bin 0 is below e[0], bin i is [e[i - 1], e[i]), the
bin before the last of these [e[m - 2], e[m - 1]] closed at both ends, bin m above e[m - 1] and bin m + 1 missing. -inf is in bin 0, inf in
bin m. Values are compared with the edges as real numbers: int64 is never rounded, and float32 is compared as the float64 that it is.
Agreement: *exact*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

_INT64 = np.iinfo(np.int64)


class Thresholds(NamedTuple):
    """Edges as `write_codes` wants them.

    `starts` float64 or int64 [m - 1]: where the bins 1 .. m - 1 begin; `last`, of the same type, is the greatest value that is not above the last
    edge; n_edges is m.
    """

    starts: NDArray[Any]
    last: Any
    n_edges: int


@register_jitable  # type: ignore[untyped-decorator]
def all_finite(values: NDArray[Any], is_missing: NDArray[np.bool_]) -> bool:
    """Say whether every value is there and finite; `is_missing` has no element where nothing but NaN is missing."""
    n_without = 0
    for row in range(values.size):
        n_without += 0 if -np.inf < values[row] < np.inf else 1  # NaN is in no order
    for row in range(is_missing.size):
        n_without += 1 if is_missing[row] else 0
    return n_without == 0


@register_jitable  # type: ignore[untyped-decorator]
def write_codes(
    values: NDArray[Any], is_missing: NDArray[np.bool_], starts: NDArray[Any], last: Any, n_edges: int, codes: NDArray[np.float64]
) -> None:
    """Write the bin of every value, of a value that is not finite less n_edges + 2.

    Edge after edge over all values: a loop that compiles to vector instructions, where a search per value takes branches that a processor guesses
    wrong half of the time.
    """
    for row in range(values.size):
        codes[row] = 1.0 if values[row] > last else 0.0
    for edge in range(n_edges - 1):
        start = starts[np.uintp(edge)]
        for row in range(values.size):
            codes[row] += 1.0 if values[row] >= start else 0.0
    if not all_finite(values, is_missing):
        for row in range(values.size):
            if values[row] != values[row] or (is_missing.size > 0 and is_missing[row]):
                codes[row] = -1.0
            elif not (-np.inf < values[row] < np.inf):
                codes[row] -= n_edges + 2.0


def thresholds_of(edges: Sequence[float], dtype: Any) -> Thresholds:
    """Return the edges in the type that values of `dtype` are compared in, without moving any value to another bin.

    Parameters
    ----------
    edges : ascending numbers, float or int of any size
    dtype : float32, float64 or int64; of the values

    Raises
    ------
    ValueError
        Fewer than two edges, edges that do not ascend, or NaN.

    >>> thresholds_of((0.5, 2.0, 3.5), np.int64).starts.tolist(), int(thresholds_of((0.5, 2.0, 3.5), np.int64).last)
    ([1, 2], 3)
    """
    _check(edges)
    if np.dtype(dtype) == np.int64:
        ints = [_int_at_or_above(edge) for edge in edges[:-1]]
        return Thresholds(np.array(ints, np.int64), np.int64(_int_at_or_below(edges[-1])), len(edges))
    floats = [_float_at_or_above(edge) for edge in edges[:-1]]
    return Thresholds(np.array(floats, np.float64), np.float64(-_float_at_or_above(-edges[-1])), len(edges))


def _check(edges: Sequence[float]) -> None:
    if len(edges) < 2:
        raise ValueError(f"{len(edges)} edges of bins; wanted at least two: of a constant, its value twice")
    if not all(a < b for a, b in pairwise(edges[:-1])) or not edges[-2] <= edges[-1]:
        raise ValueError(
            f"edges of bins are {', '.join(map(str, edges))}; wanted ascending numbers, of which only the last two may be equal"
        )


def _float_at_or_above(edge: float) -> float:
    """Return the smallest float64 that is not below a number; Python compares int with float without rounding."""
    nearest = float(edge)
    return nearest if nearest >= edge else math.nextafter(nearest, math.inf)


def _int_at_or_above(edge: float) -> int:
    return int(min(max(math.ceil(edge), _INT64.min), _INT64.max))


def _int_at_or_below(edge: float) -> int:
    return int(min(max(math.floor(edge), _INT64.min), _INT64.max))
