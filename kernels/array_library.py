"""The library that an array belongs to, so that array code is written once and runs on NumPy's arrays and on CuPy's alike.

Under the CUDA simulator NumPy works in CuPy's place: its arrays of a card know no arithmetic.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np

from kernels.devices import is_on_cuda, to_device, to_host


def _same(array: Any) -> Any:
    return array


class Library(NamedTuple):
    """The library `xp` that works on an array, the array as that library has it, and the way `back` to where kernels look for such arrays."""

    xp: Any
    array: Any
    back: Any

    def own(self, other: Any) -> Any:
        """Return another array as this library has it, wherever it lies; None stays None.

        >>> library_of(np.zeros(1)).own(np.array([1, 2])).tolist()
        [1, 2]
        """
        if other is None or not (is_on_cuda(other) or self.xp is not np):
            return other
        return to_host(other) if self.xp is np else self.xp.asarray(other)


def array_namespace(array: Any) -> Any:
    """Return the module whose functions take this array, in the names of the array API standard.

    NumPy's arrays and those of array-api-strict say it themselves. CuPy's do not, and the functions stand in the package that their class
    comes from. Nothing is imported that was not imported already.

    Source: Python array API standard 2024.12, `array.__array_namespace__`.

    Examples
    --------
    >>> array_namespace(np.zeros(2)).__name__
    'numpy'
    """
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return importlib.import_module(type(array).__module__.partition(".")[0])


def library_of(array: Any) -> Library:
    """Return CuPy for an array of a card, NumPy for one of the simulator's card, and its own library for any other.

    >>> library_of(np.zeros(2)).xp.__name__
    'numpy'
    """
    if hasattr(array, "__cuda_array_interface__"):
        import cupy

        return Library(cupy, cupy.asarray(array), _same)
    return Library(np, to_host(array), to_device) if is_on_cuda(array) else Library(array_namespace(array), array, _same)


def on_host(array: Any) -> Any:
    """Return the array on the host, where it may be already.

    >>> on_host(np.array([1.0])).tolist()
    [1.0]
    """
    return to_host(array) if is_on_cuda(array) else array
