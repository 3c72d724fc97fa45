"""Where an array lives, and how a CUDA driver gets its kernel without importing CUDA early."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

CUDA_BLOCK_THREADS = 64


def is_on_cuda(array: object) -> bool:
    """Say whether `array` is on a CUDA device: it offers `__cuda_array_interface__`, or is one of the CUDA simulator's."""
    return hasattr(array, "__cuda_array_interface__") or type(array).__name__ == "FakeCUDAArray"


@functools.cache
def compile_for_cuda(rule: Any) -> Any:
    """Compile the rule of a CPU driver as a CUDA kernel whose thread (piece, column) walks one column of one piece.

    `rule` is a compiled CPU function whose first four arguments are start, stop, first_column, stop_column. The kernel
    takes `starts` (int64 [n_pieces + 1]), the first column and the number of columns in their place, then the tuple of its other
    arguments, then [n_pieces, ...] tables: one per piece, so that no two threads write to one word and sums have one fixed order.
    """
    from numba import cuda

    device_rule = cuda.jit(device=True)(rule.py_func)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(starts: Any, first_column: int, n_columns: int, arguments: Any, tables: Any) -> None:
        thread = cuda.grid(1)
        piece = thread // n_columns
        column = first_column + thread - piece * n_columns
        if piece < starts.size - 1:
            device_rule(starts[piece], starts[piece + 1], column, column + 1, *arguments, tables[piece])

    return kernel


def to_device(array: NDArray[Any]) -> Any:
    """Copy a NumPy array to the current CUDA device."""
    from numba import cuda

    return cuda.to_device(array)


def to_host(array: Any) -> NDArray[Any]:
    """Copy an array of a CUDA device to NumPy."""
    from numba import cuda

    return np.asarray(cuda.as_cuda_array(array).copy_to_host() if hasattr(array, "__cuda_array_interface__") else array.copy_to_host())


def run_on_cuda(rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], tables: NDArray[Any]) -> NDArray[Any]:
    """Run the rule over pieces and the columns [first, stop) on the device, and return the filled tables on the host."""
    n_columns = columns[1] - columns[0]
    n_threads = (len(starts) - 1) * n_columns
    if n_threads == 0:
        return tables
    on_device = tuple(to_device(value) if isinstance(value, np.ndarray) else value for value in arguments)
    device_tables = to_device(tables)
    n_blocks = (n_threads + CUDA_BLOCK_THREADS - 1) // CUDA_BLOCK_THREADS
    kernel = compile_for_cuda(rule)
    kernel[n_blocks, CUDA_BLOCK_THREADS](to_device(np.array(starts, np.int64)), columns[0], n_columns, on_device, device_tables)
    return to_host(device_tables)
