"""Buckets of about equal mass in which the values of a column are counted, so that few rows need to be sorted.

Contract
--------
values float32, float64 or int64 [n_rows], finite. A bucket is never left of the bucket of a lower value: subtraction, division and
rounding keep the order of their operands. Everything else about the buckets (how many rows each has) may be unlucky without harm to
any answer. Counts are exact; sums of offsets have the same bits for any number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import run_in_order, starts_of_pieces

HALF = 1 << 14  # buckets on either side of the centre: the two tables of a side, 400 kB, stay in the second cache
N_BUCKETS = 2 * HALF + 1  # the last one is for values that are rounded up to infinity by the map
LOOKED_AT = 4096  # values that decide where the buckets lie; they decide nothing else
PIECE_ROWS = 1 << 20
LARGEST, SMALLEST = 1e290, 1e-290  # beyond these, products with HALF or differences of two values may leave float64
LARGEST_SPREAD = 1 << 62


class BucketMap(NamedTuple):
    """Value x has offset d = x - centre and lies in bucket floor(HALF + HALF * d / (scale + abs(d))).

    centre int or float; scale float; borders float64 [N_BUCKETS + 1] of the offsets, all finite.
    """

    centre: Any
    scale: float
    borders: NDArray[np.float64]


class Bucketed(NamedTuple):
    """One side of a column in its buckets.

    values [n_rows]; ids uint16 [n_rows] of their buckets, or None where the values are sorted; counts int64 and sums float64
    [N_BUCKETS], of rows and of offset - left border.
    """

    values: NDArray[Any]
    ids: NDArray[np.uint16] | None
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]


def bucket_map(values: NDArray[Any]) -> BucketMap | None:
    """Return buckets that fit the values, or None where sorting all of them is as good: few different values, or extreme ones.

    Equally spaced looks at the values give their median and the distance of their quartiles, for centre and scale. With
    d / (scale + abs(d)) heavy tails need no bound, and half of the buckets lie within one such distance of the centre.
    """
    seen = np.sort(values[:: max(1, len(values) // LOOKED_AT)])
    if len(seen) < 2 or np.count_nonzero(seen[1:] > seen[:-1]) * 2 < len(seen):
        return None
    centre = seen[len(seen) // 2].item()
    scale = float(seen[3 * len(seen) // 4].item() - seen[len(seen) // 4].item())
    if not SMALLEST <= scale <= LARGEST:
        return None
    share = np.arange(1 - HALF, HALF) / HALF
    inner = scale * share / (1.0 - np.abs(share))
    return BucketMap(centre, scale, np.concatenate([inner[:1], inner, inner[-1:], inner[-1:]]))


def fits(buckets: BucketMap, ends: tuple[Any, Any] | None) -> bool:
    """Say whether offsets of values between the two `ends` can be computed without overflow; None where that is known."""
    if ends is None:
        return True
    furthest = max(abs(end.item() - buckets.centre) for end in ends)
    return bool(furthest <= (LARGEST_SPREAD if isinstance(buckets.centre, int) else LARGEST))


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _count(
    values: NDArray[Any],
    centre: Any,
    scale: float,
    borders: NDArray[np.float64],
    ids: NDArray[np.uint16],
    counts: NDArray[np.int32],
    sums: NDArray[np.float64],
) -> None:
    half = np.float64(HALF)
    scaled = half * scale
    keep = ids.shape[0] > 0
    for row in range(values.shape[0]):
        offset = np.float64(values[np.uintp(row)] - centre)
        # HALF is a power of two, so that this is 0 at the centre; copysign, since a branch would be guessed wrong every other row
        place = half + np.copysign(half - scaled / (scale + abs(offset)), offset)
        bucket = np.uintp(np.uint32(place))
        if keep:
            ids[np.uintp(row)] = bucket
        counts[bucket] += 1
        sums[bucket] += offset - borders[bucket]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _gather(values: NDArray[Any], ids: NDArray[np.uint16], is_wanted: NDArray[np.bool_], found: NDArray[Any]) -> None:
    """Copy the values of wanted buckets; `found` has room for one more."""
    n_found = 0
    for row in range(values.shape[0]):
        found[np.uintp(n_found)] = values[np.uintp(row)]  # written over unless it is wanted, which spares a branch
        n_found += int(is_wanted[np.uintp(ids[np.uintp(row)])])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _gather_sorted(values: NDArray[Any], counts: NDArray[np.int64], is_wanted: NDArray[np.bool_], found: NDArray[Any]) -> None:
    n_found, row = 0, 0
    for bucket in range(counts.shape[0]):
        if is_wanted[bucket]:
            for within in range(counts[bucket]):
                found[n_found] = values[row + within]
                n_found += 1
        row += counts[bucket]


def bucketed(values: NDArray[Any], buckets: BucketMap, *, are_sorted: bool = False, n_threads: int = 1) -> Bucketed:
    """Count the values in the buckets.

    Parameters
    ----------
    values : float32, float64 or int64 [n_rows], which `fits` the buckets
    buckets : of `bucket_map`
    are_sorted : whether they are, so that no bucket of a row needs to be kept
    n_threads : at least 1
    """
    ids = np.empty(0 if are_sorted else len(values), np.uint16)
    starts = starts_of_pieces(len(values), PIECE_ROWS)

    def count(piece: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        rows = slice(starts[piece], starts[piece + 1])
        counts, sums = np.zeros(N_BUCKETS, np.int32), np.zeros(N_BUCKETS)
        _count(values[rows], buckets.centre, buckets.scale, buckets.borders, ids[rows], counts, sums)
        return counts, sums

    counts, sums = np.zeros(N_BUCKETS, np.int64), np.zeros(N_BUCKETS)
    for piece_counts, piece_sums in run_in_order(count, len(starts) - 1, n_threads):
        counts += piece_counts
        sums += piece_sums
    return Bucketed(values, None if are_sorted else ids, counts, sums)


def sorted_rows(side: Bucketed, is_wanted: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the values in wanted buckets, ascending, as float64 or int64."""
    found = np.empty(int(side.counts[is_wanted].sum()) + 1, side.values.dtype)
    if side.ids is None:
        _gather_sorted(side.values, side.counts, is_wanted, found)
        found = found[:-1]
    else:
        _gather(side.values, side.ids, is_wanted, found)
        found = np.sort(found[:-1])
    return found if found.dtype == np.int64 else found.astype(np.float64, copy=False)
