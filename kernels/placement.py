"""How much weight of the other class lies below a positive row and above a negative one, in the cells of one slice column.

Contract
--------
order uint32 [n_kept] as `score_order` returns it; slice_ids uint16 or int32 [n_rows, n_columns], global numbers, no slice in two
columns; window_ids int32 [n_rows], 0 for no window, or None; weights float64 [n_rows], above 0 and finite for rows in the order, or None
for 1 each. Rows that are not in the order are placed at 0. No rows: zeros.
Agreement: *exact* where weights are whole numbers with sums below 2**52; else the same bits for any number of threads, and between
row orders and devices *close*, rtol 1e-9.

Source: DeLong, DeLong & Clarke-Pearson 1988, equations 3-5 (placement values), each row counted with its weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.array_library import library_of
from kernels.chunks import cuda_chunk_rows, run_in_order, tally_chunk_rows, thread_count
from kernels.devices import check_fits, device_empty, is_on_cuda, merged_on_cuda
from kernels.order_pieces import piece_at
from kernels.rank_sum import ready_ids
from kernels.score_order import POSITIVE_BIT, ROW_MASK, START_BIT, pieces_of_order

# the float64 record of a cell: weight of positives and of negatives so far, both within the open group of equal scores, and the sum over
# positives of weight * placement
N_RECORD = 5


class Placements(NamedTuple):
    """Placements of every row in the cells of one column, and what they add up to.

    placement float64 [n_rows, n_kinds], where the order is, of a positive row the weight of negatives with a lower score plus half of those with an equal
    one, of a negative row the weight of positives with a higher score plus half of those with an equal one; n_kinds is 1, or 2 with
    windows: among all rows of the slice, and among those of its window (0 where it is in none).
    weight_positive, weight_negative, placed_positive float64 [n_cells], of the whole grid, 0 in other columns' cells;
    placed_positive is the sum over positive rows of weight * placement.
    """

    placement: Any
    weight_positive: NDArray[np.float64]
    weight_negative: NDArray[np.float64]
    placed_positive: NDArray[np.float64]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _weigh(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    first_slice: int,
    weights: NDArray[np.float64],
    records: NDArray[np.float64],
) -> None:
    """Add the weights of a piece of the order to the first two words of its cells."""
    is_weighted = weights.shape[0] > 0
    for at in range(start, stop):
        row = np.uintp(int(order[at]) & ROW_MASK)
        side = np.uintp(1 - ((int(order[at]) >> POSITIVE_BIT) & 1))
        weight = weights[row] if is_weighted else 1.0
        window = int(window_ids[row]) if n_windows > 1 else 0
        for column in range(first_column, stop_column):
            cell = (int(slice_ids[row, column]) - first_slice) * n_windows
            records[np.uintp(cell), side] += weight
            if window > 0:
                records[np.uintp(cell + window), side] += weight


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _place(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    order: NDArray[np.uint32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    first_slice: int,
    weights: NDArray[np.float64],
    whole: NDArray[np.float64],
    placement: NDArray[np.float64],
    starts: NDArray[np.int64],
    before: NDArray[np.float64],
    records: NDArray[np.float64],
) -> None:
    """Place the rows of a piece of the order; `before` [n_pieces, n_cells, 2] are the weights before a piece, `whole` [n_cells, 2] all."""
    is_weighted = weights.shape[0] > 0
    piece = np.uintp(piece_at(starts, start))
    for one_cell in range(records.shape[0]):
        records[np.uintp(one_cell), 0] = before[piece, np.uintp(one_cell), 0]
        records[np.uintp(one_cell), 1] = before[piece, np.uintp(one_cell), 1]
    at = start
    while at < stop:
        end = at + 1
        while end < stop and (int(order[end]) >> START_BIT) == 0:
            end += 1
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            waiting = np.uintp(3 - ((int(order[entry]) >> POSITIVE_BIT) & 1))
            weight = weights[row] if is_weighted else 1.0
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = (int(slice_ids[row, column]) - first_slice) * n_windows
                for kind in range(2 if window > 0 else 1):
                    records[np.uintp(cell + kind * window), waiting] += weight
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            is_positive = (int(order[entry]) >> POSITIVE_BIT) & 1 == 1
            weight = weights[row] if is_weighted else 1.0
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = (int(slice_ids[row, column]) - first_slice) * n_windows
                for kind in range(2 if window > 0 else 1):
                    one = np.uintp(cell + kind * window)
                    record = records[one]
                    if is_positive:
                        placed = record[1] + 0.5 * record[3]
                        record[4] += weight * placed
                    else:
                        placed = whole[one, 0] - record[0] - 0.5 * record[2]
                    placement[row, kind] = placed
        for entry in range(at, end):
            row = np.uintp(int(order[entry]) & ROW_MASK)
            window = int(window_ids[row]) if n_windows > 1 else 0
            for column in range(first_column, stop_column):
                cell = (int(slice_ids[row, column]) - first_slice) * n_windows
                for kind in range(2 if window > 0 else 1):
                    record = records[np.uintp(cell + kind * window)]
                    record[0] += record[2]
                    record[1] += record[3]
                    record[2] = 0.0
                    record[3] = 0.0
        at = end


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _merge_weights(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], before: NDArray[np.float64]) -> None:
    """Keep the weights before a piece, and add those of the piece to the total."""
    before[piece, cell, 0] = total[0]
    before[piece, cell, 1] = total[1]
    total[0] += record[0]
    total[1] += record[1]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _merge_placed(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], word: int) -> None:
    total[0] += record[np.uintp(word)]


def _filled(
    rule: Any, starts: list[int], column: int, arguments: tuple[Any, ...], shape: tuple[int, int], n_threads: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the records [n_cells, n_words] of each piece, in order, after `rule` has filled them."""

    def fill(piece: int) -> NDArray[np.float64]:
        records = np.zeros(shape)
        rule(starts[piece], starts[piece + 1], column, column + 1, *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _placed(
    starts: list[int], column: int, rows: tuple[Any, ...], n_cells: int, placement: NDArray[np.float64], n_threads: int
) -> NDArray[np.float64]:
    """Write the placements, and return the weights of both classes and the positives' weighted sum, float64 [3, n_cells]."""
    before, whole, placed = np.zeros((len(starts) - 1, n_cells, 2)), np.zeros((n_cells, 2)), np.zeros(n_cells)
    for piece, records in enumerate(_filled(_weigh, starts, column, rows, (n_cells, 2), n_threads)):
        before[piece] = whole
        whole += records
    arguments = (*rows, whole, placement, np.array(starts, np.int64), before)
    for records in _filled(_place, starts, column, arguments, (n_cells, N_RECORD), n_threads):
        placed += records[:, 4]
    return np.stack([*whole.T, placed])


def _placed_on_cuda(starts: list[int], column: int, rows: tuple[Any, ...], n_cells: int, placement: Any) -> NDArray[np.float64]:
    """Do what `_placed` does; what stands before a piece stays on the card."""
    columns, before = (column, column + 1), device_empty((max(len(starts) - 1, 1), n_cells, 2), np.float64)
    whole = merged_on_cuda(_weigh, _merge_weights, starts, columns, rows, np.zeros((n_cells, 2)), np.zeros((n_cells, 2)), (before,))
    arguments = (*rows, whole, placement, np.array(starts, np.int64), before)
    placed = merged_on_cuda(_place, _merge_placed, starts, columns, arguments, np.zeros((n_cells, N_RECORD)), np.zeros((n_cells, 1)), (4,))
    return np.stack([*whole.T, placed[:, 0]])


def _slices_of(slice_ids: Any, column: int) -> tuple[int, int]:
    """Return the first slice of a column, and how many numbers it spans."""
    if int(slice_ids.shape[0]) == 0:
        return 0, 1
    if is_on_cuda(slice_ids):
        from kernels.device_sort import column_spans

        first, stop = column_spans(slice_ids)[column].tolist()
        return first, stop - first
    first = int(slice_ids[:, column].min())
    return first, int(slice_ids[:, column].max()) - first + 1


def _pieces(order: Any, n_cells: int) -> list[int]:
    """Return the borders of pieces of the order, none of which splits a group of equal scores."""
    if is_on_cuda(order):
        from kernels.device_sort import group_borders

        return group_borders(order, cuda_chunk_rows(n_cells, 1))
    return pieces_of_order(order, tally_chunk_rows(n_cells))


def placements(
    order: Any,
    slice_ids: Any,
    window_ids: Any,
    weights: Any,
    n_slices: int,
    n_windows: int,
    column: int,
    *,
    n_threads: int | None = None,
) -> Placements:
    """Place every row among the rows of the other class in its cells of one slice column.

    Memory: 8 bytes a row, 16 with windows.

    Parameters
    ----------
    order : uint32 [n_kept], NumPy or CUDA, of `score_order`; rows of weight 0 must have been left out
    slice_ids : uint16 or int32 [n_rows, n_columns]
    window_ids : int32 [n_rows], or None where n_windows is 1
    weights : float64 [n_rows], or None
    n_slices, n_windows : the grid
    column : which column of `slice_ids`
    n_threads : None for every core

    Raises
    ------
    ValueError
        An id is outside the grid.

    >>> from kernels.score_order import score_order
    >>> order = score_order(np.array([0.1, 0.4, 0.4, 0.8], np.float32), np.array([0, 1, 0, 1], np.int8), n_threads=1)
    >>> found = placements(order, np.zeros((4, 1), np.uint16), None, np.array([1.0, 1.0, 2.0, 4.0]), 1, 1, 0)
    >>> found.placement[:, 0].tolist()  # row 0 has all 5 above it; row 1 has 1 below and half of 2 equal
    [5.0, 2.0, 4.5, 3.0]
    >>> found.placed_positive.tolist(), found.weight_positive.tolist(), found.weight_negative.tolist()  # AUC = 14 / 15
    ([14.0], [5.0], [3.0])
    """
    n_threads, n_cells = thread_count(n_threads), n_slices * n_windows
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    first_slice, n_own_slices = _slices_of(slice_ids, column)
    n_own = n_own_slices * n_windows
    starts = _pieces(order, n_own)
    rows = (order, slice_ids, window_ids, n_windows, first_slice, _ready_weights(weights))
    shape = int(slice_ids.shape[0]), 2 if n_windows > 1 else 1
    if is_on_cuda(order):
        check_fits("the placements of all rows", 8 * shape[0] * shape[1])
        there = library_of(order)
        placement: Any = there.back(there.xp.zeros(shape))
        sums = _placed_on_cuda(starts, column, rows, n_own, placement)
    else:
        placement = np.zeros(shape)
        sums = _placed(starts, column, rows, n_own, placement, n_threads)
    out = np.zeros((3, n_cells))
    out[:, first_slice * n_windows : first_slice * n_windows + n_own] = sums
    return Placements(placement, *out)


def _ready_weights(weights: Any) -> Any:
    """Return read-only contiguous weights; none where all rows weigh 1."""
    if weights is None:
        weights = np.zeros(0)
    elif is_on_cuda(weights):
        return weights
    view = np.ascontiguousarray(weights, dtype=np.float64).view()
    view.setflags(write=False)
    return view
