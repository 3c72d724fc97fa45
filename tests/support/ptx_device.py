"""Stands in for a CUDA card where there is none: arrays are NumPy's, and a kernel that is launched is compiled and its PTX interpreted.

`installed()` puts it in the place of Numba's driver, so that the public functions of `kernels` run their CUDA side unchanged.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.compile_check import compiling_for, program_of
from tests.support.ptx_memory import FRESH
from tests.support.ptx_program import Program
from tests.support.ptx_simulator import Counts, Pointer, run

FREE_BYTES = float(1 << 34)


class FakeCUDAArray:
    """An array of the stand-in: a view of memory that only kernels and copies reach.

    It has the name of the simulator's class, by which `kernels.devices` knows an array that is not CuPy's: sorts are NumPy's here.
    """

    def __init__(self, view: np.ndarray, memory: np.ndarray) -> None:
        self._view, self._memory = view, memory

    @property
    def _numba_type_(self) -> Any:
        from numba import types
        from numba.np.numpy_support import from_dtype

        return types.Array(from_dtype(self.dtype), self.ndim, "C" if self._view.flags.c_contiguous else "A")

    shape = property(lambda self: self._view.shape)
    strides = property(lambda self: self._view.strides)
    dtype = property(lambda self: self._view.dtype)
    ndim = property(lambda self: self._view.ndim)
    size = property(lambda self: self._view.size)
    nbytes = property(lambda self: self._view.nbytes)

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, key: Any) -> Any:
        part = self._view[key]
        return FakeCUDAArray(part, self._memory) if isinstance(part, np.ndarray) else part

    def __setitem__(self, key: Any, value: Any) -> None:
        self._view[key] = value._view if isinstance(value, FakeCUDAArray) else value

    def reshape(self, *shape: Any) -> FakeCUDAArray:
        return FakeCUDAArray(self._view.reshape(*shape), self._memory)

    def view(self, dtype: Any) -> FakeCUDAArray:
        return FakeCUDAArray(self._view.view(dtype), self._memory)

    def copy_to_host(self, ary: np.ndarray | None = None, stream: Any = 0) -> np.ndarray:
        if ary is None:
            return self._view.copy()
        ary[...] = self._view
        return ary

    def copy_to_device(self, ary: Any, stream: Any = 0) -> None:
        self._view[...] = ary._view if isinstance(ary, FakeCUDAArray) else ary

    def flattened(self, name: str) -> list[Any]:
        """Return the words that Numba passes for an array: meminfo, parent, items, bytes of an item, address, shape, strides."""
        offset = self._view.ctypes.data - self._memory.ctypes.data if self._view.size else 0
        return [0, 0, self.size, self.dtype.itemsize, Pointer(name, self._memory, offset), *self.shape, *self.strides]


@dataclass(frozen=True)
class Launch:
    """A kernel as it was launched; `rule` is the function of `kernels` that it runs."""

    rule: str
    kernel: Any
    signature: tuple[Any, ...]
    program: Program
    n_threads: int
    counts: Counts


@dataclass
class PtxDevice:
    """The stand-in, and every launch since `launches` was cleared."""

    launches: list[Launch] = field(default_factory=list)
    programs: dict[tuple[Any, ...], Program] = field(default_factory=dict)
    cc: tuple[int, int] = (9, 0)

    def program(self, kernel: Any, signature: tuple[Any, ...]) -> Program:
        key = kernel.py_func, signature
        if key not in self.programs:
            self.programs[key] = program_of(kernel, signature, self.cc)
        return self.programs[key]

    def launch(self, kernel: Any, configuration: tuple[Any, ...], arguments: tuple[Any, ...]) -> None:
        grid, block = (tuple(size) + (1,) * (3 - len(size)) if isinstance(size, tuple) else (int(size), 1, 1) for size in configuration[:2])
        n_dynamic_bytes = int(configuration[3]) if len(configuration) > 3 else 0
        moved = [_moved(one) for one in arguments]
        with compiling_for(self.cc):
            signature = tuple(kernel.typeof_pyval(one) for one in moved)
        program = self.program(kernel, signature)
        words = [word for i, one in enumerate(moved) for word in _words(f"argument {i}", one)]
        counts = run(program, grid, block, words, n_dynamic_bytes)
        for one, given in zip(moved, arguments, strict=True):
            if isinstance(given, np.ndarray):  # Numba copies an array of the host back
                given[...] = one.copy_to_host()
        n_threads = int(np.prod(grid) * np.prod(block))
        self.launches.append(Launch(name_of(kernel), kernel, signature, program, n_threads, counts))


def name_of(kernel: Any) -> str:
    """Return module.function of the rule that a kernel was made of, or of the kernel; what made it, where that is not `kernel_of`."""
    rules = [cell.cell_contents for cell in kernel.py_func.__closure__ or ()]
    function = next((rule.py_func for rule in rules if hasattr(rule, "py_func")), kernel.py_func)
    maker = kernel.py_func.__qualname__.split(".")[0]
    name = f"{function.__module__.removeprefix('kernels.')}.{function.__name__}"
    return name if function is kernel.py_func or maker == "kernel_of" else f"{name} [{maker}]"


def _moved(value: Any) -> Any:
    """Return what a launch passes on: arrays of the host are copied, those of the simulator are taken over where they are."""
    if isinstance(value, tuple):
        return tuple(_moved(one) for one in value)
    if isinstance(value, np.ndarray):
        return to_device(value)
    if type(value).__name__ == "FakeCUDAArray" and not isinstance(value, FakeCUDAArray):
        low, high = np.lib.array_utils.byte_bounds(value._ary)
        return FakeCUDAArray(value._ary, np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low)))
    return value


def _words(name: str, value: Any) -> list[Any]:
    if isinstance(value, FakeCUDAArray):
        return value.flattened(name)
    if isinstance(value, tuple):
        return [word for i, one in enumerate(value) for word in _words(f"{name}[{i}]", one)]
    return [value]


def to_device(array: Any, stream: Any = 0, copy: bool = True, to: Any = None) -> Any:
    if isinstance(array, FakeCUDAArray):
        return array
    memory = np.ascontiguousarray(array).reshape(-1).view(np.uint8).copy()
    return FakeCUDAArray(memory.view(array.dtype).reshape(array.shape), memory)


def device_array(shape: Any, dtype: Any = np.float64, strides: Any = None, order: str = "C", stream: Any = 0) -> FakeCUDAArray:
    view = np.empty(shape, dtype)
    memory = np.full(max(view.nbytes, 0), FRESH, np.uint8)  # what a program must not read before it has written it
    return FakeCUDAArray(memory.view(dtype).reshape(view.shape), memory)


class _Configured:
    def __init__(self, device: PtxDevice, kernel: Any, configuration: tuple[Any, ...]) -> None:
        self.device, self.kernel, self.configuration = device, kernel, configuration

    def __call__(self, *arguments: Any) -> None:
        self.device.launch(self.kernel, self.configuration, arguments)


@contextmanager
def installed() -> Iterator[PtxDevice]:
    """Put the stand-in in the place of a card, for Numba in this process."""
    from numba import cuda
    from numba.cuda.dispatcher import CUDADispatcher

    device = PtxDevice()
    stand_ins = {
        "to_device": to_device,
        "as_cuda_array": lambda array, sync=True: array,
        "device_array": device_array,
        "device_array_like": lambda array, stream=0: device_array(array.shape, array.dtype),
        "synchronize": lambda: None,
        "current_context": lambda: SimpleNamespace(get_memory_info=lambda: SimpleNamespace(free=FREE_BYTES, total=FREE_BYTES)),
    }
    before = {name: getattr(cuda, name) for name in stand_ins}
    configure = CUDADispatcher.__getitem__
    try:
        for name, rule in stand_ins.items():
            setattr(cuda, name, rule)
        CUDADispatcher.__getitem__ = lambda kernel, configuration: _Configured(device, kernel, configuration)
        yield device
    finally:
        CUDADispatcher.__getitem__ = configure
        for name, rule in before.items():
            setattr(cuda, name, rule)
