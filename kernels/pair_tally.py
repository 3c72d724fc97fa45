"""Moments of one loss per value of every column and per value pair of every two columns, from one pass over the rows.

Contract
--------
losses float64 or float32 [n_rows], finite; category_ids uint8 or uint16 [n_columns, n_rows], each column dense and its own: ids of
column c lie in [0, widths[c]). No rows: zeros. Ids outside their column, or a loss that is not finite: ValueError (CPU).
Agreement: n *exact* for any row order, batches, threads and device. Moments: the same bits for any number of threads; between
batch splits, row orders and devices *close*, rtol 1e-9 (summation order).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, thread_count
from kernels.devices import is_on_cuda, merged_on_cuda
from kernels.moments import RowMoments, merge_shifted, merged_moments, moments_from_shifted

N_RECORD = 4  # first loss, sum and sum of squares of (loss - first loss), n, as `merge_shifted` has them: half a cache line
_LAYOUT = (0, 1, 3, 1)
# Rows that every table walks before the next table does: 2,048 losses (16 KiB), two columns of ids and a table of 100 cells
# (3 KiB) stay in an L1 cache of 32 KiB while 20 columns of ids stay in L2.
BLOCK_ROWS = 2048


@dataclass(frozen=True)
class PairTally:
    """What `pair_tally` leaves: one table a column, then one table a pair of columns (a < b), of one cell a value or value pair.

    first_column, second_column int32 [n_tables]: the columns of a table, the same one twice for a single column; first_cell int64
    [n_tables + 1]; second_width int64 [n_tables]: cell = first_cell + id_a * second_width + id_b, where id_b is 0 in a single
    column; moments [n_cells].
    """

    first_column: NDArray[np.int32]
    second_column: NDArray[np.int32]
    first_cell: NDArray[np.int64]
    second_width: NDArray[np.int64]
    moments: RowMoments


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_rows(
    start: int,
    stop: int,
    first_table: int,
    stop_table: int,
    losses: NDArray[Any],
    category_ids: NDArray[Any],
    first_column: NDArray[np.int32],
    second_column: NDArray[np.int32],
    first_cell: NDArray[np.int64],
    second_width: NDArray[np.int64],
    records: NDArray[np.float64],
) -> None:
    block = start
    while block < stop:
        block_stop = min(block + BLOCK_ROWS, stop)
        for table in range(first_table, stop_table):
            base = first_cell[table]
            width = second_width[table]
            a = first_column[table]
            b = second_column[table]
            step = 0 if a == b else 1  # a single column is a pair with itself whose second id does not count
            for row in range(block, block_stop):
                cell = base + np.int64(category_ids[a, row]) * width + np.int64(category_ids[b, row]) * step
                record = records[np.uintp(cell)]
                loss = np.float64(losses[row])
                if record[3] == 0.0:
                    record[0] = loss
                shifted = loss - record[0]
                record[1] += shifted
                record[2] += shifted * shifted
                record[3] += 1.0
        block = block_stop


def chunk_rows(n_cells: int) -> int:
    """Return the rows of one chunk: a function of the tables alone, so that sums do not depend on threads.

    >>> chunk_rows(19_200), chunk_rows(10)
    (262144, 65536)
    """
    return min(max(1 << (8 * n_cells - 1).bit_length(), 1 << 16), 1 << 20)


def tables_of(widths: Sequence[int], *, pairs: bool = True) -> PairTally:
    """Return the tally of no rows, which is neutral in `merge` and says where the cells of each table lie.

    >>> tables_of([3, 2]).first_cell.tolist()  # 3 values, 2 values, 6 value pairs
    [0, 3, 5, 11]
    """
    n = len(widths)
    first, second = np.triu_indices(n, 1) if pairs else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    a = np.concatenate([np.arange(n), first]).astype(np.int32)
    b = np.concatenate([np.arange(n), second]).astype(np.int32)
    width = np.array(widths, np.int64)
    second_width = np.where(a == b, 1, width[b])
    first_cell = np.concatenate([[0], np.cumsum(width[a] * second_width)]).astype(np.int64)
    n_cells = int(first_cell[-1])
    return PairTally(a, b, first_cell, second_width, RowMoments(np.zeros(n_cells, np.int64), np.zeros(n_cells), np.zeros(n_cells)))


def merge(a: PairTally, b: PairTally) -> PairTally:
    """Return the tally of the rows of `a` and of `b` together; n in any order, floats in the order of the call."""
    return PairTally(a.first_column, a.second_column, a.first_cell, a.second_width, merged_moments(a.moments, b.moments))


def _check(losses: Any, category_ids: Any, widths: Sequence[int]) -> None:
    if str(losses.dtype) not in ("float64", "float32"):
        raise TypeError(f"losses has dtype {losses.dtype}; wanted float64 or float32: convert it once")
    if str(category_ids.dtype) not in ("uint8", "uint16"):
        raise TypeError(f"category_ids has dtype {category_ids.dtype}; wanted uint8 or uint16: number the values of each column from 0")
    wanted = (len(widths), int(losses.shape[0]))
    if len(losses.shape) != 1 or tuple(category_ids.shape) != wanted:
        raise ValueError(f"category_ids has shape {tuple(category_ids.shape)}; wanted {wanted}: one line a column, one id a row")
    if is_on_cuda(losses) or wanted[1] == 0:
        return
    if not np.isfinite(losses).all():
        raise ValueError("losses holds values that are not finite; leave those rows out and count them")
    largest = category_ids.max(axis=1, initial=0)
    if wide := [column for column in range(wanted[0]) if largest[column] >= widths[column]]:
        raise ValueError(f"category_ids of column {wide[0]} reaches {largest[wide[0]]}; wanted 0..{widths[wide[0]] - 1}")


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _filled_records(losses: Any, category_ids: Any, layout: PairTally, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the records of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    n_cells, n_tables = int(layout.first_cell[-1]), len(layout.first_column)
    tables = (layout.first_column, layout.second_column, layout.first_cell, layout.second_width)
    if is_on_cuda(losses):
        starts, none = starts_of_pieces(int(losses.shape[0]), cuda_chunk_rows(n_cells, n_tables)), np.zeros((n_cells, N_RECORD))
        arguments = (losses, category_ids, *tables)
        yield merged_on_cuda(_add_rows, merge_shifted, starts, (0, n_tables), arguments, none, none.copy(), _LAYOUT)
        return
    starts = starts_of_pieces(int(losses.shape[0]), chunk_rows(n_cells))
    frozen = [_frozen(array) for array in (losses, category_ids, *tables)]

    def fill(chunk: int) -> NDArray[np.float64]:
        records = np.zeros((n_cells, N_RECORD))
        _add_rows(starts[chunk], starts[chunk + 1], 0, n_tables, *frozen, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def pair_tally(losses: Any, category_ids: Any, widths: Sequence[int], *, pairs: bool = True, n_threads: int | None = None) -> PairTally:
    """Tally the loss of every value of every column, and of every value pair of every two columns.

    Parameters
    ----------
    losses : float64 or float32 [n_rows], NumPy or CUDA, finite
    category_ids : uint8 or uint16 [n_columns, n_rows], the value of the row in each column
    widths : number of values of each column
    pairs : False for single columns alone
    n_threads : None for every core; the result has the same bits for any number

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape, an id or a loss is not as above.

    >>> ids = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], np.uint8)
    >>> tally = pair_tally(np.array([1.0, 3.0, 5.0, 7.0]), ids, [2, 2])
    >>> tally.moments.n.tolist(), tally.moments.mean.tolist()
    ([2, 2, 2, 2, 1, 1, 1, 1], [2.0, 6.0, 3.0, 5.0, 1.0, 3.0, 5.0, 7.0])
    """
    _check(losses, category_ids, widths)
    tally = layout = tables_of(widths, pairs=pairs)
    for records in _filled_records(losses, category_ids, layout, thread_count(n_threads)):
        n = records[:, 3].astype(np.int64)
        moments = moments_from_shifted(n, records[:, 0], records[:, 1], records[:, 2])
        tally = merge(tally, PairTally(layout.first_column, layout.second_column, layout.first_cell, layout.second_width, moments))
    return tally
