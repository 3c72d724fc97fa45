"""Counts of the categories of a column in every cell of its rows, from one pass.

Contract
--------
codes int32 [n_rows], 0 .. n_categories - 1, -1 missing; ids int32 [n_rows, n_columns]: the cell of the row in each column, -1 in no cell, no
cell in two columns; recode int32 [n_categories]: the bin of each category, 0 .. n_bins - 2; bin n_bins - 1 is missing. No rows: zeros. A code
or an id outside: ValueError.
On a card as in `cuda_counts.py`: a column whose cells fit into 48 KiB is counted in shared memory.
Agreement: *exact* for any row order, batches, threads and device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import run_in_order, thread_count
from kernels.devices import is_on_cuda

MIN_PIECE_ROWS = 1 << 16


@register_jitable  # type: ignore[untyped-decorator]
def _bin_of(code: int, recode: NDArray[np.int32], n_bins: int) -> tuple[int, bool]:
    """Return the bin of a code, and whether there is such a code."""
    is_known = -1 <= code < recode.size
    return int(recode[np.uintp(code)]) if is_known and code >= 0 else n_bins - 1, is_known


@register_jitable  # type: ignore[untyped-decorator]
def _cell_of(cell: int, is_known: bool, n_cells: int) -> int:
    """Return the cell that a row counts in, -1 for none; the one after the last for codes and ids to be refused afterwards."""
    if cell == -1 and is_known:
        return -1
    return cell if is_known and 0 <= cell < n_cells else n_cells


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_codes(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    codes: NDArray[np.int32],
    ids: NDArray[np.int32],
    n_cells: int,
    recode: NDArray[np.int32],
    table: NDArray[np.int64],
) -> None:
    for row in range(start, stop):
        bin_id, is_known = _bin_of(int(codes[row]), recode, table.shape[1])
        for column in range(first_column, stop_column):
            cell = _cell_of(int(ids[row, column]), is_known, n_cells)
            if cell >= 0:
                table[np.uintp(cell), np.uintp(bin_id)] += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _slot(
    row: int, column: int, codes: NDArray[np.int32], ids: NDArray[np.int32], n_cells: int, recode: NDArray[np.int32], n_bins: int
) -> int:
    """Return the word of the flat table that a row counts in, as `count_on_cuda` asks for it."""
    bin_id, is_known = _bin_of(int(codes[row]), recode, n_bins)
    cell = _cell_of(int(ids[row, column]), is_known, n_cells)
    slot: int = cell if cell < 0 else cell * n_bins + bin_id
    return slot


def cell_counts(codes: Any, ids: Any, n_cells: int, recode: Any, n_bins: int, *, n_threads: int | None = None) -> NDArray[np.int64]:
    """Count a column's categories by bin in every cell of its rows; int64 [n_cells, n_bins], missing last.

    Parameters
    ----------
    codes : int32 [n_rows], NumPy or CUDA; -1 is missing
    ids : int32 [n_rows, n_columns], the cell of the row in each column, -1 where it is in none
    n_cells : how many cells there are
    recode : int32 [n_categories], the bin of each category; several may share one
    n_bins : of the categories, and one for missing
    n_threads : None for every core

    Raises
    ------
    TypeError, ValueError
        A dtype or a shape is not as above; a code, an id or a bin is outside.

    >>> codes, ids = np.array([0, 2, 1, -1], np.int32), np.zeros((4, 1), np.int32)
    >>> cell_counts(codes, ids, 1, np.array([0, 1, 1], np.int32), 3).tolist()
    [[1, 2, 1]]
    """
    codes, _, ids = ready_rows(codes, None, ids, ("int32",))
    recode = np.ascontiguousarray(recode, np.int32)
    if recode.size and (int(recode.min()) < 0 or int(recode.max()) > n_bins - 2):
        raise ValueError(f"recode holds {int(recode.min())}..{int(recode.max())}; wanted 0..{n_bins - 2}, as the last bin is missing")
    n_rows, n_columns = (int(size) for size in ids.shape)
    arguments = (codes, ids, n_cells, recode)
    n_threads = thread_count(n_threads)
    n_pieces = max(min(n_threads, n_rows // max(MIN_PIECE_ROWS, n_cells * n_bins)), 1)
    starts = [n_rows * piece // n_pieces for piece in range(n_pieces + 1)]
    if is_on_cuda(codes):
        return _inside(_counted_on_cuda(arguments, n_rows, n_bins)[None], n_cells, recode.size)
    tables = np.zeros((n_pieces, n_cells + 1, n_bins), np.int64)

    def fill(piece: int) -> None:
        _add_codes(starts[piece], starts[piece + 1], 0, n_columns, *arguments, tables[piece])

    for _ in run_in_order(fill, n_pieces, n_threads):
        pass
    return _inside(tables, n_cells, recode.size)


def _counted_on_cuda(arguments: tuple[Any, ...], n_rows: int, n_bins: int) -> NDArray[np.int64]:
    ids, n_cells = arguments[1], arguments[2]
    table = np.zeros((n_cells + 1, n_bins), np.int64)
    if n_rows == 0:
        return table
    from kernels.cuda_counts import count_on_cuda
    from kernels.device_sort import column_spans

    spans = column_spans(ids).clip(0, n_cells) * n_bins
    return count_on_cuda(_slot, n_rows, spans, (*arguments, n_bins), table)


def _inside(tables: NDArray[np.int64], n_cells: int, n_categories: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = tables.sum(axis=0)
    if counts[-1].any():
        raise ValueError(
            f"{int(counts[-1].sum())} codes or ids are outside the {n_categories} categories and {n_cells} cells; wanted those of one log, or -1"
        )
    return counts[:-1]


def ready_rows(values: Any, is_missing: Any, ids: Any, dtypes: Sequence[str]) -> tuple[Any, Any, Any]:
    """Return values, missing marks (bool [0] for None) and ids ready for a compiled loop, or say what is wrong with them.

    Raises
    ------
    TypeError
        A dtype is none of `dtypes`, ids are not int32, or the marks are not bool.
    ValueError
        A shape is not [n_rows], [n_rows] and [n_rows, n_columns].
    """
    is_missing = np.zeros(0, np.bool_) if is_missing is None else is_missing
    for name, array, wanted in (("values", values, dtypes), ("is_missing", is_missing, ("bool",)), ("ids", ids, ("int32",))):
        if str(array.dtype) not in wanted:
            raise TypeError(f"{name} has dtype {array.dtype}; wanted {' or '.join(wanted)}: convert it once, when it is read")
    n_rows = int(values.shape[0])
    if len(values.shape) != 1 or len(ids.shape) != 2 or int(ids.shape[0]) != n_rows or int(is_missing.shape[0]) not in (0, n_rows):
        raise ValueError(
            f"values, is_missing, ids have shapes {values.shape}, {is_missing.shape}, {ids.shape}; wanted (n,), (n,), (n, columns)"
        )
    if is_on_cuda(values):
        return values, is_missing, ids
    return _frozen(values), _frozen(is_missing), _frozen(ids)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)  # one compiled form for arrays that may and may not be written to
    return view
