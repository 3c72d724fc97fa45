"""Paired DeLong: the exact sums of products of two models' placements on the same rows, per (slice, window).

Contract
--------
champion_order, challenger_order uint32 [n_kept] of `score_order`, over the same rows; slice_ids and window_ids as in `rank_sum`.
No rows: zeros. Agreement: *exact* for any row order, batches, threads and device.

Source: DeLong, DeLong & Clarke-Pearson 1988, equation 5: the covariance of two areas from the placements of the same rows.
The champion's walk keeps the doubled placement of every row in its cells; the challenger's walk multiplies. Columns are taken in
blocks, so that the placements kept at one time stay within PLACEMENT_BYTES_PER_ROW.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.devices import device_empty, is_on_cuda, merged_on_cuda
from kernels.rank_sum import (
    LOOK_AHEAD_ROWS,
    RankMerge,
    RankSumTally,
    close_group,
    groups_of,
    is_giant,
    merge_piece,
    merge_ranks,
    piece_borders,
    ready_ids,
    records_of_pieces,
    tally_of_totals,
    walk,
)
from kernels.rank_sum import N_RECORD as N_SUM_RECORD
from kernels.rank_sum import N_TOTAL as N_SUM_TOTAL
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT
from kernels.wide import WideSums, add_product, add_words

PLACEMENT_BYTES_PER_ROW = 20
# the record of `walk`, then of the positives: sum of a(champion), sum of a(champion) * a(challenger) of rows with a score of their
# own, and that of rows in groups as hi and lo; then the same of the negatives
FIRST_CROSS = N_SUM_RECORD
N_CROSS = 4
N_RECORD = 16


class RankCrossTally(NamedTuple):
    """Rank sums of both models, and the sums of products hi * 2**32 + lo over positives (a) and negatives (b), int64 [n_cells]."""

    champion: RankSumTally
    challenger: RankSumTally
    cross_a_hi: NDArray[np.int64]
    cross_a_lo: NDArray[np.int64]
    cross_b_hi: NDArray[np.int64]
    cross_b_lo: NDArray[np.int64]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _cross_walk(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    first_kept: int,
    placements: NDArray[np.uint32],
    piece_of_row: NDArray[np.uint16],
    before: NDArray[np.int64],
    records: NDArray[np.int64],
) -> int:
    """Add a piece of the challenger's order; `before` [n_pieces, n_cells, 2] holds twice the champion's negatives and positives before a piece.

    `placements` keeps `n_kinds` words a column of the columns taken now, `first_kept` is how many words the columns before have.
    """
    n_kinds = 2 if n_windows > 1 else 1
    last_placed = np.uintp(max(placements.shape[1] - 1, 0))
    touched, seen = start, 0
    at = start
    while at < stop:
        if at >= touched:  # as in `walk`
            touched = min(at + LOOK_AHEAD_ROWS, stop)
            for entry in range(at, touched):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                seen += int(slice_ids[row, np.uintp(first_column)]) + int(slice_ids[row, np.uintp(stop_column - 1)])
                seen += int(window_ids[row]) if n_windows > 1 else 0
                seen += int(placements[row, 0]) + int(placements[row, last_placed]) + int(piece_of_row[row])
        end = at + 1
        while end < stop and (int(order[end]) >> START_BIT) == 0:
            end += 1
        if end == at + 1:
            row = np.uintp(int(order[at]) & ROW_MASK)
            window = int(window_ids[row]) if n_windows > 1 else 0
            n_cells_of_row = 2 if window > 0 else 1
            piece = np.uintp(piece_of_row[row])
            if (int(order[at]) >> POSITIVE_BIT) & 1 == 1:
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        one = np.uintp(cell + kind * window)
                        record = records[one]
                        champion = int(placements[row, np.uintp(column * n_kinds - first_kept + kind)]) + before[piece, one, 0]
                        placement = 2 * record[1]
                        record[0] += 1
                        record[4] += placement
                        record[5] += placement * placement
                        record[8] += champion
                        record[9] += champion * placement
            else:
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        one = np.uintp(cell + kind * window)
                        record = records[one]
                        champion = int(placements[row, np.uintp(column * n_kinds - first_kept + kind)]) + before[piece, one, 1]
                        placement = 2 * record[0]
                        record[1] += 1
                        record[6] += placement * placement
                        record[12] += champion
                        record[13] += champion * placement
            at = end
            continue
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            if entry >= touched:
                touched = min(entry + LOOK_AHEAD_ROWS, end)
                for later in range(entry, touched):
                    seen += int(slice_ids[np.uintp(int(order[later]) & ROW_MASK), np.uintp(first_column)])
            waiting = np.uintp(3 - ((int(order[entry]) >> POSITIVE_BIT) & 1))
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    records[np.uintp(cell + kind * window), waiting] += 1
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            positive = (int(order[entry]) >> POSITIVE_BIT) & 1
            window = int(window_ids[row]) if n_windows > 1 else 0
            piece = np.uintp(piece_of_row[row])
            first_word = FIRST_CROSS + N_CROSS * (1 - positive)
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    one = np.uintp(cell + kind * window)
                    record = records[one]
                    champion = int(placements[row, np.uintp(column * n_kinds - first_kept + kind)])
                    champion += before[piece, one, np.uintp(1 - positive)]
                    product = champion * (2 * record[positive] + record[2 + positive])
                    record[first_word] += champion
                    record[first_word + 2] += product >> 32
                    record[first_word + 3] += product & 0xFFFFFFFF
        if end - at > records.shape[0] and stop_column - first_column > 1:
            # not with one column: on a card the threads of other columns own the other cells of this table
            for any_cell in range(records.shape[0]):
                close_group(records[any_cell])
            at = end
            continue
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    close_group(records[np.uintp(cell + kind * window)])
        at = end
    return seen


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _mark_piece(order: NDArray[np.uint32], start: int, stop: int, piece: int, piece_of_row: NDArray[np.uint16]) -> None:
    for entry in range(start, stop):
        piece_of_row[np.uintp(int(order[entry]) & ROW_MASK)] = piece


class _CrossMerge:
    """Joins the challenger's pieces: a piece after Q negatives has its a(challenger) raised by 2Q."""

    def __init__(self, n_cells: int) -> None:
        self.ranks = RankMerge(n_cells)
        self.a, self.b = WideSums(n_cells), WideSums(n_cells)

    def add(self, records: NDArray[np.int64], *, is_group: bool) -> None:
        sides = ((self.a, self.ranks.n_negative, FIRST_CROSS), (self.b, self.ranks.n_positive, FIRST_CROSS + N_CROSS))
        for sums, before, word in sides:
            sums.add_product(records[:, word], 2 * before)
            sums.add(records[:, word + 1])
            sums.add_words(records[:, word + 2], records[:, word + 3])
        self.ranks.add(records, is_group=is_group)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _merge_cross(piece: int, cell: int, record: NDArray[np.int64], total: NDArray[np.int64], are_groups: NDArray[np.uint8]) -> None:
    """Merge the record of a cell's next piece into its total: what `_CrossMerge.add` does, of one cell."""
    for side in range(2):
        word, at = FIRST_CROSS + N_CROSS * side, N_SUM_TOTAL + 2 * side
        add_product(total, at, record[word], 2 * total[1 - side])
        add_words(total, at, record[word + 1] >> 32, record[word + 1] & 0xFFFFFFFF)
        add_words(total, at, record[word + 2], record[word + 3])
    merge_piece(record, total, are_groups[piece] > 0)


def _crossed_on_cuda(
    orders: tuple[Any, Any],
    borders: tuple[list[int], list[int]],
    ids: tuple[Any, Any],
    shape: tuple[int, int],
    grid: tuple[int, int],
    columns_at_once: int,
) -> RankCrossTally:
    """Walk both orders on the card, a block of columns at a time; what a piece of the champion's stands after stays there too."""
    from kernels.device_sort import pieces_of_rows

    (n_rows, n_columns), (n_cells, n_windows) = shape, grid
    piece_of_row = pieces_of_rows(orders[0], borders[0], n_rows)
    n_kinds = 2 if n_windows > 1 else 1
    placements = device_empty((n_rows, columns_at_once * n_kinds), np.uint32)
    before = device_empty((len(borders[0]) - 1, n_cells, 2), np.int64)
    groups = [groups_of(starts) for starts in borders]
    totals = [np.zeros((n_cells, n_words), np.int64) for n_words in (N_SUM_TOTAL, N_SUM_TOTAL + 4)]
    empty = [np.zeros((n_cells, n_words), np.int64) for n_words in (N_SUM_RECORD, N_RECORD)]
    for first in range(0, n_columns, columns_at_once):
        columns = (first, min(first + columns_at_once, n_columns))
        own: tuple[Any, ...] = (orders[0], *ids, n_windows, first, placements)
        totals[0] = merged_on_cuda(walk, merge_ranks, borders[0], columns, own, empty[0], totals[0], (groups[0], before))
        own = (orders[1], *ids, n_windows, first * n_kinds, placements, piece_of_row, before)
        totals[1] = merged_on_cuda(_cross_walk, _merge_cross, borders[1], columns, own, empty[1], totals[1], (groups[1],))
    cross = (totals[1][:, N_SUM_TOTAL + word].copy() for word in range(4))
    return RankCrossTally(tally_of_totals(totals[0]), tally_of_totals(totals[1]), *cross)


def _pieces_of_rows(order: NDArray[np.uint32], starts: list[int], n_rows: int, n_threads: int) -> NDArray[np.uint16]:
    """Return the piece of the order in which each row stands, uint16 [n_rows]."""
    piece_of_row = np.zeros(n_rows, np.uint16)

    def mark(piece: int) -> None:
        _mark_piece(order, starts[piece], starts[piece + 1], piece, piece_of_row)

    for _ in run_in_order(mark, len(starts) - 1, n_threads):
        pass
    return piece_of_row


def rank_cross(
    champion_order: Any, challenger_order: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int,
    *, n_threads: int | None = None, placement_bytes_per_row: int = PLACEMENT_BYTES_PER_ROW,
) -> RankCrossTally:  # fmt: skip
    """Sum the products of champion's and challenger's placements in every (slice, window), and each model's rank sums, exactly.

    Parameters
    ----------
    champion_order, challenger_order : uint32 [n_kept], NumPy or CUDA, of `score_order` over the same rows
    slice_ids, window_ids, n_slices, n_windows, n_threads : as in `rank_sum`
    placement_bytes_per_row : memory for kept placements; at least one column is taken at a time

    Raises
    ------
    ValueError
        The orders do not hold equally many rows, or an id is outside the grid.

    >>> from kernels.score_order import score_order
    >>> scores, labels = np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8)
    >>> order = score_order(scores, labels, n_threads=1)
    >>> cross = rank_cross(order, order, np.zeros((4, 1), np.uint16), None, 1, 1)
    >>> int(cross.cross_a_lo[0]), int(cross.cross_b_lo[0])  # with itself: 3*3 + 4*4 and 0*0 + 1*1
    (25, 1)
    """
    if champion_order.shape != challenger_order.shape:
        raise ValueError(
            f"orders of {champion_order.shape} and {challenger_order.shape} rows; wanted the same rows: leave out invalid ones first"
        )
    n_threads, n_cells = thread_count(n_threads), n_slices * n_windows
    ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    n_rows, n_columns = (int(size) for size in slice_ids.shape)
    orders = (champion_order, challenger_order)
    largest = max(math.isqrt((1 << 62) // max(n_rows, 1)), 1)  # sum of a(champion) * a(challenger) within a piece <= n_rows * piece^2
    borders = piece_borders(orders[0], n_cells, n_threads, largest), piece_borders(orders[1], n_cells, n_threads, largest)
    kinds = 2 if n_windows > 1 else 1
    columns_at_once = min(max(placement_bytes_per_row // (4 * kinds), 1), max(n_columns, 1))
    if is_on_cuda(champion_order):
        return _crossed_on_cuda(orders, borders, ids, (n_rows, n_columns), (n_cells, n_windows), columns_at_once)
    piece_of_row = _pieces_of_rows(champion_order, borders[0], n_rows, n_threads)
    placements = np.empty((n_rows, columns_at_once * kinds), np.uint32)
    champion, challenger = RankMerge(n_cells), _CrossMerge(n_cells)
    before = np.zeros((len(borders[0]) - 1, n_cells, 2), np.int64)
    for first in range(0, n_columns, columns_at_once):
        columns = (first, min(first + columns_at_once, n_columns))
        arguments: tuple[Any, ...] = (champion_order, *ids, n_windows, first, placements)
        for piece, records in enumerate(records_of_pieces(walk, borders[0], columns, arguments, n_cells, N_SUM_RECORD, n_threads)):
            before[piece, :, 0], before[piece, :, 1] = 2 * champion.n_negative, 2 * champion.n_positive
            champion.add(records, is_group=is_giant(borders[0], piece))
        arguments = (challenger_order, *ids, n_windows, first * kinds, placements, piece_of_row, before)
        for piece, records in enumerate(records_of_pieces(_cross_walk, borders[1], columns, arguments, n_cells, N_RECORD, n_threads)):
            challenger.add(records, is_group=is_giant(borders[1], piece))
    return RankCrossTally(champion.result(), challenger.ranks.result(), challenger.a.hi, challenger.a.lo, challenger.b.hi, challenger.b.lo)
