"""Weighted totals of several components of each row, and how they vary from cluster to cluster, in every (slice, window).

Contract
--------
`components_of` gives the components of the rows that it is asked for: categories int32 [k, c], 0..n_categories-1 or -1 for none, and
values float64 [k, n_values]. rows intp [n_counted], those that count; weights float64 [n_rows], finite and at least 0, a row of weight 0
being no row; cluster_ids int64 [n_rows]; slice_ids and window_ids as in `slice_tally`. A value that is NaN or infinite makes the totals of
its cells so. No rows: zeros. Ids outside the grid, a category that is not below n_categories, a weight below 0: ValueError (CPU).
Memory of the components is that of 32,768 rows a thread, or of the largest cluster where that is larger; on CUDA it is at most 2 GiB and a
quarter of what is free, or that of one piece.
Agreement: n_clusters *exact* for any row order, threads and device, so are totals of categories without weights. Other sums: the same
bits for any number of threads; between row orders and devices *close*, rtol 1e-9 (summation order). `cross` is exactly symmetric.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.cluster_records import add_clusters, add_rows, add_words, n_words
from kernels.devices import free_bytes, is_on_cuda, merged_on_cuda, to_host
from kernels.rank_sum import ready_ids

Components = Callable[[NDArray[np.intp]], tuple[Any, Any]]
BLOCK_ROWS = 1 << 15  # whose components are asked for at once: 8 values of them (2 MiB) stay in an L2 cache
TABLES_BYTES = 1 << 30  # of all threads' tables; larger ones get fewer threads
CUDA_BYTES = 1 << 31  # of rows, clusters and components that are on a card at once: some 50 million rows of two values
CUDA_SHARE = 0.25  # of its free memory that they take at most: tables of pieces take half


@dataclass(frozen=True)
class ClusterTally:
    """What `cluster_tally` leaves; the first axis is the cell, slice * n_windows + window.

    n_clusters int64 [n_cells]: clusters with a row of positive weight; total float64 [n_cells, p]: sums of weight * component; cross float64
    [n_cells, p, p]: sum over clusters of the outer product of the cluster's total within the cell with itself. p = n_categories + n_values,
    categories first.
    """

    n_clusters: NDArray[np.int64]
    total: NDArray[np.float64]
    cross: NDArray[np.float64]


@dataclass(frozen=True)
class _Work:
    """What all pieces share; `clusters` int64 [n_counted] in ascending order, or [0] where each row is a cluster of its own."""

    components_of: Components
    rows: NDArray[np.intp]
    clusters: NDArray[np.int64]
    shared: tuple[Any, Any, Any, int]  # weights, slice_ids, window_ids, n_windows
    n_cells: int
    n_categories: int
    n_values: int

    @property
    def n_words(self) -> int:
        """Words of a record that are added up."""
        return n_words(self.n_categories + self.n_values)

    def rule(self) -> Any:
        return add_clusters if self.clusters.size else add_rows

    def tables(self) -> NDArray[np.float64]:
        """Return empty records."""
        of_a_cluster = self.n_categories + self.n_values + 1 if self.clusters.size else 0
        return np.zeros((self.n_cells, self.n_words + of_a_cluster))

    def arguments(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return what the rule takes for these of the rows, after their components were asked for."""
        rows = self.rows[start:stop]
        categories, values = self.components_of(rows)
        self._check(categories, values, stop - start)
        weights, slice_ids, window_ids, n_windows = self.shared
        clusters = self.clusters[start:stop]
        return rows, clusters, weights, _frozen(categories), _frozen(values), slice_ids, window_ids, n_windows, self.n_categories

    def _check(self, categories: Any, values: Any, n_rows: int) -> None:
        shapes = (str(categories.dtype), categories.shape[0], len(categories.shape)), (str(values.dtype), *values.shape)
        wanted = ("int32", n_rows, 2), ("float64", n_rows, self.n_values)
        if shapes != wanted:
            raise ValueError(
                f"components_of gave categories {categories.dtype} {categories.shape} and values {values.dtype} {values.shape}; "
                f"wanted int32 ({n_rows}, any) and float64 ({n_rows}, {self.n_values})"
            )
        if not is_on_cuda(categories) and categories.size and int(categories.max()) >= self.n_categories:
            raise ValueError(f"components_of gave category {int(categories.max())}; wanted below n_categories, {self.n_categories}")


def _frozen(array: Any) -> Any:
    if is_on_cuda(array):
        return array
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def cuts_between_clusters(clusters: NDArray[np.int64], rows_per_piece: int) -> list[int]:
    """Return the borders of consecutive pieces of at least `rows_per_piece` rows, none of which cuts a cluster.

    Examples
    --------
    >>> cuts_between_clusters(np.array([1, 1, 1, 4, 5, 5]), 2)
    [0, 3, 6]
    """
    borders = np.append(np.flatnonzero(np.diff(clusters)) + 1, clusters.size)
    cuts = [0]
    while cuts[-1] < clusters.size:
        at = np.searchsorted(borders, min(cuts[-1] + rows_per_piece, clusters.size))
        cuts.append(int(borders[at]))
    return cuts


def _filled(work: _Work, n_threads: int) -> Iterator[NDArray[np.float64]]:
    """Yield the records of each piece, in the order of the pieces; from a card one, into which they were added there in that order."""
    if is_on_cuda(work.shared[1]):
        yield _filled_on_cuda(work)
        return
    starts = _starts(work, tally_chunk_rows(work.n_cells))
    affordable = max(1, TABLES_BYTES // max(8 * work.n_cells * work.n_words, 1))

    def fill(piece: int) -> NDArray[np.float64]:
        start, stop = starts[piece], starts[piece + 1]
        in_clusters = [start + cut for cut in cuts_between_clusters(work.clusters[start:stop], BLOCK_ROWS)]
        blocks = in_clusters if work.clusters.size else [*range(start, stop, BLOCK_ROWS), stop]
        records = work.tables()
        for first, last in itertools.pairwise(blocks):
            work.rule()(0, last - first, 0, work.shared[1].shape[1], *work.arguments(first, last), records)
        return records

    yield from run_in_order(fill, len(starts) - 1, min(n_threads, affordable))


def _starts(work: _Work, rows_per_piece: int) -> list[int]:
    return cuts_between_clusters(work.clusters, rows_per_piece) if work.clusters.size else starts_of_pieces(work.rows.size, rows_per_piece)


def _filled_on_cuda(work: _Work) -> NDArray[np.float64]:
    """Return the records of all rows; components of as many pieces as fit are on the card at once, which changes no bit."""
    n_columns, empty = int(work.shared[1].shape[1]), work.tables()
    starts = _starts(work, cuda_chunk_rows(work.n_cells, n_columns, empty.shape[1]))
    bytes_per_row = 8 * (3 + work.n_values)  # number, cluster, two categories, values
    at_once = int(min(CUDA_BYTES, CUDA_SHARE * free_bytes())) // bytes_per_row
    total = np.zeros((work.n_cells, work.n_words))
    first = 0
    while first < len(starts) - 1:
        last = max(bisect.bisect_right(starts, starts[first] + at_once) - 1, first + 1)
        own = [start - starts[first] for start in starts[first : last + 1]]
        arguments = work.arguments(starts[first], starts[last])
        total = merged_on_cuda(work.rule(), add_words, own, (0, n_columns), arguments, empty, total, (work.n_words,))
        first = last
    return total


def _ready_weights(weights: Any, n_rows: int) -> Any:
    if weights is None:
        return _frozen(np.zeros(0))
    if str(weights.dtype) != "float64" or tuple(weights.shape) != (n_rows,):
        raise ValueError(f"weights is {weights.dtype} {tuple(weights.shape)}; wanted float64 ({n_rows},)")
    if not is_on_cuda(weights) and weights.size and not (weights.min() >= 0.0 and weights.max() < np.inf):
        raise ValueError(f"weights holds {weights.min()}..{weights.max()}; wanted numbers from 0 up: leave rows without a weight out")
    return _frozen(weights)


def _tally_of(records: NDArray[np.float64], n_components: int, n_windows: int) -> ClusterTally:
    if n_windows > 1:
        by_window = records.reshape(-1, n_windows, records.shape[1])
        by_window[:, 0] = by_window.sum(axis=1)
    a, b = np.triu_indices(n_components)
    cross = np.empty((len(records), n_components, n_components))
    cross[:, a, b] = cross[:, b, a] = records[:, 1 + n_components :]
    return ClusterTally(records[:, 0].astype(np.int64), records[:, 1 : 1 + n_components].copy(), cross)


def cluster_tally(
    components_of: Components,
    rows: NDArray[np.intp],
    weights: Any,
    cluster_ids: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    n_categories: int,
    n_values: int,
    *,
    n_threads: int | None = None,
) -> ClusterTally:
    """Tally every (slice, window): weighted totals of components, and the second moments of the clusters' totals.

    Parameters
    ----------
    components_of : takes rows (intp [k]) and returns categories int32 [k, c] (-1: none) and values float64 [k, n_values], unweighted
    rows : intp [n_counted], numbers of the rows that count
    weights : float64 [n_rows], at least 0; None where all are 1
    cluster_ids : int64 [n_rows], equal for rows of one cluster; None where each row is a cluster of its own
    slice_ids, window_ids : as in `slice_tally`, NumPy or CUDA
    n_slices, n_windows : the grid; window 0 stands for all windows and holds every row. A cluster's total there spans windows, so that its
        `cross` is not the sum of the windows' where a cluster is in several
    n_categories, n_values : components: first the indicators of the categories, then the values
    n_threads : None for every core; the result has the same bits for any number

    Raises
    ------
    ValueError
        A shape, an id, a category or a weight is not as above.

    Examples
    --------
    Values 1, 2 and 4, the first two of one cluster: totals 3 and 4.

    >>> values, ids = np.array([[1.0], [2.0], [4.0]]), np.zeros((3, 1), np.uint16)
    >>> def components_of(rows):
    ...     return np.zeros((len(rows), 0), np.int32), values[rows]
    >>> tally = cluster_tally(components_of, np.arange(3), None, np.array([7, 7, 9]), ids, None, 1, 1, 0, 1)
    >>> tally.n_clusters.tolist(), tally.total.tolist(), tally.cross.tolist()
    ([2], [[7.0]], [[[25.0]]])
    """
    n_rows = int(slice_ids.shape[0])
    rows = np.ascontiguousarray(rows, np.intp)
    if rows.size and not (rows.min() >= 0 and rows.max() < n_rows):
        raise ValueError(f"rows holds {rows.min()}..{rows.max()}; wanted 0..{n_rows - 1}")
    clusters = np.zeros(0, np.int64)
    if cluster_ids is not None:
        if tuple(cluster_ids.shape) != (n_rows,):
            raise ValueError(f"cluster_ids has shape {tuple(cluster_ids.shape)}; wanted ({n_rows},)")
        clusters = (to_host(cluster_ids) if is_on_cuda(cluster_ids) else np.asarray(cluster_ids, np.int64))[rows]
        if not (clusters[1:] >= clusters[:-1]).all():  # callers with several tallies of the same rows order them once
            order = np.argsort(clusters, kind="stable")
            rows, clusters = rows[order], clusters[order]
    slice_ids, window_ids = ready_ids(slice_ids, window_ids, n_slices, n_windows)
    shared = (_ready_weights(weights, n_rows), slice_ids, window_ids, n_windows)
    work = _Work(components_of, _frozen(rows), _frozen(clusters), shared, n_slices * n_windows, n_categories, n_values)
    records = np.zeros((work.n_cells, work.n_words))
    for table in _filled(work, thread_count(n_threads)):
        records += table[:, : work.n_words]
    return _tally_of(records, n_categories + n_values, 1 if clusters.size else n_windows)
