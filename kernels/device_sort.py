"""Sorting, searching and ranges of arrays on a card: the one place that asks CuPy for them.

Every function is array code that NumPy runs too. Arrays of the CUDA simulator are handed to NumPy, and what it returns is handed back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.array_library import library_of
from kernels.devices import check_fits, is_on_cuda
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT

ORDER_BYTES_PER_ROW = 56  # keys, rows, packed words and the sort's second buffer, before any of them is let go


def order_of_scores(scores: Any, labels: Any) -> Any:
    """Return what `score_order` defines, on the card where the scores are: sorted by CuPy's radix sort of int64.

    Parameters
    ----------
    scores : float32 [n_rows]
    labels : int8 [n_rows]

    Raises
    ------
    CardMemoryError
        40 bytes a row are not free.

    >>> order = order_of_scores(np.array([0.5, 0.25, 0.5], np.float32), np.array([1, 0, 0], np.int8))
    >>> [(int(o) & ROW_MASK, int(o) >> POSITIVE_BIT & 1, int(o) >> START_BIT) for o in order]
    [(1, 0, 1), (0, 1, 1), (2, 0, 0)]
    """
    if is_on_cuda(scores):
        check_fits("ordering the scores", ORDER_BYTES_PER_ROW * int(scores.shape[0]))
    xp, scores, back = library_of(scores)
    return back(_order(xp, scores, library_of(labels).array))


def _order(xp: Any, scores: Any, labels: Any) -> Any:
    bits = xp.ascontiguousarray(scores).view(xp.uint32)
    magnitude = bits & 0x7FFFFFFF
    is_kept = ((labels == 0) | (labels == 1)) & (magnitude <= 0x7F800000)
    # an integer that orders as the score does: -0 and 0 are both 0
    key = xp.where(bits == magnitude, magnitude.astype(xp.int64), -magnitude.astype(xp.int64))
    rows = xp.arange(bits.shape[0], dtype=xp.int64)
    packed = ((key << 32) | (rows << 1) | (labels == 1))[is_kept]
    packed.sort()
    key = packed >> 32
    is_start = xp.ones(key.shape[0], dtype=xp.bool_)
    is_start[1:] = key[1:] != key[:-1]
    low = packed & 0xFFFFFFFF
    order = (low >> 1) | ((low & 1) << POSITIVE_BIT) | (is_start.astype(xp.int64) << START_BIT)
    return order.astype(xp.uint32)


def group_borders(order: Any, rows_per_piece: int) -> list[int]:
    """Return the borders of pieces of the order, none of which splits a group of equal scores.

    A piece has at most `rows_per_piece` rows, unless it is one single group. Around each multiple of `rows_per_piece` the group that holds
    it begins and ends a piece.

    >>> group_borders((np.array([1, 0, 1, 0, 0, 0, 1, 1], np.uint32) << np.uint32(31)), 3)  # groups of 2, 4, 1, 1 rows
    [0, 2, 6, 8]
    """
    xp, order, _ = library_of(order)
    n_rows = int(order.shape[0])
    if n_rows == 0:
        return [0]
    group_starts = xp.flatnonzero(order >> START_BIT)
    targets = xp.arange(rows_per_piece, n_rows, rows_per_piece, dtype=xp.int64)
    following = xp.searchsorted(group_starts, targets, side="left")
    stops = xp.append(group_starts, n_rows)
    is_start = stops[following] == targets
    borders = xp.concatenate([xp.where(is_start, targets, stops[following - 1]), stops[following]])
    inner = np.unique(np.asarray(borders.get() if hasattr(borders, "get") else borders))
    return [0, *(int(b) for b in inner if 0 < b < n_rows), n_rows]


def pieces_of_rows(order: Any, borders: list[int], n_rows: int) -> Any:
    """Return the piece of the order in which each row stands, uint16 [n_rows]; 0 for rows that are left out.

    >>> pieces_of_rows(np.array([2, 0], np.uint32), [0, 1, 2], 3).tolist()
    [1, 0, 0]
    """
    xp, order, back = library_of(order)
    places = xp.arange(order.shape[0], dtype=xp.int64)
    piece = xp.searchsorted(xp.asarray(borders[1:], dtype=xp.int64), places, side="right")
    found = xp.zeros(n_rows, dtype=xp.uint16)
    found[(order & ROW_MASK).astype(xp.int64)] = piece.astype(xp.uint16)
    return back(found)


def column_spans(ids: Any) -> NDArray[np.int64]:
    """Return the smallest id of every column and the one after its largest, int64 [n_columns, 2], on the host.

    ids [n_rows, n_columns], at least one row.

    >>> column_spans(np.array([[0, 3], [0, 5]], np.uint16)).tolist()
    [[0, 1], [3, 6]]
    """
    xp, ids, _ = library_of(ids)
    spans = xp.stack([ids.min(axis=0).astype(xp.int64), ids.max(axis=0).astype(xp.int64) + 1], axis=1)
    return np.asarray(spans.get() if hasattr(spans, "get") else spans)
