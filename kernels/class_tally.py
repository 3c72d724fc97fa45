"""Confusion tables, hits in the top k and loss moments of a multiclass model, in every (slice, window).

Contract
--------
scores float32 [n_rows, n_classes] in [0, 1]; labels int32 [n_rows], 0..n_classes-1; slice_ids and window_ids as in `slice_tally`. A row
with another label, or with a NaN or out-of-range score, is skipped. No rows: zeros. Ids outside the grid: ValueError (CPU).
Rows are read (`class_rows`) in blocks and added to cells block by block, so that a cell's work does not grow with the classes and
memory does not grow with the rows. What is read of a row on a card stays there.
Agreement: counts *exact* for any row order, batches, threads and device. Moments: the same bits for any number of threads;
between batch splits, row orders and devices *close*, rtol 1e-9 (summation order, and the last bit of log).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.array_library import library_of
from kernels.chunks import run_in_order, starts_of_pieces, thread_count
from kernels.class_rows import ClassRows, rows_where_scores_are
from kernels.devices import is_on_cuda
from kernels.inputs import Rows, check_class_rows
from kernels.moments import RowMoments
from kernels.value_tally import ValueTally, empty, merge, value_tally, with_all_windows

BLOCK_ROWS = 1 << 22  # read at once: 32 bytes a row
CUDA_BLOCK_ROWS = 1 << 26  # some 100 bytes a row on the card: blocks follow each other, and smaller ones are too few threads at a time
COPIES_BYTES = 1 << 28  # of all threads' confusion tables; larger ones get fewer threads


@dataclass(frozen=True)
class ClassTally:
    """What `class_tally` leaves; the first axis is the cell.

    confusion int64 [n_cells, n_classes, n_classes] by label and prediction; n_in_top_k int64 [n_cells]; moments of the rows' losses.
    """

    confusion: NDArray[np.int64]
    n_in_top_k: NDArray[np.int64]
    log_loss: RowMoments
    brier: RowMoments


@dataclass(frozen=True)
class PairedClassTally:
    """What `paired_class_tally` leaves; the first axis is the cell.

    right, in_top_k int64 [n_cells, 2, 2] by whether the champion's and the challenger's counts; moments of the champion's losses and of
    the differences challenger - champion.
    """

    right: NDArray[np.int64]
    in_top_k: NDArray[np.int64]
    champion_log_loss: RowMoments
    champion_brier: RowMoments
    log_loss: RowMoments
    brier: RowMoments


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _count_pairs(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    labels: NDArray[np.int32],
    predicted: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    counts: NDArray[np.int64],
) -> None:
    for row in range(start, stop):
        if predicted[row] < 0:
            continue
        label, decided = np.uintp(labels[row]), np.uintp(predicted[row])
        window = int(window_ids[row]) if n_windows > 1 else 0
        for column in range(first_column, stop_column):
            counts[np.uintp(int(slice_ids[row, column]) * n_windows + window), label, decided] += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _slot(
    row: int,
    column: int,
    labels: NDArray[np.int32],
    predicted: NDArray[np.int32],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    n_classes: int,
) -> int:
    """Return the word of the flat confusion tables that a row counts in, as `count_on_cuda` asks for it; below 0 for a row that is skipped."""
    if predicted[row] < 0:
        return -1
    cell = int(slice_ids[row, column]) * n_windows + (int(window_ids[row]) if n_windows > 1 else 0)
    slot: int = (cell * n_classes + int(labels[row])) * n_classes + int(predicted[row])
    return slot


class _Confusion:
    """Confusion tables that threads fill, each its own, and a card's threads all one: integers add in any order."""

    def __init__(self, n_cells: int, n_classes: int, n_windows: int, n_threads: int) -> None:
        shape = (n_cells, n_classes, n_classes)
        self.n_windows = n_windows
        affordable = max(1, COPIES_BYTES // max(8 * n_cells * n_classes * n_classes, 1))
        self.n_copies = min(n_threads, affordable)
        self.copies = [np.zeros(shape, np.int64) for _ in range(self.n_copies)]

    def add(self, rows: Rows, predicted: Any) -> None:
        """Add the rows of a block."""
        arguments = (rows.labels, predicted, rows.slice_ids, rows.window_ids, self.n_windows)
        if is_on_cuda(rows.labels):
            self.copies = [self._counted_on_cuda(rows, arguments)]
            return
        cuts = [rows.n_rows * piece // self.n_copies for piece in range(self.n_copies + 1)]

        def fill(piece: int) -> None:
            _count_pairs(cuts[piece], cuts[piece + 1], 0, rows.n_columns, *arguments, self.copies[piece])

        for _ in run_in_order(fill, self.n_copies, self.n_copies):
            pass

    def _counted_on_cuda(self, rows: Rows, arguments: tuple[Any, ...]) -> NDArray[np.int64]:
        from kernels.cuda_counts import count_on_cuda
        from kernels.device_sort import column_spans

        n_classes = self.copies[0].shape[1]
        spans = column_spans(rows.slice_ids) * (self.n_windows * n_classes * n_classes)
        return count_on_cuda(_slot, rows.n_rows, spans, (*arguments, n_classes), self.copies[0])

    def total(self) -> NDArray[np.int64]:
        """Return the counts of all threads, windows folded."""
        total = self.copies[0]
        for copy in self.copies[1:]:
            total += copy
        return with_all_windows(total, self.n_windows)


def _blocks(rows: Rows) -> Iterator[Rows]:
    """Yield consecutive rows, a block at a time."""
    starts = starts_of_pieces(rows.n_rows, CUDA_BLOCK_ROWS if is_on_cuda(rows.labels) else BLOCK_ROWS)
    for start, stop in itertools.pairwise(starts):
        windows = rows.window_ids if rows.window_ids.shape[0] == 0 else rows.window_ids[start:stop]
        yield Rows(rows.scores[start:stop], rows.labels[start:stop], rows.slice_ids[start:stop], windows, stop - start, rows.n_columns)


def _add_block(
    block: Rows,
    values: list[Any],
    categories: Any,
    n_categories: int,
    n_slices: int,
    n_windows: int,
    n_threads: int,
) -> ValueTally:
    windows = block.window_ids if n_windows > 1 else None
    columns = library_of(values[0]).xp.stack(values, axis=1)
    codes = categories.astype(np.int32)
    return value_tally(columns, codes, block.slice_ids, windows, n_slices, n_windows, n_categories, n_threads=n_threads)


def class_tally(
    scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int, top_k: int, *, n_threads: int | None = None
) -> ClassTally:
    """Tally every (slice, window) of a multiclass model: confusion, hits in the top k, moments of log loss and Brier score.

    Parameters
    ----------
    scores : float32 [n_rows, n_classes], NumPy or CUDA, in [0, 1]
    labels : int32 [n_rows]; another number than that of a class: the row is skipped
    slice_ids, window_ids, n_slices, n_windows, n_threads : as in `slice_tally`
    top_k : a row is a hit when its label is among the `top_k` classes with the highest scores (of equal ones the first)

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape or an id is not as above.

    Examples
    --------
    >>> scores = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], np.float32)
    >>> tally = class_tally(scores, np.array([0, 2], np.int32), np.zeros((2, 1), np.uint16), None, 1, 1, 2)
    >>> tally.confusion[0].tolist(), tally.n_in_top_k.tolist(), float(tally.brier.mean[0])
    ([[1, 0, 0], [0, 0, 0], [0, 1, 0]], [1], 0.625)
    """
    rows = check_class_rows(scores, labels, slice_ids, window_ids, n_slices, n_windows)
    threads, n_cells = thread_count(n_threads), n_slices * n_windows
    confusion = _Confusion(n_cells, int(scores.shape[1]), n_windows, threads)
    tally = empty(n_cells, 2, 2)
    for block in _blocks(rows):
        read = rows_where_scores_are(block.scores, block.labels, n_threads=threads)
        confusion.add(block, read.predicted)
        hits = library_of(read.rank).xp.where(read.rank < 0, -1, read.rank < top_k)
        tally = merge(tally, _add_block(block, [read.log_loss, read.brier], hits, 2, n_slices, n_windows, threads))
    return ClassTally(confusion.total(), tally.counts[:, 1].copy(), *tally.moments)


def paired_class_tally(
    champion_scores: Any,
    challenger_scores: Any,
    labels: Any,
    slice_ids: Any,
    window_ids: Any,
    n_slices: int,
    n_windows: int,
    top_k: int,
    *,
    n_threads: int | None = None,
) -> PairedClassTally:
    """Tally two multiclass models on the same rows: which of them is right, which has it in its top k, and their losses.

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows, n_classes], NumPy or CUDA, in [0, 1]
    labels, slice_ids, window_ids, n_slices, n_windows, top_k, n_threads : as in `class_tally`

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape or an id is not as above.

    Examples
    --------
    >>> champion, challenger = np.array([[0.75, 0.25]], np.float32), np.array([[0.25, 0.75]], np.float32)
    >>> pair = paired_class_tally(champion, challenger, np.array([1], np.int32), np.zeros((1, 1), np.uint16), None, 1, 1, 1)
    >>> pair.right[0].tolist(), float(pair.champion_brier.mean[0]), float(pair.brier.mean[0])  # 2 * .75² and 2 * .25²
    ([[0, 1], [0, 0]], 1.125, -1.0)
    """
    rows = check_class_rows(champion_scores, labels, slice_ids, window_ids, n_slices, n_windows)
    other = check_class_rows(challenger_scores, labels, slice_ids[:, :0], window_ids, n_slices, n_windows)
    if champion_scores.shape != challenger_scores.shape:
        raise ValueError(f"challenger_scores has shape {challenger_scores.shape}; wanted that of champion_scores, {champion_scores.shape}")
    threads = thread_count(n_threads)
    tally = empty(n_slices * n_windows, 16, 4)
    for block, other_block in zip(_blocks(rows), _blocks(other), strict=True):
        a = rows_where_scores_are(block.scores, block.labels, n_threads=threads)
        b = rows_where_scores_are(other_block.scores, block.labels, n_threads=threads)
        values = [a.log_loss, a.brier, b.log_loss - a.log_loss, b.brier - a.brier]
        tally = merge(tally, _add_block(block, values, _pair_category(a, b, top_k), 16, n_slices, n_windows, threads))
    cells = tally.counts.reshape(-1, 2, 2, 2, 2)
    return PairedClassTally(cells.sum(axis=(3, 4)), cells.sum(axis=(1, 2)), *tally.moments)


def _pair_category(a: ClassRows, b: ClassRows, top_k: int) -> Any:
    """Return which of the 16 [champion right, challenger right, champion in top k, challenger in top k] a row is; -1 skipped."""
    category = 8 * (a.rank == 0) + 4 * (b.rank == 0) + 2 * (a.rank < top_k) + (b.rank < top_k)
    return library_of(category).xp.where((a.rank < 0) | (b.rank < 0), -1, category)
