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
from numpy.typing import NDArray

from kernels.array_library import library_of
from kernels.cell_counts import ready_rows
from kernels.cell_moment_rules import (
    BLOCK_ROWS,
    FIRST_COUNTER,
    MAXIMUM,
    MINIMUM,
    N_INFINITE,
    SHIFT,
    SQUARE,
    SUM,
    N,
    add_rows,
    add_values,
    merge_records,
    record_words,
)
from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.column_codes import thresholds_of
from kernels.devices import is_on_cuda, merged_on_cuda
from kernels.moments import RowMoments, merged_moments, moments_from_shifted

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


def _empty_table(n_cells: int, n_bins: int, n_columns: int) -> NDArray[np.float64]:
    """Return the records of the cells, one more for rows of no cell of the grid, and a block of codes per column, in one row."""
    n_words = record_words(n_bins)
    table = np.zeros((n_cells + 1) * n_words + n_columns * BLOCK_ROWS)
    records = table[: (n_cells + 1) * n_words].reshape(n_cells + 1, n_words)
    records[:, MINIMUM], records[:, MAXIMUM] = np.inf, -np.inf
    return table


def _filled_tables(arguments: tuple[Any, ...], n_cells: int, n_bins: int, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the table of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    values, _, ids = arguments[:3]
    n_rows, n_columns = (int(size) for size in ids.shape)
    if is_on_cuda(values):
        empty = _empty_table(n_cells, n_bins, 0).reshape(n_cells + 1, -1)
        starts = starts_of_pieces(n_rows, cuda_chunk_rows(n_cells + 1, n_columns, empty.shape[1]))
        yield merged_on_cuda(add_rows, merge_records, starts, (0, n_columns), arguments, empty, empty.copy(), (n_bins,)).ravel()
        return
    starts = starts_of_pieces(n_rows, tally_chunk_rows(n_cells))

    def fill(chunk: int) -> NDArray[np.float64]:
        table = _empty_table(n_cells, n_bins, ids.shape[1])
        add_values(starts[chunk], starts[chunk + 1], 0, ids.shape[1], *arguments, table)
        return table

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _tally_of_table(table: NDArray[np.float64], n_cells: int, n_bins: int) -> CellTally:
    records = table[: (n_cells + 1) * record_words(n_bins)].reshape(n_cells + 1, -1)
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
    values, marks = library_of(values).array, library_of(is_missing).array
    first = int(marks.argmin()) if len(marks) else 0
    origin, low, high = int(values[first]), int(values.min()), int(values.max())
    return np.int64(origin if high - origin < 2**63 and origin - low <= 2**63 else 0)
