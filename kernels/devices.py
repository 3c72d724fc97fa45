"""Where an array lives, how it gets to a CUDA device and back, and how pieces are run there; nothing of CUDA is imported before it is needed."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Half of the free memory for the tables of a wave: what else a card holds (another library's pool, the kernels' own stacks) is not known here.
WAVE_SHARE = 0.5
# While scores are still being made a wave takes less: the model's own memory grows beside it. An eighth of the pieces a wave leaves an eighth
# for the time after scoring, and enough threads at a time: a wave a batch would be a few threads each, one after the other.
RUNNING_SHARE, RUNNING_WAVES = 0.125, 8
CHECKED_BYTES = 2**26  # asking how much is free takes longer than sending less
MAX_BLOCKS = 2**31 - 1  # of a grid in x: CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability"
MAX_CELLS = 2**31 - 1  # slice ids are int32 at most


class CardMemoryError(MemoryError):
    """What is asked for does not fit into the memory of the card."""


def is_on_cuda(array: object) -> bool:
    """Say whether `array` is on a CUDA device: it offers `__cuda_array_interface__`, or is one of the CUDA simulator's."""
    return hasattr(array, "__cuda_array_interface__") or type(array).__name__ == "FakeCUDAArray"


def to_device(array: NDArray[Any]) -> Any:
    """Copy a NumPy array to the current CUDA device.

    Raises
    ------
    CardMemoryError
        It is a large one, and does not fit.
    """
    from numba import cuda

    if array.nbytes >= CHECKED_BYTES:
        check_fits(f"an array of {array.nbytes // array.itemsize:,} {array.dtype}", array.nbytes)
    return cuda.to_device(array)


def device_empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array on the current CUDA device whose elements are not set.

    Raises
    ------
    CardMemoryError
        It does not fit.
    """
    from numba import cuda

    check_fits(f"an array of {' x '.join(f'{size:,}' for size in shape)}", int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return cuda.device_array(shape, dtype)


def to_host(array: Any) -> NDArray[Any]:
    """Copy an array of a CUDA device to NumPy."""
    from numba import cuda

    return np.asarray(cuda.as_cuda_array(array).copy_to_host() if hasattr(array, "__cuda_array_interface__") else array.copy_to_host())


def free_bytes() -> float:
    """Return the free memory of the current card, after what libraries keep for later was given back; infinite under the simulator."""
    from numba import cuda

    release()
    if "cupy" in sys.modules:  # what its pool keeps for itself looks taken to everybody else
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()
    return float(cuda.current_context().get_memory_info().free)


def release() -> None:
    """Give memory whose arrays are gone back to the card now: Numba keeps some of it for later, which looks taken to every other library."""
    from numba import cuda

    manager = getattr(cuda.current_context(), "memory_manager", None)  # the simulator has none
    if manager is not None:
        manager.deallocations.clear()


def check_fits(what: str, n_bytes: int) -> None:
    """Raise CardMemoryError unless so many bytes are free on the card."""
    free = free_bytes()
    if n_bytes > free:
        raise CardMemoryError(
            f"{what} takes {n_bytes / 2**20:,.0f} MiB on the card, which has {free / 2**20:,.0f} MiB free; "
            "leave out a cross or the windows, free the card, or use device=cpu"
        )


def waves_of(n_pieces: int, n_columns: int, table_bytes: int, share: float = WAVE_SHARE, n_waves: int = 1) -> list[tuple[int, int]]:
    """Return the waves [first, stop) in which pieces are run, so that their tables fit and the grid is one that CUDA takes.

    What pieces leave is read in their order, so that no result depends on the waves.

    Parameters
    ----------
    share : of the free memory that the tables of a wave may take
    n_waves : at least so many, as far as there are pieces

    Raises
    ------
    CardMemoryError
        The table of one piece does not fit.
    ValueError
        One piece has more columns than a grid has threads.
    """
    from kernels.cuda_launch import THREADS_PER_BLOCK

    by_grid = MAX_BLOCKS * THREADS_PER_BLOCK // max(n_columns, 1)
    if by_grid == 0:
        raise ValueError(f"{n_columns:,} columns; a grid of threads has {MAX_BLOCKS * THREADS_PER_BLOCK:,}: slice by fewer columns")
    free = free_bytes()
    if table_bytes > free * share:
        check_fits("the table of one piece of the rows", int(table_bytes / share))
    by_memory = n_pieces if free == np.inf or table_bytes == 0 else int(free * share) // table_bytes
    at_once = max(min(-(-n_pieces // n_waves), by_grid, by_memory), 1)
    return [(first, min(first + at_once, n_pieces)) for first in range(0, n_pieces, at_once)]


def check_cells(n_cells: int) -> None:
    """Raise ValueError where cells have no int32 number; the product of slices and windows is made in 64 bits."""
    if n_cells > MAX_CELLS:
        raise ValueError(f"{n_cells:,} slices times windows; wanted at most {MAX_CELLS:,}: leave out a cross or the windows")


def as_argument(value: Any) -> Any:
    """Return what a kernel accepts inside a tuple: an array of another library's is wrapped, one of the host's copied."""
    from numba import cuda

    if isinstance(value, np.ndarray):
        return to_device(value)
    return cuda.as_cuda_array(value) if hasattr(value, "__cuda_array_interface__") else value


def n_blocks_of(n_threads: int, threads_per_block: int) -> int:
    """Return how many blocks so many threads take."""
    return (n_threads + threads_per_block - 1) // threads_per_block


def stream_at(address: int) -> Any:
    """Return Numba's handle of the stream at an address; 0 is the default stream."""
    if address == 0:
        return 0
    from numba import cuda

    return cuda.external_stream(address)


def wait_for_copies() -> None:
    """Return when what was sent is there: a copy on the default stream may return before, and a stream that does not wait for it could overtake it."""
    from numba import cuda

    cuda.synchronize()


def _launch(rule: Any, starts: Any, columns: tuple[int, int], on_device: tuple[Any, ...], tables: Any, stream: Any = 0) -> None:
    from kernels.cuda_launch import THREADS_PER_BLOCK, kernel_of

    n_columns = columns[1] - columns[0]
    n_blocks = n_blocks_of((len(starts) - 1) * n_columns, THREADS_PER_BLOCK)
    kernel_of(rule)[n_blocks, THREADS_PER_BLOCK, stream](starts, columns[0], n_columns, on_device, tables)


def run_on_cuda(rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], tables: NDArray[Any]) -> NDArray[Any]:
    """Run the rule over pieces and the columns [first, stop) on the device, and return the filled tables on the host.

    Parameters
    ----------
    rule : as `cuda_launch.kernel_of` takes it
    starts : the borders of the pieces, n_pieces + 1 of them
    columns : the first column and the one after the last
    arguments : what the rule takes between the columns and its table
    tables : [n_pieces, ...], what each piece begins with

    Raises
    ------
    CardMemoryError
        The table of one piece does not fit.
    """
    n_columns = columns[1] - columns[0]
    if len(starts) < 2 or n_columns == 0:
        return tables
    borders, on_device = np.array(starts, np.int64), tuple(as_argument(value) for value in arguments)
    waves = waves_of(len(starts) - 1, n_columns, tables[0].nbytes)
    buffer = device_empty((waves[0][1], *tables.shape[1:]), tables.dtype)  # one for all waves: memory that is let go is not free at once
    filled = np.empty_like(tables)
    for first, stop in waves:
        some = buffer[: stop - first]
        some.copy_to_device(np.ascontiguousarray(tables[first:stop]))
        _launch(rule, to_device(borders[first : stop + 1]), columns, on_device, some)
        filled[first:stop] = to_host(some)
    return filled


class _Pieces:
    """What the pieces need on the card, sent once; after that a wave is launches alone, which wait for nothing on the host.

    `stream` is None where all rows are there, else the address of the stream on which pieces are run while rows are still being made.
    """

    def __init__(
        self, rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], empty: NDArray[Any], stream: int | None
    ) -> None:
        self._rule, self._columns, self._shape = rule, columns, empty.shape
        self.stream = stream_at(stream or 0)
        self._arguments = tuple(as_argument(value) for value in arguments)
        self._starts = to_device(np.array(starts, np.int64))
        self._empty = to_device(np.ascontiguousarray(empty).reshape(-1))
        limits = (WAVE_SHARE, 1) if stream is None else (RUNNING_SHARE, RUNNING_WAVES)
        self.waves = waves_of(len(starts) - 1, columns[1] - columns[0], empty.nbytes, *limits)
        self._buffer = device_empty((self.waves[0][1], empty.size), empty.dtype)  # one for all waves, which follow each other on one stream

    def run(self, first: int, stop: int) -> Any:
        """Start the pieces [first, stop) of a wave, and return their tables [n, *empty.shape] on the card, which the next wave overwrites."""
        from kernels.cuda_launch import MAX_FILL_BLOCKS, THREADS_PER_BLOCK, fill_tables

        tables = self._buffer[: stop - first]
        n_blocks = min(n_blocks_of(self._empty.size, THREADS_PER_BLOCK), MAX_FILL_BLOCKS)
        fill_tables[n_blocks, THREADS_PER_BLOCK, self.stream](self._empty, tables)
        shaped = tables.reshape(stop - first, *self._shape)
        _launch(self._rule, self._starts[first : stop + 1], self._columns, self._arguments, shaped, self.stream)
        return shaped


class RunningMerge:
    """Runs a rule over pieces whose rows become complete one after the other, and merges their tables on the card in the order of the pieces.

    Everything is sent and allocated when it is made. `add` only launches, so that it may be called while other streams work; `finish` waits. A
    thread merges one cell, piece by piece: the same data and grid give the same bits however many waves and calls of `add` there were.

    Parameters
    ----------
    rule, starts, columns, arguments : as in `run_on_cuda`
    merge : a compiled CPU function (piece, cell, record, total, *more)
    empty : [n_cells, n_words], what every piece begins with
    total : [n_cells, n_total_words], what merging begins with
    more : at least one further argument of `merge`
    stream : int, optional
        Address of the stream on which the pieces are run, ordered behind the rows by the caller. None: all rows are there, and the waves
        take half of the free memory; else an eighth of it, and of the pieces.

    Raises
    ------
    CardMemoryError
        The table of one piece does not fit.
    ValueError
        There are cells beyond int32, or more columns than a grid has threads.
    """

    def __init__(
        self,
        rule: Any,
        merge: Any,
        starts: list[int],
        columns: tuple[int, int],
        arguments: tuple[Any, ...],
        empty: NDArray[Any],
        total: NDArray[Any],
        more: tuple[Any, ...],
        stream: int | None = None,
    ) -> None:
        check_cells(len(empty))
        self._merge, self._starts, self._total = merge, starts, total
        self._waves = deque[tuple[int, int]]()
        self._merged: Any = None
        if len(starts) < 2 or columns[1] == columns[0] or len(empty) == 0:
            return
        self._pieces = _Pieces(rule, starts, columns, arguments, empty, stream)
        self._more, self._merged = tuple(as_argument(value) for value in more), to_device(total)
        self._waves.extend(self._pieces.waves)
        if stream is not None:
            wait_for_copies()

    def add(self, stop_row: int) -> None:
        """Launch the waves whose rows are all below `stop_row`: on the stream, what made these rows has gone before."""
        from kernels.cuda_launch import THREADS_PER_BLOCK, fold_of

        while self._waves and self._starts[self._waves[0][1]] <= stop_row:
            first, stop = self._waves.popleft()
            tables = self._pieces.run(first, stop)
            n_blocks = n_blocks_of(len(self._merged), THREADS_PER_BLOCK)
            fold_of(self._merge)[n_blocks, THREADS_PER_BLOCK, self._pieces.stream](first, tables, self._merged, self._more)

    def finish(self) -> NDArray[Any]:
        """Wait for the last piece, and return the merged table on the host.

        Raises
        ------
        ValueError
            Rows are missing.
        """
        if self._waves:
            raise ValueError(f"{self._starts[self._waves[0][0]]:,} of {self._starts[-1]:,} rows were merged; add all of them, then finish")
        if self._merged is None:
            return self._total
        if self._pieces.stream:
            self._pieces.stream.synchronize()
        return to_host(self._merged)


def merged_on_cuda(
    rule: Any,
    merge: Any,
    starts: list[int],
    columns: tuple[int, int],
    arguments: tuple[Any, ...],
    empty: NDArray[Any],
    total: NDArray[Any],
    more: tuple[Any, ...],
) -> NDArray[Any]:
    """Run the rule over pieces that are all there and merge their tables on the device; return the merged one on the host. As `RunningMerge`."""
    running = RunningMerge(rule, merge, starts, columns, arguments, empty, total, more)
    running.add(starts[-1])
    return running.finish()
