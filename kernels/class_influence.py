"""How much every row moves the AUC of one class against the rest, added up over classes, in the cells of several slice columns.

Contract
--------
order uint32 [n_kept] as `score_order` returns it for one class against the rest, without rows of weight 0; slice_ids uint16 or int32
[n_rows, n_columns], global numbers, no slice in two columns; window_ids int32 [n_rows], 0 for no window, or None; weights float64
[n_rows] or None for 1 each; scale float64 [n_cells, 2]; influence float64 [n_columns, n_rows, n_kinds], where n_kinds is 1, or 2 with
windows. No rows: zeros.
Agreement: the sums of placements *exact* where weights are whole numbers with sums below 2**52; else the same bits for any number of
threads, and between row orders and devices *close*, rtol 1e-9. One thread takes one column or more: with few columns, few threads are used;
on a card a thread takes a column of a piece of the order (`class_influence_pieces.py`).

Source: DeLong, DeLong & Clarke-Pearson 1988, equations 3-5 (placement values), each row counted with its weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.class_influence_pieces import add_influence_on_cuda
from kernels.devices import is_on_cuda
from kernels.rank_sum import ready_ids
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT

# the float64 record of a cell: weight of negatives and of positives so far, both within the open group of equal scores, and the sum over
# positives of weight * placement
N_RECORD = 5
LOOK_AHEAD_ROWS = 32


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _walk(
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
    records: NDArray[np.float64],
) -> float:
    """Place the rows of the whole order. What is returned means nothing: it keeps the look-ahead alive."""
    is_weighted = weights.shape[0] > 0
    touched, seen = start, 0.0
    at = start
    while at < stop:
        if at >= touched:  # rows lie at random: loading the next ones together hides most of the wait for memory
            touched = min(at + LOOK_AHEAD_ROWS, stop)
            for entry in range(at, touched):
                row = np.uintp(int(order[entry]) & ROW_MASK)
                seen += int(slice_ids[row, np.uintp(first_column)])
                for column in range(first_column, stop_column):
                    seen += influence[np.uintp(column), row, 0]
        end = at + 1
        while end < stop and (int(order[end]) >> START_BIT) == 0:
            end += 1
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            waiting = np.uintp(2 + ((int(order[entry]) >> POSITIVE_BIT) & 1))
            weight = weights[row] if is_weighted else 1.0
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    records[np.uintp(cell + kind * window), waiting] += weight
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            is_positive = (int(order[entry]) >> POSITIVE_BIT) & 1 == 1
            weight = weights[row] if is_weighted else 1.0
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    one = np.uintp(cell + kind * window)
                    record = records[one]
                    if is_positive:
                        placed = record[0] + 0.5 * record[2]
                        record[4] += weight * placed
                        influence[np.uintp(column), row, np.uintp(kind)] += weight * placed * scale[one, 1]
                    else:
                        placed = positive_weight[one] - record[1] - 0.5 * record[3]
                        influence[np.uintp(column), row, np.uintp(kind)] += weight * placed * scale[one, 0]
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = int(slice_ids[row, column]) * n_windows
                for kind in range(2 if window > 0 else 1):
                    record = records[np.uintp(cell + kind * window)]
                    record[0] += record[2]
                    record[1] += record[3]
                    record[2] = 0.0
                    record[3] = 0.0
        at = end
    return seen


def add_influence(
    influence: Any,
    order: Any,
    slice_ids: Any,
    window_ids: Any,
    weights: Any,
    positive_weight: NDArray[np.float64],
    scale: NDArray[np.float64],
    n_slices: int,
    n_windows: int,
    *,
    n_threads: int | None = None,
) -> NDArray[np.float64]:
    """Add weight * placement * scale of every row to `influence`, and return the sum over positives of weight * placement.

    Parameters
    ----------
    influence : float64 [n_columns, n_rows, n_kinds], NumPy or CUDA; changed in place. Kind 0 is the cell over all windows, kind 1 that of
        the row's window, where it is in one. A positive row's placement is the weight of negatives with a lower score plus half of those
        with an equal one, a negative row's the weight of positives with a higher score plus half of those with an equal one.
    order : uint32 [n_kept], NumPy or CUDA, of `score_order`
    slice_ids, window_ids, weights : as in the contract
    positive_weight : float64 [n_cells], weight of the positive rows
    scale : float64 [n_cells, 2], by which placements of negative and of positive rows are multiplied
    n_slices, n_windows : the grid
    n_threads : None for every core

    Returns
    -------
    float64 [n_cells]

    Raises
    ------
    ValueError
        An id is outside the grid.

    Examples
    --------
    >>> from kernels.score_order import score_order
    >>> order = score_order(np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8), n_threads=1)
    >>> influence, ids = np.zeros((1, 4, 1)), np.zeros((4, 1), np.uint16)
    >>> add_influence(influence, order, ids, None, None, np.array([2.0]), np.ones((1, 2)), 1, 1).tolist()  # AUC = 3.5 / 4
    [3.5]
    >>> influence[0, :, 0].tolist()
    [2.0, 1.5, 1.5, 2.0]
    """
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    weights = np.zeros(0) if weights is None else weights
    n_columns, n_rows, n_cells = int(slice_ids.shape[1]), int(order.shape[0]), n_slices * n_windows
    if is_on_cuda(order):
        return add_influence_on_cuda(influence, order, slice_ids, window_ids, n_windows, weights, positive_weight, scale)
    arguments = (order, slice_ids, window_ids, n_windows, weights, positive_weight, scale, influence)
    n_pieces = min(thread_count(n_threads), n_columns)
    cuts = [n_columns * piece // n_pieces for piece in range(n_pieces + 1)]
    records = np.zeros((n_cells, N_RECORD))  # one for all threads: no two columns share a cell

    def place(piece: int) -> None:
        _walk(0, n_rows, cuts[piece], cuts[piece + 1], *arguments, records)

    for _ in run_in_order(place, n_pieces, n_pieces):
        pass
    return records[:, 4].copy()
