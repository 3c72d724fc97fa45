"""Counts by bin, range and moments of the values of a column in every cell of its rows, from one pass.

Contract
--------
values float32, float64 or int64 [n_rows]; is_missing bool [n_rows] or None; ids int32 [n_rows, n_columns]: the cell of the row in each
column, -1 in no cell, no cell in two columns; edges as in `column_codes`. NaN is missing; infinite values are counted, below or above all
edges, and are in no moment. No rows: zero counts, NaN ranges. An id outside the grid: ValueError. Moments of int64 are taken of the
differences to one of the values, which are exact unless the column spans 2**63 or more.
Agreement: counts, minimum and maximum *exact* for any row order, batches, threads and device. Mean and m2: the same bits for any number of
threads; between batch splits, row orders and devices *close*, rtol 1e-12 of the greatest deviation (summation order).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.cell_counts import ready_rows
from kernels.chunks import run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.column_codes import all_finite, thresholds_of, write_codes
from kernels.devices import is_on_cuda, pieces_on_cuda
from kernels.moments import RowMoments, merged_moments, moments_from_shifted

# The float64 record of a cell: finite rows, rows from which the shift moves next, shift, sum and sum of squares about it, minimum, maximum,
# infinite rows, counters by bin.
N, NEXT_SHIFT, SHIFT, SUM, SQUARE, MINIMUM, MAXIMUM, N_INFINITE, FIRST_COUNTER = range(9)
RESHIFT_AT = 64  # rows after which the shift moves from the first value to the mean: a first value far out costs no digits
BLOCK_ROWS = 256  # a multiple of 4; rows that may be of one cell together, as those of a log in order of time are
DTYPES = ("float32", "float64", "int64")


@dataclass(frozen=True)
class CellTally:
    """What `cell_moments` leaves, by cell.

    counts int64 [n_cells, n_bins], missing last; n_infinite int64 [n_cells]; minimum and maximum float64 [n_cells] of the finite values, NaN
    where there are none; moments of the finite values.
    """

    counts: NDArray[np.int64]
    n_infinite: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    moments: RowMoments


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
def _add_values(
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
    n_words = _n_words(n_edges + 2)
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
def _n_words(n_bins: int) -> int:
    return (FIRST_COUNTER + n_bins + 7) // 8 * 8  # whole cache lines


def _empty_table(n_cells: int, n_bins: int, n_columns: int) -> NDArray[np.float64]:
    """Return the records of the cells, one more for rows of no cell of the grid, and a block of codes per column, in one row."""
    n_words = _n_words(n_bins)
    table = np.zeros((n_cells + 1) * n_words + n_columns * BLOCK_ROWS)
    records = table[: (n_cells + 1) * n_words].reshape(n_cells + 1, n_words)
    records[:, MINIMUM], records[:, MAXIMUM] = np.inf, -np.inf
    return table


def _filled_tables(arguments: tuple[Any, ...], n_cells: int, n_bins: int, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the table of each chunk, in the order of the chunks."""
    values, _, ids = arguments[:3]
    starts = starts_of_pieces(int(values.shape[0]), tally_chunk_rows(n_cells))
    if is_on_cuda(values):
        yield from pieces_on_cuda(_add_values, starts, (0, int(ids.shape[1])), arguments, _empty_table(n_cells, n_bins, int(ids.shape[1])))
        return

    def fill(chunk: int) -> NDArray[np.float64]:
        table = _empty_table(n_cells, n_bins, ids.shape[1])
        _add_values(starts[chunk], starts[chunk + 1], 0, ids.shape[1], *arguments, table)
        return table

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _tally_of_table(table: NDArray[np.float64], n_cells: int, n_bins: int) -> CellTally:
    records = table[: (n_cells + 1) * _n_words(n_bins)].reshape(n_cells + 1, -1)
    if records[-1, FIRST_COUNTER:].any():
        raise ValueError(
            f"ids hold cells beyond the {len(records) - 1} of the grid; wanted -1..{len(records) - 2}: they are of another log"
        )
    records = records[:-1]
    n = records[:, N].astype(np.int64)
    with np.errstate(over="ignore", invalid="ignore"):  # squares beyond float64: m2 is then inf or NaN, and the docstring says so
        moments = moments_from_shifted(n, records[:, SHIFT], records[:, SUM], records[:, SQUARE])
    return CellTally(
        counts=records[:, FIRST_COUNTER : FIRST_COUNTER + n_bins].astype(np.int64),
        n_infinite=records[:, N_INFINITE].astype(np.int64),
        minimum=np.where(n > 0, records[:, MINIMUM], np.nan),
        maximum=np.where(n > 0, records[:, MAXIMUM], np.nan),
        moments=moments,
    )


def empty(n_cells: int, n_bins: int) -> CellTally:
    """Return the tally of no rows, which is neutral in `merge`."""
    return _tally_of_table(_empty_table(n_cells, n_bins, 0), n_cells, n_bins)


def merge(a: CellTally, b: CellTally) -> CellTally:
    """Return the tally of the rows of `a` and of `b` together; counts in any order, floats in the order of the call."""
    with np.errstate(over="ignore", invalid="ignore"):
        moments = merged_moments(a.moments, b.moments)
    return CellTally(
        a.counts + b.counts, a.n_infinite + b.n_infinite, np.fmin(a.minimum, b.minimum), np.fmax(a.maximum, b.maximum), moments
    )


def merge_cells(tally: CellTally, groups: Sequence[NDArray[np.int64]]) -> CellTally:
    """Return the tally in which cell g holds the rows of all cells `groups[g]` together.

    Formula: mean = c + sum n_i (mean_i - c) / n, c the greatest of the means; m2 = sum m2_i + sum n_i (mean_i - mean)^2.
    Source: Chan, Golub & LeVeque 1983, as `merged_moments`, for any number of parts.

    >>> tally = cell_moments(np.array([1.0, 3.0, 8.0]), np.array([[0], [1], [1]], np.int32), 2, (0.0, 9.0))
    >>> whole = merge_cells(tally, [np.array([0, 1])])
    >>> float(whole.moments.mean[0]), float(whole.moments.m2[0])
    (4.0, 26.0)
    """
    if not groups:
        return empty(0, tally.counts.shape[1])
    n_cells = len(tally.counts)
    cells = np.concatenate([np.append(group, n_cells) for group in groups]).astype(np.intp)  # the cell after the last has no rows
    lengths = np.array([len(group) + 1 for group in groups])
    firsts = np.cumsum(lengths) - lengths
    n, mean, m2 = (np.append(part, 0)[cells] for part in tally.moments)
    total = np.add.reduceat(n, firsts)
    share = n / np.repeat(np.maximum(total, 1), lengths)
    with np.errstate(over="ignore", invalid="ignore"):
        # from one of the means, so that equal means give just this mean and no spread
        greatest = np.maximum.reduceat(np.where(n > 0, mean, -np.inf), firsts)
        base = np.where(total > 0, greatest, 0.0)
        centre = base + np.add.reduceat(share * (mean - np.repeat(base, lengths)), firsts)
        between = np.add.reduceat(n * (mean - np.repeat(centre, lengths)) ** 2, firsts)
        moments = RowMoments(total, centre, np.add.reduceat(m2, firsts) + between)
    nothing = np.zeros((1, tally.counts.shape[1]), np.int64)
    return CellTally(
        counts=np.add.reduceat(np.concatenate([tally.counts, nothing])[cells], firsts, axis=0),
        n_infinite=np.add.reduceat(np.append(tally.n_infinite, 0)[cells], firsts),
        minimum=np.fmin.reduceat(np.append(tally.minimum, np.nan)[cells], firsts),
        maximum=np.fmax.reduceat(np.append(tally.maximum, np.nan)[cells], firsts),
        moments=moments,
    )


def cell_moments(
    values: Any,
    ids: Any,
    n_cells: int,
    edges: Sequence[float],
    *,
    is_missing: Any = None,
    n_threads: int | None = None,
) -> CellTally:
    """Count a column's values by bin in every cell of its rows, and take their range and moments.

    Parameters
    ----------
    values : float32, float64 or int64 [n_rows], NumPy or CUDA; NaN is missing
    ids : int32 [n_rows, n_columns], the cell of the row in each column, -1 where it is in none
    n_cells : how many cells there are
    edges : of the bins, ascending, as `column_codes` has them; at least two
    is_missing : bool [n_rows]; None where NaN says it
    n_threads : None for every core; the result has the same bits for any number

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape, an id or an edge is not as above.

    Undefined when a cell has no finite value: its range is NaN (mean and m2 are 0 with n 0). Where squares of deviations leave float64, m2 is
    inf or NaN.

    >>> tally = cell_moments(np.array([1.0, 3.0, np.nan, 8.0]), np.zeros((4, 1), np.int32), 1, (0.0, 2.0, 4.0))
    >>> tally.counts.tolist(), float(tally.moments.mean[0]), float(tally.maximum[0])
    ([[0, 1, 1, 1, 1]], 4.0, 8.0)
    """
    values, is_missing, ids = ready_rows(values, is_missing, ids, DTYPES)
    thresholds = thresholds_of(edges, values.dtype)
    n_bins = len(edges) + 2
    arguments = (values, is_missing, ids, n_cells, _origin(values, is_missing), *thresholds)
    tally = empty(n_cells, n_bins)
    for table in _filled_tables(arguments, n_cells, n_bins, thread_count(n_threads)):
        tally = merge(tally, _tally_of_table(table, n_cells, n_bins))
    moments = tally.moments
    return replace(tally, moments=moments._replace(mean=np.where(moments.n > 0, moments.mean + np.float64(arguments[4]), moments.mean)))


def _origin(values: Any, is_missing: Any) -> Any:
    """Return what is taken from every value before it becomes float64: of int64 one of them, unless a difference would overflow."""
    if str(values.dtype) != "int64" or not len(values):
        return np.dtype(str(values.dtype)).type(0)
    if is_on_cuda(values):
        return np.int64(0)
    first = int(np.argmin(is_missing)) if len(is_missing) else 0
    origin, low, high = int(values[first]), int(values.min()), int(values.max())
    return np.int64(origin if high - origin < 2**63 and origin - low <= 2**63 else 0)
