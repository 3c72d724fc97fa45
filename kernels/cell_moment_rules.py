"""The rules of `cell_moments`: how a CPU adds blocks of values to the records of cells, how a card adds rows, and how records are merged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.column_codes import all_finite, write_codes
from kernels.moments import add_shifted

# infinite rows, counters by bin.
N, NEXT_SHIFT, SHIFT, SUM, SQUARE, MINIMUM, MAXIMUM, N_INFINITE, FIRST_COUNTER = range(9)
RESHIFT_AT = 64  # rows after which the shift moves from the first value to the mean: a first value far out costs no digits
BLOCK_ROWS = 256  # a multiple of 4; rows that may be of one cell together, as those of a log in order of time are


@register_jitable  # type: ignore[untyped-decorator]
def _move_shift(record: NDArray[np.float64], first: float) -> None:
    """Set the shift to the first value, and once more to the mean of the first rows."""
    n = record[N]
    if n == 0.0:
        record[SHIFT], record[NEXT_SHIFT] = first, RESHIFT_AT
        return
    shift = record[SHIFT] + record[SUM] / n
    moved = shift - record[SHIFT]
    record[SHIFT], record[NEXT_SHIFT] = shift, np.inf
    record[SQUARE] += moved * (n * moved - 2.0 * record[SUM])
    record[SUM] -= n * moved


@register_jitable  # type: ignore[untyped-decorator]
def _add_run(values: NDArray[Any], origin: Any, starts: NDArray[Any], last: Any, n_edges: int, record: NDArray[np.float64]) -> None:
    """Add a whole block of finite values to one cell: four sums that do not wait for each other, and counts of values from each edge on."""
    if record[N] >= record[NEXT_SHIFT]:
        _move_shift(record, np.float64(values[0] - origin))
    shift = record[SHIFT]
    sum_0, sum_1, sum_2, sum_3 = 0.0, 0.0, 0.0, 0.0
    square_0, square_1, square_2, square_3 = 0.0, 0.0, 0.0, 0.0
    for row in range(0, values.size, 4):
        d_0, d_1 = np.float64(values[row] - origin) - shift, np.float64(values[row + 1] - origin) - shift
        d_2, d_3 = np.float64(values[row + 2] - origin) - shift, np.float64(values[row + 3] - origin) - shift
        sum_0, sum_1, sum_2, sum_3 = sum_0 + d_0, sum_1 + d_1, sum_2 + d_2, sum_3 + d_3
        square_0, square_1 = square_0 + d_0 * d_0, square_1 + d_1 * d_1
        square_2, square_3 = square_2 + d_2 * d_2, square_3 + d_3 * d_3
    low, high = values[0], values[0]
    for row in range(values.size):
        low, high = min(low, values[row]), max(high, values[row])
    record[N] += values.size
    record[SUM] += (sum_0 + sum_1) + (sum_2 + sum_3)
    record[SQUARE] += (square_0 + square_1) + (square_2 + square_3)
    record[MINIMUM] = min(record[MINIMUM], np.float64(low))
    record[MAXIMUM] = max(record[MAXIMUM], np.float64(high))
    n_from = values.size
    for edge in range(n_edges - 1):
        n_next, start = 0, starts[np.uintp(edge)]
        for row in range(values.size):
            n_next += 1 if values[row] >= start else 0
        record[np.uintp(FIRST_COUNTER + edge)] += n_from - n_next
        n_from = n_next
    n_above = 0
    for row in range(values.size):
        n_above += 1 if values[row] > last else 0
    record[np.uintp(FIRST_COUNTER + n_edges - 1)] += n_from - n_above
    record[np.uintp(FIRST_COUNTER + n_edges)] += n_above


@register_jitable  # type: ignore[untyped-decorator]
def _add_value(value: Any, origin: Any, code: int, n_edges: int, record: NDArray[np.float64]) -> None:
    if code < 0:
        code += n_edges + 2
        record[N_INFINITE] += 1.0 if code <= n_edges else 0.0
        record[np.uintp(FIRST_COUNTER + code)] += 1.0
        return
    d = np.float64(value - origin)
    if record[N] >= record[NEXT_SHIFT]:
        _move_shift(record, d)
    deviation = d - record[SHIFT]
    record[N] += 1.0
    record[SUM] += deviation
    record[SQUARE] += deviation * deviation
    record[MINIMUM] = min(record[MINIMUM], np.float64(value))
    record[MAXIMUM] = max(record[MAXIMUM], np.float64(value))
    record[np.uintp(FIRST_COUNTER + code)] += 1.0


@register_jitable  # type: ignore[untyped-decorator]
def _is_run(ids: NDArray[np.int32], column: int) -> bool:
    n_others = 0
    for row in range(ids.shape[0]):
        n_others += 1 if ids[row, column] != ids[0, column] else 0
    return n_others == 0


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_values(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    values: NDArray[Any],
    is_missing: NDArray[np.bool_],
    ids: NDArray[np.int32],
    n_cells: int,
    origin: Any,
    starts: NDArray[Any],
    last: Any,
    n_edges: int,
    table: NDArray[np.float64],
) -> None:
    """Add the rows [start, stop), block by block: one sum and one search for a block that lies in one cell."""
    n_words = record_words(n_edges + 2)
    scratch = (n_cells + 1) * n_words + first_column * BLOCK_ROWS
    codes = table[scratch : scratch + BLOCK_ROWS]
    for block in range(start, stop, BLOCK_ROWS):
        block_stop = min(block + BLOCK_ROWS, stop)
        rows, row_ids = values[block:block_stop], ids[block:block_stop]
        marks = is_missing[block:block_stop] if is_missing.size > 0 else is_missing
        is_whole, has_codes = rows.size == BLOCK_ROWS and all_finite(rows, marks), False
        for column in range(first_column, stop_column):
            cell = int(row_ids[0, column])
            if is_whole and 0 <= cell < n_cells and _is_run(row_ids, column):
                at = cell * n_words
                _add_run(rows, origin, starts, last, n_edges, table[at : at + n_words])
                continue
            if not has_codes:
                write_codes(rows, marks, starts, last, n_edges, codes)
                has_codes = True
            for row in range(rows.size):
                cell = int(row_ids[row, column])
                if cell != -1:
                    # the record after the last holds the rows of ids that the grid does not have: they are refused afterwards
                    at = (cell if 0 <= cell < n_cells else n_cells) * n_words
                    _add_value(rows[row], origin, int(codes[row]), n_edges, table[at : at + n_words])


@register_jitable  # type: ignore[untyped-decorator]
def _code_of(value: Any, starts: NDArray[Any], last: Any, n_edges: int) -> int:
    """Return the bin of one value that is not NaN, of an infinite one less n_edges + 2: what `write_codes` writes."""
    low, high = 0, n_edges - 1
    while low < high:
        middle = (low + high) >> 1
        if value >= starts[np.uintp(middle)]:
            low = middle + 1
        else:
            high = middle
    code = low + (1 if value > last else 0)
    return code if -np.inf < value < np.inf else code - (n_edges + 2)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_rows(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    values: NDArray[Any],
    is_missing: NDArray[np.bool_],
    ids: NDArray[np.int32],
    n_cells: int,
    origin: Any,
    starts: NDArray[Any],
    last: Any,
    n_edges: int,
    records: NDArray[np.float64],
) -> None:
    """Add row by row, as a card does: blocks are for the vector instructions of a CPU, and their sums for its many registers."""
    for row in range(start, stop):
        value = values[row]
        is_without = value != value or (is_missing.size > 0 and is_missing[row])
        code = -1 if is_without else _code_of(value, starts, last, n_edges)
        for column in range(first_column, stop_column):
            cell = int(ids[row, column])
            if cell != -1:  # the record after the last as in `add_values`
                _add_value(value, origin, code, n_edges, records[np.uintp(cell if 0 <= cell < n_cells else n_cells)])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def merge_records(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], n_bins: int) -> None:
    """Merge the record of a cell's next piece into its total, which begins as an empty record and is a record of the same rows."""
    for word in range(N_INFINITE, FIRST_COUNTER + n_bins):
        total[np.uintp(word)] += record[np.uintp(word)]
    if record[N] == 0.0:
        return
    add_shifted(record, total, SHIFT, SUM, SQUARE, total[N], record[N])
    total[N] += record[N]
    total[MINIMUM] = min(total[MINIMUM], record[MINIMUM])
    total[MAXIMUM] = max(total[MAXIMUM], record[MAXIMUM])


@register_jitable  # type: ignore[untyped-decorator]
def record_words(n_bins: int) -> int:
    """Return the words of the record of a cell."""
    return (FIRST_COUNTER + n_bins + 7) // 8 * 8  # whole cache lines
