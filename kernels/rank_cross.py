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

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import thread_count
from kernels.devices import is_on_cuda, to_device, to_host
from kernels.rank_sum import (
    LOOK_AHEAD_ROWS,
    RankMerge,
    RankSumTally,
    is_giant,
    piece_borders,
    ready_ids,
    records_of_pieces,
    walk,
)
from kernels.rank_sum import N_RECORD as N_SUM_RECORD
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT
from kernels.wide import WideSums

PLACEMENT_BYTES_PER_ROW = 20
# the record of `walk`, then sums over positives of a(champion) * a(challenger) in two words and of a(champion), then of negatives
FIRST_CROSS = N_SUM_RECORD
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
    placements: NDArray[np.uint32],
    piece_of_row: NDArray[np.uint16],
    before: NDArray[np.int64],
    records: NDArray[np.int64],
) -> int:
    """Add a piece of the challenger's order; `before` [n_pieces, n_cells, 2] holds the champion's negatives and positives before a piece."""
    n_kinds = 2 if n_windows > 1 else 1
    touched, seen = start, 0
    at = start
    while at < stop:
        if at >= touched:  # as in `walk`
            touched = min(at + LOOK_AHEAD_ROWS, stop)
            for entry in range(at, touched):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                seen += int(slice_ids[row, first_column]) + int(slice_ids[row, stop_column - 1])
                seen += int(window_ids[row]) if n_windows > 1 else 0
                seen += int(placements[row, 0]) + int(piece_of_row[row])
        end = at + 1
        while end < stop and (int(order[end]) >> START_BIT) == 0:
            end += 1
        is_group = end > at + 1
        for entry in range(at, end if is_group else at):
            row = np.uintp(int(order[entry]) & ROW_MASK)
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
            first_word = FIRST_CROSS + 3 * (1 - positive)
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    one = np.uintp(cell + kind * window)
                    record = records[one]
                    placement = 2 * record[positive] + record[2 + positive]
                    champion = int(placements[row, np.uintp((column - first_column) * n_kinds + kind)])
                    champion += 2 * before[piece, one, np.uintp(1 - positive)]
                    product = champion * placement
                    record[first_word] += product >> 32
                    record[first_word + 1] += product & 0xFFFFFFFF
                    record[first_word + 2] += champion
                    if not is_group:
                        record[1 - positive] += 1
                        if positive == 1:
                            record[4] += placement
                            record[5] += placement * placement
                        else:
                            record[6] += placement * placement
        for entry in range(at, end if is_group else at):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    record = records[np.uintp(cell + kind * window)]
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
        at = end
    return seen


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _mark_pieces(order: NDArray[np.uint32], starts: NDArray[np.int64], piece_of_row: NDArray[np.uint16]) -> None:
    for piece in range(len(starts) - 1):
        for entry in range(starts[piece], starts[piece + 1]):
            piece_of_row[np.uintp(int(order[entry]) & ROW_MASK)] = piece


class _CrossMerge:
    """Joins the challenger's pieces: a piece after Q negatives has its a(challenger) raised by 2Q."""

    def __init__(self, n_cells: int) -> None:
        self.ranks = RankMerge(n_cells)
        self.a, self.b = WideSums(n_cells), WideSums(n_cells)

    def add(self, records: NDArray[np.int64], *, is_group: bool) -> None:
        for sums, before, word in ((self.a, self.ranks.n_negative, FIRST_CROSS), (self.b, self.ranks.n_positive, FIRST_CROSS + 3)):
            sums.add_words(records[:, word], records[:, word + 1])
            sums.add_product(records[:, word + 2], 2 * before)
        self.ranks.add(records, is_group=is_group)


def _add_block(
    orders: tuple[Any, Any], ids: tuple[Any, Any], columns: tuple[int, int], n_windows: int, n_cells: int, n_threads: int,
    champion: RankMerge, challenger: _CrossMerge, piece_of_row: Any, placements: Any, borders: tuple[list[int], list[int]],
) -> None:  # fmt: skip
    """Walk both orders over one block of columns."""
    common = (*ids, n_windows, placements)
    before = np.empty((len(borders[0]) - 1, n_cells, 2), np.int64)
    for piece, records in enumerate(
        records_of_pieces(walk, borders[0], columns, (orders[0], *common), n_cells, N_SUM_RECORD, n_threads)
    ):
        before[piece, :, 0], before[piece, :, 1] = champion.n_negative, champion.n_positive
        champion.add(records, is_group=is_giant(borders[0], piece))
    arguments = (orders[1], *common, piece_of_row, before)
    for piece, records in enumerate(records_of_pieces(_cross_walk, borders[1], columns, arguments, n_cells, N_RECORD, n_threads)):
        challenger.add(records, is_group=is_giant(borders[1], piece))
