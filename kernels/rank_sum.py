"""Exact AUC and DeLong variance of every (slice, window), from one global order of the rows.

Contract
--------
order uint32 [n_kept] as `score_order` returns it; slice_ids uint16 or int32 [n_rows, n_columns], global numbers, no slice in two
columns; window_ids int32 [n_rows], 0 for no window, or None. No rows: zeros.
Agreement: *exact* for any row order, batches, threads and device.

Source: DeLong, DeLong & Clarke-Pearson 1988, equations 3-5 (placement values); computed in one sorted walk as in Sun & Xu 2014,
section III. We keep doubled integer placements, so that ties (one half) stay integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.devices import is_on_cuda, merged_on_cuda
from kernels.inputs import check_ids
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT, pieces_of_order
from kernels.wide import WideSums, add_product, add_words

# the int64 record of a cell: positives, negatives, then both within the open group of equal scores, then the sums
N_RECORD = 8
MAX_PIECE_ROWS = 1 << 20  # sum of a^2 within a piece <= 16/27 rows^3 < 2**63
MIN_PIECE_ROWS = 1 << 16
MIN_CUDA_PIECE_ROWS = 1 << 12  # a thread walks a column of a piece: smaller pieces, more threads
MAX_CUDA_PIECES = 1 << 15  # at twice as many, half of them single groups, a piece still has a uint16 number
# the int64 total of a cell: positives, negatives, sum of a, then sums of a^2 and of b^2 as hi and lo
N_TOTAL = 7
LOOK_AHEAD_ROWS = 32


class RankSumTally(NamedTuple):
    """Doubled placement sums, int64 [n_cells]; squares as hi * 2**32 + lo.

    a(positive row) = 2 * negatives with a lower score + negatives with an equal one, b(negative row) likewise of positives.
    """

    n_positive: NDArray[np.int64]
    n_negative: NDArray[np.int64]
    sum_a: NDArray[np.int64]
    sum_a2_hi: NDArray[np.int64]
    sum_a2_lo: NDArray[np.int64]
    sum_b2_hi: NDArray[np.int64]
    sum_b2_lo: NDArray[np.int64]


@register_jitable  # type: ignore[untyped-decorator]
def close_group(record: NDArray[np.int64]) -> None:
    """Give the rows of a cell's open group of equal scores their placements, and count them."""
    positives, negatives = record[2], record[3]
    if positives + negatives > 0:
        a = 2 * record[1] + negatives
        b = 2 * record[0] + positives
        record[0] += positives
        record[1] += negatives
        record[2] = 0
        record[3] = 0
        record[4] += positives * a
        record[5] += positives * a * a
        record[6] += negatives * b * b


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    first_placed: int,
    placements: NDArray[np.uint32],
    records: NDArray[np.int64],
) -> int:
    """Add a piece of the order to the records; where `placements` has rows, keep each row's placement in its cells.

    `placements` is [n_rows, n_cells_of_row] (the cell over all windows of column `first_placed`, then that of its window, then the
    next column's), counted within the piece, or [0, 0]. What is returned means nothing: it keeps the look-ahead alive.
    """
    n_kinds = 2 if n_windows > 1 else 1
    last_placed = np.uintp(max(placements.shape[1] - 1, 0))
    keep = placements.shape[0] > 0
    touched, seen = start, 0
    at = start
    while at < stop:
        if at >= touched:  # rows lie at random: loading the next ones together hides most of the wait for memory
            touched = min(at + LOOK_AHEAD_ROWS, stop)
            for entry in range(at, touched):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                seen += int(slice_ids[row, np.uintp(first_column)]) + int(slice_ids[row, np.uintp(stop_column - 1)])
                seen += int(window_ids[row]) if n_windows > 1 else 0
                seen += int(placements[row, 0]) + int(placements[row, last_placed]) if keep else 0
        end = at + 1
        while end < stop and (int(order[end]) >> START_BIT) == 0:
            end += 1
        if end == at + 1:
            row = np.uintp(int(order[at]) & ROW_MASK)
            positive = (int(order[at]) >> POSITIVE_BIT) & 1
            window = int(window_ids[row]) if n_windows > 1 else 0
            n_cells_of_row = 2 if window > 0 else 1
            if positive == 1:  # decided once a row, outside of the loop over columns
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        record = records[np.uintp(cell + kind * window)]
                        placement = 2 * record[1]
                        record[0] += 1
                        record[4] += placement
                        record[5] += placement * placement
                        if keep:
                            placements[row, np.uintp((column - first_placed) * n_kinds + kind)] = placement
            else:
                for column in range(first_column, stop_column):
                    cell = int(slice_ids[row, column]) * n_windows
                    for kind in range(n_cells_of_row):
                        record = records[np.uintp(cell + kind * window)]
                        placement = 2 * record[0]
                        record[1] += 1
                        record[6] += placement * placement
                        if keep:
                            placements[row, np.uintp((column - first_placed) * n_kinds + kind)] = placement
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
        for entry in range(at, end if keep else at):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            positive = (int(order[entry]) >> POSITIVE_BIT) & 1
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    record = records[np.uintp(cell + kind * window)]
                    placements[row, np.uintp((column - first_placed) * n_kinds + kind)] = 2 * record[positive] + record[2 + positive]
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


class RankMerge:
    """Joins the records of pieces, in the order of the pieces, into exact sums over the whole order.

    A piece that follows Q negatives has all its a raised by 2Q, so its sum of a^2 by 4Q * (sum of a) + 4Q^2 * positives.
    """

    def __init__(self, n_cells: int) -> None:
        self.n_positive, self.n_negative, self.sum_a = (np.zeros(n_cells, np.int64) for _ in range(3))
        self.a2, self.b2 = WideSums(n_cells), WideSums(n_cells)

    def add(self, records: NDArray[np.int64], *, is_group: bool) -> None:
        """Add the records of the next piece; of one that is a single group only the counts are read, its sums may have overflowed."""
        positives, negatives, sum_a = records[:, 0], records[:, 1], records[:, 4]
        sum_b = 2 * positives * negatives - sum_a
        if is_group:
            sum_a = sum_b = positives * negatives
            self.a2.add_product(sum_a, negatives)
            self.b2.add_product(sum_b, positives)
        else:
            self.a2.add(records[:, 5])
            self.b2.add(records[:, 6])
        for sums, total, count, before in ((self.a2, sum_a, positives, self.n_negative), (self.b2, sum_b, negatives, self.n_positive)):
            sums.add_product(total, 2 * before)
            sums.add_product(total, 2 * before)
            sums.add_product(2 * before * count, 2 * before)
        self.sum_a = self.sum_a + sum_a + 2 * self.n_negative * positives
        self.n_positive = self.n_positive + positives
        self.n_negative = self.n_negative + negatives

    def result(self) -> RankSumTally:
        """Return the sums over every piece added so far."""
        return RankSumTally(self.n_positive, self.n_negative, self.sum_a, self.a2.hi, self.a2.lo, self.b2.hi, self.b2.lo)


@register_jitable  # type: ignore[untyped-decorator]
def merge_piece(record: NDArray[np.int64], total: NDArray[np.int64], is_group: bool) -> None:
    """Merge the record of a cell's next piece into its total: what `RankMerge.add` does, of one cell."""
    positives, negatives, sum_a = record[0], record[1], record[4]
    sum_b = 2 * positives * negatives - sum_a
    if is_group:
        sum_a = sum_b = positives * negatives
        add_product(total, 3, sum_a, negatives)
        add_product(total, 5, sum_b, positives)
    else:
        add_words(total, 3, record[5] >> 32, record[5] & 0xFFFFFFFF)
        add_words(total, 5, record[6] >> 32, record[6] & 0xFFFFFFFF)
    twice_negatives, twice_positives = 2 * total[1], 2 * total[0]
    add_product(total, 3, sum_a, twice_negatives)
    add_product(total, 3, sum_a, twice_negatives)
    add_product(total, 3, twice_negatives * positives, twice_negatives)
    add_product(total, 5, sum_b, twice_positives)
    add_product(total, 5, sum_b, twice_positives)
    add_product(total, 5, twice_positives * negatives, twice_positives)
    total[2] += sum_a + twice_negatives * positives
    total[0] += positives
    total[1] += negatives


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def merge_ranks(
    piece: int, cell: int, record: NDArray[np.int64], total: NDArray[np.int64], are_groups: NDArray[np.uint8], before: NDArray[np.int64]
) -> None:
    """Merge the record of a cell's next piece into its total; `before` [n_pieces, n_cells, 2], or nothing, keeps what stood before it."""
    if before.shape[0] > 0:
        before[piece, cell, 0] = 2 * total[1]
        before[piece, cell, 1] = 2 * total[0]
    merge_piece(record, total, are_groups[piece] > 0)


def tally_of_totals(totals: NDArray[np.int64]) -> RankSumTally:
    """Return the totals of all cells as the sums that they are."""
    return RankSumTally(*(totals[:, word].copy() for word in range(N_TOTAL)))


def groups_of(starts: list[int]) -> NDArray[np.uint8]:
    """Return which pieces are one group of equal scores whose sums may not fit 64 bits."""
    return np.array([is_giant(starts, piece) for piece in range(len(starts) - 1)], np.uint8)


def piece_borders(order: Any, n_cells: int, n_threads: int, largest: int = MAX_PIECE_ROWS) -> list[int]:
    """Return the pieces of the order that threads share: at least four a thread, and not smaller than the table that each needs."""
    n_rows = int(order.shape[0])
    if is_on_cuda(order):
        from kernels.device_sort import group_borders

        return group_borders(order, min(MAX_PIECE_ROWS, largest, max(MIN_CUDA_PIECE_ROWS, 4 * n_cells, -(-n_rows // MAX_CUDA_PIECES))))
    rows = min(MAX_PIECE_ROWS, largest, max(MIN_PIECE_ROWS, 4 * n_cells, -(-n_rows // (4 * n_threads))))
    return pieces_of_order(order, rows)


def is_giant(starts: list[int], piece: int) -> bool:
    """Say whether a piece is one group of equal scores whose sums may not fit 64 bits."""
    return starts[piece + 1] - starts[piece] > MAX_PIECE_ROWS


def records_of_pieces(
    rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], n_cells: int, n_words: int, n_threads: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the records [n_cells, n_words] that `rule` leaves of each piece, in order, from threads."""

    def fill(piece: int) -> NDArray[np.int64]:
        records = np.zeros((n_cells, n_words), np.int64)
        rule(starts[piece], starts[piece + 1], *columns, *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def rank_sum(order: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int, *, n_threads: int | None = None) -> RankSumTally:
    """Sum the doubled placements and their squares in every (slice, window), exactly.

    Parameters
    ----------
    order : uint32 [n_kept], NumPy or CUDA, of `score_order`
    slice_ids : uint16 or int32 [n_rows, n_columns]
    window_ids : int32 [n_rows], or None where n_windows is 1
    n_slices, n_windows : the grid
    n_threads : None for every core

    Raises
    ------
    ValueError
        An id is outside the grid.

    >>> from kernels.score_order import score_order
    >>> order = score_order(np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8), n_threads=1)
    >>> sums = rank_sum(order, np.zeros((4, 1), np.uint16), None, 1, 1)
    >>> int(sums.sum_a[0]), int(sums.sum_a2_lo[0]), int(sums.sum_b2_lo[0])  # a = 3, 4; b = 0, 1; AUC = 7/8
    (7, 25, 1)
    """
    n_threads, n_cells = thread_count(n_threads), n_slices * n_windows
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    starts = piece_borders(order, n_cells, n_threads)
    arguments = (order, slice_ids, window_ids, n_windows, 0, no_placements(order))
    columns = (0, int(slice_ids.shape[1]))
    if is_on_cuda(order):
        empty, totals = np.zeros((n_cells, N_RECORD), np.int64), np.zeros((n_cells, N_TOTAL), np.int64)
        more = (groups_of(starts), np.zeros((0, 0, 2), np.int64))
        return tally_of_totals(merged_on_cuda(walk, merge_ranks, starts, columns, arguments, empty, totals, more))
    merged = RankMerge(n_cells)
    for piece, records in enumerate(records_of_pieces(walk, starts, columns, arguments, n_cells, N_RECORD, n_threads)):
        merged.add(records, is_group=is_giant(starts, piece))
    return merged.result()


def ready_ids(slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int) -> tuple[Any, Any]:
    """Return read-only contiguous ids that were found inside the grid; arrays of a CUDA device come back as they are."""
    if is_on_cuda(slice_ids):
        return slice_ids, window_ids if window_ids is not None else np.zeros(0, np.int32)
    window_ids = np.zeros(0, np.int32) if window_ids is None else np.ascontiguousarray(window_ids).view()
    slice_ids = np.ascontiguousarray(slice_ids).view()
    check_ids("slice_ids", slice_ids, n_slices)
    check_ids("window_ids", window_ids, n_windows)
    slice_ids.setflags(write=False)
    window_ids.setflags(write=False)
    return slice_ids, window_ids


def no_placements(order: Any) -> Any:
    """Return the array that tells `walk` to keep no placements."""
    return np.zeros((0, 0), np.uint32)
