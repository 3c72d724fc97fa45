"""Counts on a card: a block counts one column of one piece of the rows in shared memory where that column's part of the table fits.

The rule: a column's cells, from the smallest to the largest that it has, times the words of a cell, in 4 bytes each. At most 48 KiB (what
every card gives a block unasked) are counted in shared memory and added to the table once a block; more are counted in the table itself,
by atomics in global memory. Integers add in any order: either way the counts are exact, and the same.
"""

from __future__ import annotations

import functools
from collections import deque
from typing import Any

import numpy as np
from numba import cuda, int32
from numpy.typing import NDArray

from kernels.devices import MAX_BLOCKS, RUNNING_WAVES, as_argument, check_cells, check_fits, stream_at, to_device, to_host, wait_for_copies

SHARED_BYTES = 48 * 1024  # CUDA C++ Programming Guide, "Maximum amount of shared memory per thread block" without opting in
THREADS_PER_BLOCK = 256
PIECE_ROWS = 1 << 16  # a block empties its shared counts once in so many rows; its 32-bit counts cannot overflow


@functools.cache
def shared_counts_of(slot: Any) -> Any:
    """Compile a kernel in which a block counts in shared memory; see `count_on_cuda`."""
    device_slot = cuda.jit(device=True)(slot.py_func)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(starts: Any, column: int, first_word: int, n_words: int, arguments: Any, table: Any) -> None:
        counts = cuda.shared.array(0, int32)
        word = cuda.threadIdx.x
        while word < n_words:
            counts[word] = 0
            word += cuda.blockDim.x
        cuda.syncthreads()
        row = starts[cuda.blockIdx.x] + cuda.threadIdx.x
        while row < starts[cuda.blockIdx.x + 1]:
            at = device_slot(row, column, *arguments)
            if at >= first_word and at < first_word + n_words:
                cuda.atomic.add(counts, at - first_word, 1)
            elif at >= 0:  # of a cell that the column should not have
                cuda.atomic.add(table, at, np.int64(1))
            row += cuda.blockDim.x
        cuda.syncthreads()
        word = cuda.threadIdx.x
        while word < n_words:
            if counts[word] > 0:
                cuda.atomic.add(table, first_word + word, np.int64(counts[word]))
            word += cuda.blockDim.x

    return kernel


@functools.cache
def global_counts_of(slot: Any) -> Any:
    """Compile a kernel that counts in the table itself; see `count_on_cuda`."""
    device_slot = cuda.jit(device=True)(slot.py_func)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(starts: Any, column: int, arguments: Any, table: Any) -> None:
        row = starts[cuda.blockIdx.x] + cuda.threadIdx.x
        while row < starts[cuda.blockIdx.x + 1]:
            at = device_slot(row, column, *arguments)
            if at >= 0:
                cuda.atomic.add(table, at, np.int64(1))
            row += cuda.blockDim.x

    return kernel


def fits_shared(n_words: int) -> bool:
    """Say whether so many 32-bit counts are kept in shared memory.

    >>> fits_shared(12_288), fits_shared(12_289)
    (True, False)
    """
    return 4 * n_words <= SHARED_BYTES


class RunningCounts:
    """Adds rows to a table of counts on the device as they become complete; `add` only launches, `finish` waits.

    Parameters
    ----------
    slot : a compiled CPU function (row, column, *arguments): the word of the flat table that a row counts in, below 0 for none
    n_rows : of the arrays among the arguments
    spans : int64 [n_columns, 2], the first word that a column can count in and the one after its last
    arguments : what the rule takes after row and column
    table : int64, any shape
    stream : int, optional
        Address of the stream on which rows are counted, ordered behind them by the caller. None: all rows are there.

    Raises
    ------
    CardMemoryError
        The table does not fit.
    ValueError
        There are more pieces of rows than a grid has blocks, or cells beyond int32.
    """

    def __init__(
        self,
        slot: Any,
        n_rows: int,
        spans: NDArray[np.int64],
        arguments: tuple[Any, ...],
        table: NDArray[np.int64],
        stream: int | None = None,
    ) -> None:
        check_cells(int(table.shape[0]))
        n_pieces = (n_rows + PIECE_ROWS - 1) // PIECE_ROWS
        if n_pieces > MAX_BLOCKS:
            raise ValueError(f"{n_rows:,} rows; a grid counts {MAX_BLOCKS * PIECE_ROWS:,}: count them in batches")
        self._table, self._waves = table, deque[tuple[int, int]]()
        self._counted: Any = None
        if n_pieces == 0:
            return
        check_fits("the table of counts", table.nbytes)
        self._slot, self._spans, self._n_rows = slot, spans.tolist(), n_rows
        self._stream = stream_at(stream or 0)
        self._counted = to_device(np.ascontiguousarray(table).reshape(-1))
        self._starts = to_device(np.minimum(np.arange(n_pieces + 1, dtype=np.int64) * PIECE_ROWS, n_rows))
        self._arguments = tuple(as_argument(value) for value in arguments)
        at_once = n_pieces if stream is None else -(-n_pieces // RUNNING_WAVES)
        self._waves.extend((first, min(first + at_once, n_pieces)) for first in range(0, n_pieces, at_once))
        if stream is not None:
            wait_for_copies()

    def add(self, stop_row: int) -> None:
        """Launch the waves whose rows are all below `stop_row`: on the stream, what made these rows has gone before."""
        while self._waves and min(self._waves[0][1] * PIECE_ROWS, self._n_rows) <= stop_row:
            first, stop = self._waves.popleft()
            self._launch(self._starts[first : stop + 1], stop - first)

    def _launch(self, starts: Any, n_blocks: int) -> None:
        for column, (first, stop) in enumerate(self._spans):
            n_words = stop - first
            grid = n_blocks, THREADS_PER_BLOCK, self._stream
            if fits_shared(n_words):
                shared_counts_of(self._slot)[*grid, 4 * n_words](starts, column, first, n_words, self._arguments, self._counted)
            else:
                global_counts_of(self._slot)[grid](starts, column, self._arguments, self._counted)

    def finish(self) -> NDArray[np.int64]:
        """Wait for the last row, and return the table on the host.

        Raises
        ------
        ValueError
            Rows are missing.
        """
        if self._waves:
            raise ValueError(f"{self._waves[0][0] * PIECE_ROWS:,} of {self._n_rows:,} rows were counted; add all of them, then finish")
        if self._counted is None:
            return self._table
        if self._stream:
            self._stream.synchronize()
        return to_host(self._counted).reshape(self._table.shape)


def count_on_cuda(
    slot: Any, n_rows: int, spans: NDArray[np.int64], arguments: tuple[Any, ...], table: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Add rows that are all there to a table of counts on the device, and return it on the host. As `RunningCounts`."""
    running = RunningCounts(slot, n_rows, spans, arguments, table)
    running.add(n_rows)
    return running.finish()
