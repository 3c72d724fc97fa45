"""The influence of rows on the AUC of a class, on a card: a thread places the rows of one column of one piece of the order.

Contract
--------
Arrays as in `class_influence`, on a card. A first pass finds what stands below every piece (`order_pieces`), a second places the rows of a
piece from there; rows of a score that has several pieces are placed by the sums of the whole score. One thread alone writes the influence of
a row. Agreement: placements *exact* where weights are whole numbers with sums below 2**52; else the same bits for any number of waves, and
*close* to those of the CPU, rtol 1e-9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.devices import merged_on_cuda, to_device
from kernels.order_pieces import (
    BELOW_NEGATIVE,
    BELOW_POSITIVE,
    GROUP_NEGATIVE,
    GROUP_POSITIVE,
    is_part_of_group,
    piece_at,
    pieces_on_card,
    weights_below,
)
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT

# the float64 record of a cell in one piece: weight of negatives and of positives so far, both within the open group of equal scores, and the
# sum over positives of weight * placement
N_RECORD, PLACED = 5, 4


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def place_piece(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    weights: NDArray[np.float64],
    positive_weight: NDArray[np.float64],
    scale: NDArray[np.float64],
    influence: NDArray[np.float64],
    starts: NDArray[np.int64],
    below: NDArray[np.float64],
    records: NDArray[np.float64],
) -> None:
    """Place the rows of a piece; where it is a part of a group of equal scores, `below` holds the sums of all its parts."""
    is_weighted = weights.shape[0] > 0
    piece, is_part = piece_at(starts, start), is_part_of_group(order, start, stop)
    for column in range(first_column, stop_column):
        at = start
        while at < stop:
            end = at + 1
            while end < stop and (int(order[end]) >> START_BIT) == 0:
                end += 1
            for entry in range(at, at if is_part else end):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                waiting = np.uintp(2 + ((int(order[entry]) >> POSITIVE_BIT) & 1))
                weight = weights[row] if is_weighted else 1.0
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    records[np.uintp(cell + kind * window), waiting] += weight
            for entry in range(at, end):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                is_positive = (int(order[entry]) >> POSITIVE_BIT) & 1 == 1
                weight = weights[row] if is_weighted else 1.0
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    one = np.uintp(cell + kind * window)
                    record, under = records[one], below[piece, one]
                    if is_positive:
                        placed = under[BELOW_NEGATIVE] + record[0] + 0.5 * (under[GROUP_NEGATIVE] + record[2])
                        record[PLACED] += weight * placed
                        influence[np.uintp(column), row, np.uintp(kind)] += weight * placed * scale[one, 1]
                    else:
                        placed = positive_weight[one] - (under[BELOW_POSITIVE] + record[1]) - 0.5 * (under[GROUP_POSITIVE] + record[3])
                        influence[np.uintp(column), row, np.uintp(kind)] += weight * placed * scale[one, 0]
            for entry in range(at, at if is_part else end):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                window = int(window_ids[row]) if n_windows > 1 else 0
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    record = records[np.uintp(cell + kind * window)]
                    record[0] += record[2]
                    record[1] += record[3]
                    record[2] = 0.0
                    record[3] = 0.0
            at = end


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def merge_placed(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], word: int) -> None:
    """Add what the next piece placed in a cell to its total [1]."""
    total[0] += record[word]


def add_influence_on_cuda(
    influence: Any,
    order: Any,
    slice_ids: Any,
    window_ids: Any,
    n_windows: int,
    weights: Any,
    positive_weight: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Do what `class_influence.add_influence` says, on the card that the order lies on.

    Memory: 32 bytes a piece and cell, and the records of a piece (40 bytes a cell) of as many pieces at once as fit into half of what is then
    free. A piece of 4 columns has at least 4,096 rows, and 8 rows a cell.

    Raises
    ------
    CardMemoryError
        It does not fit.
    """
    n_cells = len(positive_weight)
    if int(order.shape[0]) == 0:
        return np.zeros(n_cells)
    pieces = pieces_on_card(order, n_cells, int(slice_ids.shape[1]))
    below, _ = weights_below(pieces, order, slice_ids, window_ids, n_windows, weights, n_cells)
    starts, columns = to_device(np.array(pieces.starts, np.int64)), (0, int(slice_ids.shape[1]))
    arguments = (order, slice_ids, window_ids, n_windows, weights, positive_weight, scale, influence, starts, below)
    empty, total = np.zeros((n_cells, N_RECORD)), np.zeros((n_cells, 1))
    return merged_on_cuda(place_piece, merge_placed, pieces.starts, columns, arguments, empty, total, (PLACED,))[:, 0].copy()
