"""The rank curve on a card: a thread walks one column of one piece of the order, and what pieces leave is merged in their order.

Contract
--------
Arrays as in `rank_curve`, on a card. A first pass finds what stands below every piece (`order_pieces`), a second walks the pieces from there.
Recall, the rows at the top and the bins depend on the rows below alone. The influence of a positive row is a + R, of a negative one l + L,
where R and L are what earlier pieces have raised and lowered it by; with both known when pieces are merged,

    sum of p (a + R)^2 = sum of p a^2 + 2 R * sum of p a + R^2 * sum of p, and of negatives likewise.

Agreement: counts *exact*; floats the same bits for any number of waves and any row order; against the walk of the CPU *close*, rtol 1e-11
and for the variance 1e-7, as `rank_curve` says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.devices import merged_on_cuda, to_device, to_host
from kernels.order_pieces import GROUP_NEGATIVE, GROUP_POSITIVE, NOT_LAST, is_part_of_group, piece_at, pieces_on_card, weights_below
from kernels.rank_curve_rules import (
    BELOW,
    BIN,
    BIN_END,
    FIRST_BIN,
    INFLUENCE,
    INFLUENCE_2,
    LOWERED_2,
    LOWERED_BY_NEGATIVE,
    N_RANK_BINS,
    N_RECORD,
    NOT_YET,
    OPEN,
    PRECISION,
    RAISED_BY_POSITIVE,
    RECALLED,
    TOP_POSITIVES,
    TOTAL,
    check_counts,
    move_to_bin,
    take_sums,
)
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT

# The float64 record of a cell in one piece: that of `rank_curve_rules` up to BIN_END, then the sum of l over negatives, the sums of the bin
# at hand (rows, positives, scores), and the first word and the sums of the first bin that the piece reached. Earlier and later pieces add to
# the first and the last bin of a piece; those between are its own, and written where they belong at once.
LOWERED_ROWS, OPEN_BIN, PIECE_FIRST_BIN, FIRST_SUMS, N_PART = FIRST_BIN, FIRST_BIN + 1, FIRST_BIN + 4, FIRST_BIN + 5, FIRST_BIN + 8


@register_jitable  # type: ignore[untyped-decorator]
def _begin(record: NDArray[np.float64], below: NDArray[np.float64]) -> None:
    """Let the record of a cell begin with the rows below the piece, in the bin of the next one."""
    record[BELOW] = below[0]
    record[BELOW + 1] = below[1]
    n_rows = record[TOTAL] + record[TOTAL + 1]
    n_bins = int(N_RANK_BINS * (below[0] + below[1]) / n_rows)  # counts below 2**31: no quotient is rounded up to a whole number
    record[BIN] = FIRST_BIN + 3.0 * n_bins
    record[BIN_END] = 2.0 * n_rows * (n_bins + 1.0)


@register_jitable  # type: ignore[untyped-decorator]
def _close_bin(record: NDArray[np.float64], at: float, bins: NDArray[np.float64]) -> None:
    """Put away the sums of the bin that was at hand: the first of the piece in its record, any other in the bins of the cell."""
    if record[PIECE_FIRST_BIN] < 0.0:
        record[PIECE_FIRST_BIN] = at
        for word in range(3):
            record[np.uintp(FIRST_SUMS + word)] = record[np.uintp(OPEN_BIN + word)]
    else:
        for word in range(3):
            bins[np.uintp(int(at) - FIRST_BIN + word)] = record[np.uintp(OPEN_BIN + word)]
    for word in range(3):
        record[np.uintp(OPEN_BIN + word)] = 0.0


@register_jitable  # type: ignore[untyped-decorator]
def _take(
    record: NDArray[np.float64], below: NDArray[np.float64], bins: NDArray[np.float64], negatives: float, positives: float, score: float
) -> None:
    """Take all rows of a cell that have this score into the record of the piece."""
    if record[BIN] < 0.0:
        _begin(record, below)
    size = negatives + positives
    take_sums(record, negatives, positives)
    record[LOWERED_ROWS] += negatives * record[LOWERED_BY_NEGATIVE]
    at = record[BIN]
    move_to_bin(record, size)
    if record[BIN] > at and record[OPEN_BIN] > 0.0:
        _close_bin(record, at, bins)
    record[OPEN_BIN] += size
    record[OPEN_BIN + 1] += positives
    record[OPEN_BIN + 2] += size * score
    record[BELOW] += negatives
    record[BELOW + 1] += positives


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk_piece(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    starts: NDArray[np.int64],
    below: NDArray[np.float64],
    bins: NDArray[np.float64],
    records: NDArray[np.float64],
) -> None:
    """Take the rows of a piece into the records; of a part of a group nothing is left to do: its rows were counted."""
    if is_part_of_group(order, start, stop):
        return
    piece = piece_at(starts, start)
    for column in range(first_column, stop_column):
        at = start
        while at < stop:
            end = at + 1
            while end < stop and (int(order[end]) >> START_BIT) == 0:
                end += 1
            score = np.float64(scores[np.uintp(int(order[at]) & ROW_MASK)])
            is_alone = end == at + 1
            for entry in range(at, at if is_alone else end):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                positive = (int(order[entry]) >> POSITIVE_BIT) & 1
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    records[np.uintp(cell + kind * window), np.uintp(OPEN + positive)] += 1.0
            for entry in range(at, end):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                positive = (int(order[entry]) >> POSITIVE_BIT) & 1
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    one = np.uintp(cell + kind * window)
                    record = records[one]
                    negatives, positives = record[OPEN], record[OPEN + 1]
                    if is_alone:
                        negatives, positives = 1.0 - positive, 1.0 * positive
                    if negatives + positives > 0.0:
                        _take(record, below[piece, one], bins[one], negatives, positives, score)
                        record[OPEN] = 0.0
                        record[OPEN + 1] = 0.0
            at = end


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def merge_curve(
    piece: int,
    cell: int,
    record: NDArray[np.float64],
    total: NDArray[np.float64],
    completes: NDArray[np.int64],
    starts: NDArray[np.int64],
    scores: NDArray[np.float32],
    order: NDArray[np.uint32],
    below: NDArray[np.float64],
    bins: NDArray[np.float64],
) -> None:
    """Merge the record of a cell's next piece into its total, or take the whole group that the piece completes."""
    first = completes[piece]
    if first == NOT_LAST:
        return
    if first < piece:
        negatives, positives = below[piece, cell, GROUP_NEGATIVE], below[piece, cell, GROUP_POSITIVE]
        size = negatives + positives
        if size > 0.0:
            take_sums(total, negatives, positives)
            move_to_bin(total, size)
            at = np.uintp(int(total[BIN]) - FIRST_BIN)
            bins[cell, at] += size
            bins[cell, at + np.uintp(1)] += positives
            bins[cell, at + np.uintp(2)] += size * np.float64(scores[np.uintp(int(order[starts[piece]]) & ROW_MASK)])
            total[BELOW] += negatives
            total[BELOW + 1] += positives
        return
    if record[BIN] < 0.0:
        return
    _add_part(record, total, bins[cell])


@register_jitable  # type: ignore[untyped-decorator]
def _add_part(record: NDArray[np.float64], total: NDArray[np.float64], bins: NDArray[np.float64]) -> None:
    """Add the record of a piece to that of all pieces before it."""
    negatives, positives = record[BELOW] - total[BELOW], record[BELOW + 1] - total[BELOW + 1]
    raised, lowered = total[RAISED_BY_POSITIVE], total[LOWERED_BY_NEGATIVE]
    total[INFLUENCE_2] += record[INFLUENCE_2] + raised * (2.0 * record[INFLUENCE] + raised * positives)
    total[LOWERED_2] += record[LOWERED_2] + lowered * (2.0 * record[LOWERED_ROWS] + lowered * negatives)
    total[INFLUENCE] += record[INFLUENCE] + raised * positives
    total[PRECISION] += record[PRECISION]
    total[RAISED_BY_POSITIVE] += record[RAISED_BY_POSITIVE]
    total[LOWERED_BY_NEGATIVE] += record[LOWERED_BY_NEGATIVE]
    total[TOP_POSITIVES] += record[TOP_POSITIVES]
    if total[RECALLED] < 0.0:
        total[RECALLED] = record[RECALLED]
    if record[PIECE_FIRST_BIN] >= 0.0:
        for word in range(3):
            bins[np.uintp(int(record[PIECE_FIRST_BIN]) - FIRST_BIN + word)] += record[np.uintp(FIRST_SUMS + word)]
    for word in range(3):
        bins[np.uintp(int(record[BIN]) - FIRST_BIN + word)] += record[np.uintp(OPEN_BIN + word)]
    total[BELOW] = record[BELOW]
    total[BELOW + 1] = record[BELOW + 1]


def records_on_cuda(
    scores: Any, order: Any, slice_ids: Any, window_ids: Any, n_windows: int, records: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Walk the order on the card that it lies on, and return the records [n_cells, N_RECORD] on the host as the CPU's walk leaves them.

    Memory: 32 bytes a piece and cell, 1,464 bytes a cell, and the records of a piece (208 bytes a cell) of as many pieces at once as fit into
    half of what is then free. A piece of 4 columns has at least 4,096 rows, and 8 rows a cell.

    Raises
    ------
    CardMemoryError
        It does not fit.
    ValueError
        The totals of the records are not those of the rows in the order.
    """
    n_cells = len(records)
    if int(order.shape[0]) == 0:
        return records
    pieces = pieces_on_card(order, n_cells, int(slice_ids.shape[1]))
    below, counted = weights_below(pieces, order, slice_ids, window_ids, n_windows, np.zeros(0), n_cells)
    check_counts(counted, records[:, TOTAL : TOTAL + 2])  # before the walk: a bin is found by the totals
    bins, starts = to_device(np.zeros((n_cells, N_RECORD - FIRST_BIN))), to_device(np.array(pieces.starts, np.int64))
    empty, total = np.zeros((n_cells, N_PART)), np.zeros((n_cells, N_PART))
    empty[:, :FIRST_BIN] = total[:, :FIRST_BIN] = records[:, :FIRST_BIN]
    empty[:, BIN] = empty[:, PIECE_FIRST_BIN] = NOT_YET
    arguments = (scores, order, slice_ids, window_ids, n_windows, starts, below, bins)
    more = (pieces.completes, starts, scores, order, below, bins)
    columns = (0, int(slice_ids.shape[1]))
    total = merged_on_cuda(walk_piece, merge_curve, pieces.starts, columns, arguments, empty, total, more)
    return np.concatenate([total[:, :FIRST_BIN], to_host(bins)], axis=1)
