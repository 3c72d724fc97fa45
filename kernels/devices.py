"""Where an array lives, and how it gets to a CUDA device and back; nothing of CUDA is imported before it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_on_cuda(array: object) -> bool:
    """Say whether `array` is on a CUDA device: it offers `__cuda_array_interface__`, or is one of the CUDA simulator's."""
    return hasattr(array, "__cuda_array_interface__") or type(array).__name__ == "FakeCUDAArray"


def to_device(array: NDArray[Any]) -> Any:
    """Copy a NumPy array to the current CUDA device."""
    from numba import cuda

    return cuda.to_device(array)


def to_host(array: Any) -> NDArray[Any]:
    """Copy an array of a CUDA device to NumPy."""
    from numba import cuda

    return np.asarray(cuda.as_cuda_array(array).copy_to_host() if hasattr(array, "__cuda_array_interface__") else array.copy_to_host())


def _as_argument(value: Any) -> Any:
    """Return what a kernel accepts inside a tuple: an array of another library's is wrapped, one of the host's copied."""
    from numba import cuda

    if isinstance(value, np.ndarray):
        return to_device(value)
    return cuda.as_cuda_array(value) if hasattr(value, "__cuda_array_interface__") else value


def run_on_cuda(rule: Any, starts: list[int], columns: tuple[int, int], arguments: tuple[Any, ...], tables: NDArray[Any]) -> NDArray[Any]:
    """Run the rule over pieces and the columns [first, stop) on the device, and return the filled tables on the host."""
    n_columns = columns[1] - columns[0]
    n_threads = (len(starts) - 1) * n_columns
    if n_threads == 0:
        return tables
    from kernels.cuda_launch import THREADS_PER_BLOCK, kernel_of

    on_device = tuple(_as_argument(value) for value in arguments)
    device_tables = to_device(tables)
    n_blocks = (n_threads + THREADS_PER_BLOCK - 1) // THREADS_PER_BLOCK
    kernel = kernel_of(rule)
    kernel[n_blocks, THREADS_PER_BLOCK](to_device(np.array(starts, np.int64)), columns[0], n_columns, on_device, device_tables)
    return to_host(device_tables)
