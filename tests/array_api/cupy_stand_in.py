"""NumPy in CuPy's place, through CuPy's names and parameters only, and as strict as CuPy is about arrays of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.only_signatures import BOOK, signature_of


class CupyArray(np.ndarray[Any, Any]):
    """An array that has the names of `cupy.ndarray`, and meets no array of the host in an operation."""

    def __getattribute__(self, name: str) -> Any:
        # CuPy 14 has no `__array_namespace__`; `base` is NumPy's own and asked for by NumPy.
        if name == "__array_namespace__" or not (name.startswith("_") or name in BOOK["cupy.ndarray"]):
            raise AttributeError(f"cupy.ndarray has no '{name}'")
        return super().__getattribute__(name)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return dict(self.__array_interface__)

    def get(self) -> np.ndarray[Any, Any]:
        """Return a copy on the host."""
        return np.array(self.view(np.ndarray))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        refuse_host(*inputs)
        plain = [x.view(np.ndarray) if isinstance(x, CupyArray) else x for x in inputs]
        out = tuple(x.view(np.ndarray) for x in kwargs.pop("out", ()))
        found = getattr(ufunc, method)(*plain, **kwargs, **({"out": out} if out else {}))
        return on_card(found)


CupyArray.__module__ = "cupy"


def refuse_host(*values: Any) -> None:
    """Refuse arrays of the host, as CuPy does."""
    if any(isinstance(x, np.ndarray) and not isinstance(x, CupyArray) for x in values):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: copy it to the card first")


def on_card(value: Any) -> Any:
    """Return a NumPy array or scalar as CuPy has it: a scalar is an array without dimensions."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(on_card, value))
    return np.asarray(value).view(CupyArray) if isinstance(value, (np.ndarray, np.generic)) else value


class CupyStandIn:
    """What is imported as `cupy`."""

    ndarray = CupyArray

    def __getattr__(self, name: str) -> Any:
        if name not in BOOK["cupy"]:
            raise AttributeError(f"cupy has no '{name}'")
        found, parameters = getattr(np, name), BOOK["cupy"][name]
        if isinstance(found, type) or not callable(found):
            return found
        return self._checked(name, found, parameters)

    def _checked(self, name: str, call: Callable[..., Any], parameters: str | None) -> Callable[..., Any]:
        def checked(*args: Any, **kwargs: Any) -> Any:
            if parameters is not None:
                signature_of(parameters).bind(*args, **kwargs)
            if name not in ("asarray", "array", "ascontiguousarray"):
                refuse_host(*args, *kwargs.values(), *(x for group in args if isinstance(group, (list, tuple)) for x in group))
            return on_card(call(*args, **kwargs))

        return checked
