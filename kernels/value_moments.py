"""Mean and centred second moments of several values of each row, by case, in every (slice, window), from one pass over the rows.

Contract
--------
values float64 [n_rows, at least n_values], of which the first n_values columns are read, all finite; cases int8 [n_rows], 0..n_cases-1,
-1 where the row is skipped; slice_ids and window_ids as in `slice_tally`. n_values may be 0: rows are counted only. No rows: zeros. Ids
outside the grid, or a case that is not below n_cases: ValueError (CPU).
Agreement: counts *exact* for any row order, batches, threads and device. Moments: the same bits for any number of threads; between
batch splits, row orders and devices *close*, rtol 1e-9 of the spread and of the largest value (summation order). A row's deviation
is taken from the running mean (Welford 1962), never from a square of sums, so that a spread far below the values keeps its digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.devices import is_on_cuda, merged_on_cuda
from kernels.rank_sum import ready_ids


class JointMoments(NamedTuple):
    """Rows, means and sums of products of deviations from the means, of every case of every cell; 0 where there is no row.

    n int64 [n_cells, n_cases]; mean float64 [n_cells, n_cases, k]; m2 float64 [n_cells, n_cases, k, k], symmetric.
    """

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_values(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    values: NDArray[np.float64],
    cases: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    n_cases: int,
    n_values: int,
    records: NDArray[np.float64],
) -> None:
    # the float64 record of a case of a cell: rows, the mean of every value, then the upper triangle of m2 a line at a time
    for row in range(start, stop):
        case = int(cases[row])
        if case < 0:
            continue
        window = int(window_ids[row]) if n_windows > 1 else 0
        for column in range(first_column, stop_column):
            cell = int(slice_ids[row, column]) * n_windows + window
            record = records[np.uintp(cell * n_cases + case)]
            record[0] += 1.0
            share = 1.0 / record[0]
            left = 1.0 - share  # of a product of deviations from the mean so far, what it adds to m2: (n - 1) / n
            at = 1 + n_values
            for a in range(n_values):
                deviation = values[row, a] - record[np.uintp(1 + a)]
                for b in range(a, n_values):
                    record[np.uintp(at)] += left * deviation * (values[row, b] - record[np.uintp(1 + b)])
                    at += 1
            for a in range(n_values):
                record[np.uintp(1 + a)] += (values[row, a] - record[np.uintp(1 + a)]) * share


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _merge_records(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], n_values: int) -> None:
    """Merge the record of a case of a cell's next piece into its total: what `merged` does, of one record; the total begins with zeros."""
    n_before, n_more = total[0], record[0]
    if n_more == 0.0:
        return
    share = n_more / (n_before + n_more)
    at = 1 + n_values
    for a in range(1, 1 + n_values):
        scaled = (record[np.uintp(a)] - total[np.uintp(a)]) * share * n_before
        for b in range(a, 1 + n_values):
            between = scaled * (record[np.uintp(b)] - total[np.uintp(b)]) if n_before > 0.0 else 0.0
            total[np.uintp(at)] += record[np.uintp(at)] + between
            at += 1
    for a in range(1, 1 + n_values):
        mean = record[np.uintp(a)]
        total[np.uintp(a)] = total[np.uintp(a)] + (mean - total[np.uintp(a)]) * share if n_before > 0.0 else mean
    total[0] = n_before + n_more


def _filled_records(arguments: tuple[Any, ...], n_records: int, n_words: int, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the records of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    slice_ids, n_values = arguments[2], arguments[6]
    n_rows, n_columns = (int(size) for size in slice_ids.shape)
    if is_on_cuda(slice_ids):
        starts, none = starts_of_pieces(n_rows, cuda_chunk_rows(n_records, n_columns, n_words)), np.zeros((n_records, n_words))
        yield merged_on_cuda(_add_values, _merge_records, starts, (0, n_columns), arguments, none, none.copy(), (n_values,))
        return
    starts = starts_of_pieces(n_rows, tally_chunk_rows(n_records))

    def fill(chunk: int) -> NDArray[np.float64]:
        records = np.zeros((n_records, n_words))
        _add_values(starts[chunk], starts[chunk + 1], 0, slice_ids.shape[1], *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _moments_of_records(records: NDArray[np.float64], n_cases: int, n_values: int) -> JointMoments:
    shape = (len(records) // n_cases, n_cases)
    m2 = np.zeros((len(records), n_values, n_values))
    upper = np.triu_indices(n_values)
    m2[:, upper[0], upper[1]] = m2[:, upper[1], upper[0]] = records[:, 1 + n_values :]
    mean = records[:, 1 : 1 + n_values].reshape(*shape, n_values)
    return JointMoments(records[:, 0].astype(np.int64).reshape(shape), mean, m2.reshape(*shape, n_values, n_values))


def empty(n_cells: int, n_cases: int, n_values: int) -> JointMoments:
    """Return the moments of no rows, which are neutral in `merged`."""
    shape = (n_cells, n_cases)
    return JointMoments(np.zeros(shape, np.int64), np.zeros((*shape, n_values)), np.zeros((*shape, n_values, n_values)))


def merged(a: JointMoments, b: JointMoments) -> JointMoments:
    """Return the moments of the rows of `a` and of `b` together.

    Formula: with d = mean_b - mean_a and n = n_a + n_b, mean = mean_a + d n_b / n and m2 = m2_a + m2_b + d dᵀ n_a n_b / n.
    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1, with the product of two values in
    place of a square. An empty side leaves the other bit for bit.

    >>> one = JointMoments(np.array([[2]]), np.array([[[1.0]]]), np.array([[[[2.0]]]]))  # rows 0, 2
    >>> two = JointMoments(np.array([[1]]), np.array([[[4.0]]]), np.array([[[[0.0]]]]))  # row 4
    >>> [float(part.ravel()[0]) for part in merged(one, two)]
    [3.0, 2.0, 8.0]
    """
    n = a.n + b.n
    share = (b.n / np.maximum(n, 1))[..., None]
    apart = b.mean - a.mean
    mean = np.where((a.n == 0)[..., None], b.mean, a.mean + apart * share)
    between = apart[..., :, None] * apart[..., None, :] * (a.n[..., None] * share)[..., None]
    return JointMoments(n, mean, np.where((a.n == 0)[..., None, None], b.m2, a.m2 + b.m2 + between))


def folded(moments: JointMoments, n_windows: int) -> JointMoments:
    """Return the moments with every window of a slice merged into its window 0, in the order of the windows."""
    if n_windows == 1:
        return moments
    n, mean, m2 = moments.n.copy(), moments.mean.copy(), moments.m2.copy()
    whole = JointMoments(n[::n_windows], mean[::n_windows], m2[::n_windows])
    for window in range(1, n_windows):
        whole = merged(whole, JointMoments(n[window::n_windows], mean[window::n_windows], m2[window::n_windows]))
    n[::n_windows], mean[::n_windows], m2[::n_windows] = whole
    return JointMoments(n, mean, m2)


def value_moments(
    values: Any,
    cases: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    n_cases: int,
    n_values: int,
    *,
    n_threads: int | None = None,
) -> JointMoments:
    """Take mean and joint second moments of the values of the rows of every case, in every (slice, window).

    Parameters
    ----------
    values : float64 [n_rows, at least n_values], finite, NumPy or CUDA; the columns after the first n_values are not read
    cases : int8 [n_rows], NumPy or CUDA; -1 where the row is skipped
    slice_ids, window_ids : as in `slice_tally`, NumPy or CUDA
    n_slices, n_windows : the grid; window 0 stands for all windows and holds every row
    n_cases, n_values : how many there are of each
    n_threads : None for every core; the result has the same bits for any number

    Raises
    ------
    ValueError
        An id is outside the grid, a case is not below `n_cases`, or a shape is not as above.

    Examples
    --------
    >>> values, ids = np.array([[1.0], [3.0], [9.0], [5.0]]), np.zeros((4, 1), np.uint16)
    >>> found = value_moments(values, np.array([0, 0, -1, 1], np.int8), ids, None, 1, 1, 2, 1)
    >>> found.n.tolist(), found.mean.ravel().tolist(), found.m2.ravel().tolist()
    ([[2, 1]], [2.0, 5.0], [2.0, 0.0])
    """
    n_rows = int(slice_ids.shape[0])
    if len(values.shape) != 2 or int(values.shape[0]) != n_rows or int(values.shape[1]) < n_values or tuple(cases.shape) != (n_rows,):
        raise ValueError(f"values {values.shape} and cases {cases.shape}; wanted ({n_rows}, at least {n_values}) and ({n_rows},)")
    if not is_on_cuda(cases):
        if cases.size and int(cases.max()) >= n_cases:
            raise ValueError(f"cases reach {int(cases.max())}; wanted below n_cases, {n_cases}")
        cases = np.ascontiguousarray(cases, np.int8)
    if not is_on_cuda(values):
        values = np.ascontiguousarray(values, np.float64).view()
        values.setflags(write=False)  # a mapped tensor is: one form is compiled
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    n_cells = n_slices * n_windows
    arguments = (values, cases, slice_ids, window_ids, n_windows, n_cases, n_values)
    n_words = 1 + n_values + n_values * (n_values + 1) // 2
    found = empty(n_cells, n_cases, n_values)
    for records in _filled_records(arguments, n_cells * n_cases, n_words, thread_count(n_threads)):
        found = merged(found, _moments_of_records(records, n_cases, n_values))
    return folded(found, n_windows)
