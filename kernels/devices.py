"""Where an array lives, how it gets to a CUDA device and back, and how pieces are run there; nothing of CUDA is imported before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Half of the free memory for the tables of a wave: what else a card holds (another library's pool, the kernels' own stacks) is not known here.
WAVE_SHARE = 0.5
MAX_BLOCKS = 2**31 - 1  # of a grid in x: CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability"
MAX_CELLS = 2**31 - 1  # slice ids are int32 at most


class CardMemoryError(MemoryError):
    """What is asked for does not fit into the memory of the card."""


def is_on_cuda(array: object) -> bool:
    """Say whether `array` is on a CUDA device: it offers `__cuda_array_interface__`, or is one of the CUDA simulator's."""
    return hasattr(array, "__cuda_array_interface__") or type(array).__name__ == "FakeCUDAArray"


def to_device(array: NDArray[Any]) -> Any:
    """Copy a NumPy array to the current CUDA device."""
    from numba import cuda

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
    """Return the free memory of the current card; infinite under the simulator."""
    from numba import cuda

    if "cupy" in sys.modules:  # what its pool keeps for itself looks taken to everybody else
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()
    return float(cuda.current_context().get_memory_info().free)


def check_fits(what: str, n_bytes: int) -> None:
    """Raise CardMemoryError unless so many bytes are free on the card."""
    free = free_bytes()
    if n_bytes > free:
        raise CardMemoryError(
            f"{what} takes {n_bytes / 2**20:,.0f} MiB on the card, which has {free / 2**20:,.0f} MiB free; "
            "leave out a cross or the windows, free the card, or use device=cpu"
        )


def waves_of(n_pieces: int, n_columns: int, table_bytes: int) -> list[tuple[int, int]]:
    """Return the waves [first, stop) in which pieces are run, so that their tables fit and the grid is one that CUDA takes.

    What pieces leave is read in their order, so that no result depends on the waves.

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
    if table_bytes > free * WAVE_SHARE:
        check_fits("the table of one piece of the rows", int(table_bytes / WAVE_SHARE))
    by_memory = n_pieces if free == np.inf or table_bytes == 0 else int(free * WAVE_SHARE) // table_bytes
    at_once = max(min(n_pieces, by_grid, by_memory), 1)
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


def _launch(rule: Any, starts: NDArray[np.int64], columns: tuple[int, int], on_device: tuple[Any, ...], tables: Any) -> None:
    from kernels.cuda_launch import THREADS_PER_BLOCK, kernel_of

    n_columns = columns[1] - columns[0]
    n_blocks = n_blocks_of((len(starts) - 1) * n_columns, THREADS_PER_BLOCK)
    kernel_of(rule)[n_blocks, THREADS_PER_BLOCK](to_device(starts), columns[0], n_columns, on_device, tables)


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
        _launch(rule, borders[first : stop + 1], columns, on_device, some)
        filled[first:stop] = to_host(some)
    return filled


def _device_waves(
    rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], empty: NDArray[Any]
) -> Iterator[tuple[int, int, Any]]:
    """Yield the pieces [first, stop) of each wave with their filled tables [n, *empty.shape] on the device."""
    from kernels.cuda_launch import MAX_FILL_BLOCKS, THREADS_PER_BLOCK, fill_tables

    borders, on_device = np.array(starts, np.int64), tuple(as_argument(value) for value in arguments)
    flat = to_device(np.ascontiguousarray(empty).reshape(-1))
    waves = waves_of(len(starts) - 1, columns[1] - columns[0], empty.nbytes)
    buffer = device_empty((waves[0][1], empty.size), empty.dtype)
    for first, stop in waves:
        tables = buffer[: stop - first]
        fill_tables[min(n_blocks_of(empty.size, THREADS_PER_BLOCK), MAX_FILL_BLOCKS), THREADS_PER_BLOCK](flat, tables)
        shaped = tables.reshape(stop - first, *empty.shape)
        _launch(rule, borders[first : stop + 1], columns, on_device, shaped)
        yield first, stop, shaped


def pieces_on_cuda(
    rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], empty: NDArray[Any]
) -> Iterator[NDArray[Any]]:
    """Yield what the rule leaves of each piece, in order, on the host; every table begins as `empty`, and the rest is as in `run_on_cuda`."""
    if len(starts) < 2 or columns[1] == columns[0] or empty.size == 0:
        yield from (empty for _ in starts[1:])
        return
    for _, _, tables in _device_waves(rule, starts, columns, arguments, empty):
        yield from to_host(tables)


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
    """Run the rule over pieces and merge their tables on the device, in the order of the pieces; return the merged one on the host.

    A thread merges one cell, piece by piece, so that the same data and grid give the same bits however many waves there were.

    Parameters
    ----------
    rule, starts, columns, arguments : as in `run_on_cuda`
    merge : a compiled CPU function (piece, cell, record, total, *more)
    empty : [n_cells, n_words], what every piece begins with
    total : [n_cells, n_total_words], what merging begins with
    more : at least one further argument of `merge`
    """
    check_cells(len(empty))
    if len(starts) < 2 or columns[1] == columns[0] or len(empty) == 0:
        return total
    from kernels.cuda_launch import THREADS_PER_BLOCK, fold_of

    on_device, merged = tuple(as_argument(value) for value in more), to_device(total)
    n_blocks = n_blocks_of(len(empty), THREADS_PER_BLOCK)
    for first, _, tables in _device_waves(rule, starts, columns, arguments, empty):
        fold_of(merge)[n_blocks, THREADS_PER_BLOCK](first, tables, merged, on_device)
    return to_host(merged)
