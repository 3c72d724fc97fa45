"""Pieces of one order of rows for a card, and what stands below each of them: the first of two passes of a walk in that order.

Contract
--------
order uint32 [n_kept] as `score_order` returns it; slice_ids uint16 or int32 [n_rows, n_columns], global numbers, no slice in two
columns; window_ids int32 [n_rows], 0 for no window, or int32 [0] with one window; weights float64 [n_rows], above 0 and finite for rows in
the order, or float64 [0] for 1 each. No rows: no pieces, sums 0.
A piece holds whole groups of equal scores, unless a group has more rows than a piece: its rows are pieces of their own, which share what
stands below the group. So no thread walks more than `rows_per_piece` rows, however many rows have one score.
Agreement: *exact* where weights are whole numbers with sums below 2**53; else one fixed order of every sum, pieces of the order after
pieces, for any number of waves.

Source: the two passes of a blocked prefix sum (Blelloch 1990, "Prefix Sums and Their Applications", section 1.3): sums of blocks, their
prefix sums, and each block from where its prefix leaves off.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import CUDA_ROWS_PER_COLUMN
from kernels.devices import device_empty, merged_on_cuda
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT

ROWS_PER_CELL = 8  # so that what a piece leaves of its cells is a few words a row
# what stands below a piece, float64: weight of negatives and of positives below it, and where it is a part of one group of equal scores,
# that of the whole group, else 0
BELOW_NEGATIVE, BELOW_POSITIVE, GROUP_NEGATIVE, GROUP_POSITIVE, N_BELOW = 0, 1, 2, 3, 4
NOT_LAST = -1


class OrderPieces(NamedTuple):
    """The borders of the pieces, n_pieces + 1 of them, and int64 [n_pieces]: the first piece of what a piece completes.

    A piece of whole groups completes itself, the last part of a group that has several the group, and other parts nothing (NOT_LAST).
    """

    starts: list[int]
    completes: NDArray[np.int64]


def rows_per_piece(n_cells: int, n_columns: int) -> int:
    """Return the most rows of a piece: a function of the grid alone.

    As for tallies, 1,024 rows for every column up to four: a thread walks a column of a piece, and smaller pieces are more threads. Unlike
    theirs no limit from above, since what stands below all pieces is kept.

    >>> rows_per_piece(10, 1), rows_per_piece(10, 40), rows_per_piece(1279, 5)
    (1024, 4096, 10232)
    """
    return max(CUDA_ROWS_PER_COLUMN * max(min(n_columns, 4), 1), ROWS_PER_CELL * n_cells)


def pieces_of(borders: list[int], n_piece_rows: int) -> OrderPieces:
    """Cut the stretches between `borders` that have more rows than a piece, each of which is one group of equal scores.

    >>> pieces_of([0, 2, 7, 9], 2)  # a group of 5 rows between pieces of 2
    OrderPieces(starts=[0, 2, 4, 6, 7, 9], completes=array([ 0, -1, -1,  1,  4]))
    """
    starts, completes = [0], list[int]()
    for start, stop in pairwise(borders):
        first = len(completes)
        starts += [*range(start + n_piece_rows, stop, n_piece_rows), stop]
        completes += [NOT_LAST] * (len(starts) - 2 - first) + [first]
    return OrderPieces(starts, np.array(completes, np.int64))


@register_jitable  # type: ignore[untyped-decorator]
def piece_at(starts: NDArray[np.int64], start: int) -> int:
    """Return the number of the piece that begins at `start`, by halving: a thread is told where its piece begins, and not its number."""
    low, high = 0, starts.shape[0] - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if starts[middle] <= start:
            low = middle
        else:
            high = middle
    return low


@register_jitable  # type: ignore[untyped-decorator]
def is_part_of_group(order: NDArray[np.uint32], start: int, stop: int) -> bool:
    """Say whether a piece is a part of a group of equal scores that has several: it does not begin a group, or does not end one."""
    return (int(order[start]) >> START_BIT) == 0 or (stop < order.shape[0] and (int(order[stop]) >> START_BIT) == 0)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def weigh_piece(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    weights: NDArray[np.float64],
    records: NDArray[np.float64],
) -> None:
    """Add the weights of negatives and of positives in a piece to the records [n_cells, 2] of its cells."""
    is_weighted = weights.shape[0] > 0
    for column in range(first_column, stop_column):
        for at in range(start, stop):
            row = np.uintp(int(order[at]) & ROW_MASK)
            side = np.uintp((int(order[at]) >> POSITIVE_BIT) & 1)
            weight = weights[row] if is_weighted else 1.0
            window = int(window_ids[row]) if n_windows > 1 else 0
            cell = int(slice_ids[row, column]) * n_windows
            records[np.uintp(cell), side] += weight
            if window > 0:
                records[np.uintp(cell + window), side] += weight


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def merge_below(
    piece: int,
    cell: int,
    record: NDArray[np.float64],
    total: NDArray[np.float64],
    completes: NDArray[np.int64],
    below: NDArray[np.float64],
) -> None:
    """Keep what stands below a piece in `below` [n_pieces, n_cells, 4], and add the piece's record to the total [4] of the cell."""
    first = completes[piece]
    if first == piece:
        below[piece, cell, BELOW_NEGATIVE] = total[BELOW_NEGATIVE]
        below[piece, cell, BELOW_POSITIVE] = total[BELOW_POSITIVE]
        below[piece, cell, GROUP_NEGATIVE] = 0.0
        below[piece, cell, GROUP_POSITIVE] = 0.0
        total[BELOW_NEGATIVE] += record[0]
        total[BELOW_POSITIVE] += record[1]
        return
    total[GROUP_NEGATIVE] += record[0]
    total[GROUP_POSITIVE] += record[1]
    if first != NOT_LAST:
        for part in range(first, piece + 1):
            for word in range(N_BELOW):
                below[part, cell, word] = total[word]
        total[BELOW_NEGATIVE] += total[GROUP_NEGATIVE]
        total[BELOW_POSITIVE] += total[GROUP_POSITIVE]
        total[GROUP_NEGATIVE] = 0.0
        total[GROUP_POSITIVE] = 0.0


def pieces_on_card(order: Any, n_cells: int, n_columns: int) -> OrderPieces:
    """Return the pieces of an order that lies on a card; only their borders come back to the host."""
    from kernels.device_sort import group_borders

    n_piece_rows = rows_per_piece(n_cells, n_columns)
    return pieces_of(group_borders(order, n_piece_rows), n_piece_rows)


def weights_below(
    pieces: OrderPieces, order: Any, slice_ids: Any, window_ids: Any, n_windows: int, weights: Any, n_cells: int
) -> tuple[Any, NDArray[np.float64]]:
    """Return what stands below every piece, float64 [n_pieces, n_cells, 4] on the card, and the weight of every cell, [n_cells, 2].

    Memory: 32 bytes a piece and cell, so at most a few a row.

    Raises
    ------
    CardMemoryError
        It does not fit.
    """
    n_pieces = len(pieces.completes)
    below = device_empty((n_pieces, n_cells, N_BELOW), np.float64)
    arguments, columns = (order, slice_ids, window_ids, n_windows, weights), (0, int(slice_ids.shape[1]))
    empty, total = np.zeros((n_cells, 2)), np.zeros((n_cells, N_BELOW))
    total = merged_on_cuda(weigh_piece, merge_below, pieces.starts, columns, arguments, empty, total, (pieces.completes, below))
    return below, total[:, :2].copy()
