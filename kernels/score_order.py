"""One global order of the rows by score, shared by all slices and windows.

Contract
--------
scores float32 [n_rows], any but NaN; -0 and 0 are one value; labels int8 [n_rows]. Rows with a label other than 0 and 1 or with a
NaN score are left out. Returns uint32 [n_kept], ascending by score and then by row: bits 0-29 the row, bit 30 set where the row
is positive, bit 31 set where a score differs from the one before. At most 2**30 rows. On a card the rows are sorted by CuPy
(`device_sort.py`), and the order stays there. Agreement: *exact* for any number of threads and device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.devices import is_on_cuda

MAX_ROWS = 1 << 30
ROW_MASK = MAX_ROWS - 1
POSITIVE_BIT = 30
START_BIT = 31
PREFIX_SHIFT = 18  # the 14 upper bits of a float32: 32 buckets in each octave
N_BUCKETS = 1 << (32 - PREFIX_SHIFT)
N_PARTS = 64
LEFT_OUT = 0xFFFFFFFF  # no finite or infinite score has this key


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _key_of(bits: int, label: int) -> int:
    """Return float32 bits as an integer that orders as the score does, or LEFT_OUT."""
    magnitude = bits & 0x7FFFFFFF
    if (label != 0 and label != 1) or magnitude > 0x7F800000:
        return LEFT_OUT
    return 0x80000000 + magnitude if bits == magnitude else 0x80000000 - magnitude


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _count_prefixes(bits: NDArray[np.uint32], labels: NDArray[np.int8], start: int, stop: int, counts: NDArray[np.int64]) -> None:
    for row in range(start, stop):
        key = _key_of(int(bits[row]), int(labels[row]))
        if key != LEFT_OUT:
            counts[np.uintp(key >> PREFIX_SHIFT)] += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _scatter(
    bits: NDArray[np.uint32],
    labels: NDArray[np.int8],
    start: int,
    stop: int,
    part_of: NDArray[np.uint8],
    places: NDArray[np.int64],
    packed: NDArray[np.int64],
) -> None:
    for row in range(start, stop):
        label = int(labels[row])
        key = _key_of(int(bits[row]), label)
        if key != LEFT_OUT:
            part = np.uintp(part_of[np.uintp(key >> PREFIX_SHIFT)])
            packed[places[part]] = ((key - 0x80000000) << 32) | (row << 1) | label
            places[part] += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _finish(packed: NDArray[np.int64], start: int, stop: int, order: NDArray[np.uint32]) -> None:
    before = packed[start - 1] >> 32 if start > 0 else np.int64(1) << 40
    for at in range(start, stop):
        key = packed[at] >> 32
        low = packed[at] & 0xFFFFFFFF
        order[at] = np.uint32((low >> 1) | ((low & 1) << POSITIVE_BIT) | ((1 if key != before else 0) << START_BIT))
        before = key


def score_order(scores: Any, labels: Any, *, n_threads: int | None = None) -> Any:
    """Return the rows in ascending order of score, with label and the start of each group of equal scores packed in.

    Rows are scattered into up to 64 parts of neighbouring scores by threads, and each part is sorted by NumPy's 64-bit sort.
    Memory: 12 bytes a row while it runs, 4 after; on a card 40 while it runs.

    Parameters
    ----------
    scores : float32 [n_rows], NumPy or CUDA
    labels : int8 [n_rows], where the scores are
    n_threads : None for every core; not used on a card

    Raises
    ------
    ValueError
        There are more than 2**30 rows.
    CardMemoryError
        They do not fit into the memory of the card.

    >>> order = score_order(np.array([0.5, 0.25, 0.5], np.float32), np.array([1, 0, 0], np.int8), n_threads=1)
    >>> [(int(o) & ROW_MASK, int(o) >> 30 & 1, int(o) >> 31) for o in order]
    [(1, 0, 1), (0, 1, 1), (2, 0, 0)]
    """
    n_rows = int(scores.shape[0])
    if n_rows > MAX_ROWS:
        raise ValueError(f"{n_rows} rows; exact ranks take at most {MAX_ROWS}: judge fewer rows, or leave the ranked metrics out")
    if is_on_cuda(scores):
        from kernels.device_sort import order_of_scores

        return order_of_scores(scores, labels)
    n_threads = thread_count(n_threads)
    bits = np.ascontiguousarray(scores).view(np.uint32)
    labels = np.ascontiguousarray(labels).view()
    bits.setflags(write=False)
    labels.setflags(write=False)
    cuts = [n_rows * piece // n_threads for piece in range(n_threads + 1)]

    def count(piece: int) -> NDArray[np.int64]:
        counts = np.zeros(N_BUCKETS, np.int64)
        _count_prefixes(bits, labels, cuts[piece], cuts[piece + 1], counts)
        return counts

    counts = np.stack(list(run_in_order(count, n_threads, n_threads)))
    below = np.cumsum(counts.sum(axis=0)) - counts.sum(axis=0)
    n_kept = int(counts.sum())
    part_of = (below * N_PARTS // max(n_kept, 1)).clip(max=N_PARTS - 1).astype(np.uint8)
    borders = np.searchsorted(part_of, np.arange(N_PARTS + 1))
    by_part = np.add.reduceat(np.pad(counts, ((0, 0), (0, 1))), borders, axis=1)[:, :N_PARTS] * (np.diff(borders) > 0)
    flat = by_part.T.ravel()
    places = (np.cumsum(flat) - flat).reshape(N_PARTS, n_threads)
    packed = np.empty(n_kept, np.int64)

    def scatter(piece: int) -> None:
        _scatter(bits, labels, cuts[piece], cuts[piece + 1], part_of, places[:, piece].copy(), packed)

    for _ in run_in_order(scatter, n_threads, n_threads):
        pass
    part_starts = [*places[:, 0].tolist(), n_kept]
    for _ in run_in_order(lambda part: packed[part_starts[part] : part_starts[part + 1]].sort(), N_PARTS, n_threads):
        pass
    order = np.empty(n_kept, np.uint32)
    kept_cuts = [n_kept * piece // n_threads for piece in range(n_threads + 1)]
    for _ in run_in_order(lambda piece: _finish(packed, kept_cuts[piece], kept_cuts[piece + 1], order), n_threads, n_threads):
        pass
    return order


def next_start(order: NDArray[Any], at: int, step: int, end: int) -> int:
    """Return the first place from `at` towards `end` (excluded) where a group starts, or `end`; step is 1 or -1.

    >>> next_start(np.array([1 << 31, 5, 1 << 31], np.uint32), 1, 1, 3)
    2
    """
    span = 4096
    while (end - at) * step > 0:
        stop = at + step * min(span, (end - at) * step)
        window = order[at:stop] if step > 0 else order[stop + 1 : at + 1][::-1]
        found = np.flatnonzero(window >> START_BIT)
        if found.size:
            return at + step * int(found[0])
        at = stop
    return end


def pieces_of_order(order: NDArray[np.uint32], rows_per_piece: int) -> list[int]:
    """Return the borders of pieces of the order, none of which splits a group of equal scores.

    A piece has at most `rows_per_piece` rows, unless it is one single group.
    """
    starts = [0]
    while starts[-1] < len(order):
        first = starts[-1]
        target = first + rows_per_piece
        if target >= len(order):
            starts.append(len(order))
            break
        cut = next_start(order, target, -1, first)
        starts.append(cut if cut > first else next_start(order, target, 1, len(order)))
    return starts
