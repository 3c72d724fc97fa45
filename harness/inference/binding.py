"""Binds raw memory to the inputs and outputs of a session: NumPy's on device `cpu`, CuPy's on `cuda`, by one and the same function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from harness.errors import ModelError, ScoreError, one_of

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class BoundArray:
    """Where an array's memory begins, in whose rows it lies one after the other; the array itself is the caller's to keep alive."""

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @staticmethod
    def of(array: Any, name: str) -> BoundArray:
        """Describe a NumPy array, or one of a card (anything with `__cuda_array_interface__`); `name` is the tensor it is for.

        Raises
        ------
        ModelError
            When it is not contiguous, or holds texts.

        Examples
        --------
        >>> bound = BoundArray.of(np.zeros((4, 3), np.float32), "x")
        >>> bound.shape, bound.dtype.name, bound.n_bytes
        ((4, 3), 'float32', 48)
        """
        said = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
        dtype = np.dtype(said["typestr"])
        if dtype.kind not in "fiub":
            raise ModelError(
                f"model.inputs.{name}: found an array of {dtype}, wanted numbers: texts have no memory that can be bound; use device=cpu"
            )
        shape = tuple(int(n) for n in said["shape"])
        if not _is_contiguous(shape, said.get("strides"), dtype.itemsize):
            raise ModelError(f"model.inputs.{name}: found an array of {shape} with gaps, wanted rows that lie one after the other; copy it")
        return BoundArray(int(said["data"][0]), shape, dtype)

    @property
    def n_bytes(self) -> int:
        """Bytes that the memory must hold."""
        return math.prod(self.shape) * self.dtype.itemsize

    def rows(self, n: int) -> BoundArray:
        """Return the first `n` rows of the same memory."""
        assert 0 <= n <= self.shape[0]
        return BoundArray(self.pointer, (n, *self.shape[1:]), self.dtype)


@dataclass(frozen=True)
class OutputForm:
    """What one output of a session is for a batch: its dimensions after the rows, and its type."""

    tail: tuple[int, ...]
    dtype: np.dtype[Any]


def bind(
    session: onnxruntime.InferenceSession,
    inputs: Mapping[str, BoundArray],
    outputs: Mapping[str, BoundArray],
    device_type: str,
    device_id: int = 0,
) -> onnxruntime.IOBinding:
    """Bind every input and the outputs that are asked for; `session.run_with_iobinding` then reads and writes this memory, as often as it is called.

    Parameters
    ----------
    session : InferenceSession
        All of its inputs must be given; its other outputs are computed into nothing.
    inputs, outputs : mapping of str to BoundArray
        By name of the tensor, on the device that is named.
    device_type : str
        cpu | cuda, as ONNX Runtime calls it.
    device_id : int
        Number of the card among those that the process sees; 0 on the CPU.

    Raises
    ------
    ModelError
        When a name, a type or an input's shape is not the session's. The shape of an output is compared by ONNX Runtime when it runs, before
        it writes.
    """
    _check_names(list(inputs), [known.name for known in session.get_inputs()], "input", all_of_them=True)
    _check_names(list(outputs), [known.name for known in session.get_outputs()], "output", all_of_them=False)
    binding = session.io_binding()
    for known in session.get_inputs():
        array = inputs[known.name]
        _check_form(known, array, "input")
        binding.bind_input(known.name, device_type, device_id, array.dtype.type, list(array.shape), array.pointer)
    for known in session.get_outputs():
        if known.name in outputs:
            array = outputs[known.name]
            _check_form(known, array, "output")
            binding.bind_output(known.name, device_type, device_id, array.dtype.type, list(array.shape), array.pointer)
    return binding


def output_form(
    session: onnxruntime.InferenceSession,
    inputs: Mapping[str, BoundArray],
    output: str,
    device_type: str,
    device_id: int = 0,
    options: onnxruntime.RunOptions | None = None,
) -> OutputForm:
    """Run one batch into memory of ONNX Runtime's own, and say what the output is: a graph may leave all of its dimensions open.

    Raises
    ------
    ScoreError
        When the output has not one row for every row of the inputs.
    ModelError
        As `bind`.
    """
    binding = bind(session, inputs, {}, device_type, device_id)
    binding.bind_output(output, device_type, device_id)
    session.run_with_iobinding(binding, options)
    binding.synchronize_outputs()
    found = binding.get_outputs()[0]
    shape = tuple(found.shape())
    n_rows = next(iter(inputs.values())).shape[0]
    if not shape or shape[0] != n_rows:
        n_scores = shape[0] if shape else 1
        raise ScoreError(f"model.output: '{output}' gave {n_scores} scores for {n_rows} rows, wanted one a row; name another output")
    if found.data_type() not in _TYPES:
        raise ModelError(f"model.output: output '{output}' is {found.data_type()}, wanted numbers; name another output")
    return OutputForm(shape[1:], np.dtype(_TYPES[found.data_type()]))


def _check_names(given: Sequence[str], known: Sequence[str], kind: str, *, all_of_them: bool) -> None:
    strange = [name for name in given if name not in known]
    if strange:
        raise ModelError(f"model.{kind}s.{strange[0]}: the graph has no such {kind}; its {kind}s are: {one_of(known)}")
    lacking = [name for name in known if name not in given]
    if all_of_them and lacking:
        raise ModelError(f"model.{kind}s: nothing is bound to {kind} '{lacking[0]}'; bind all of: {one_of(known)}")


def _check_form(known: Any, array: BoundArray, kind: str) -> None:
    where = f"model.{kind}s.{known.name}"
    if known.type == "tensor(string)":
        raise ModelError(f"{where}: the graph wants texts, which have no memory that can be bound; use device=cpu")
    wanted = _TYPES.get(known.type)
    if wanted is None or array.dtype != wanted:
        raise ModelError(f"{where}: found {array.dtype}, wanted {known.type}; bind an array of that type")
    if kind == "output":
        return  # what graphs say of their outputs' shapes is often wrong; the runtime compares the true one before it writes
    dims_fit = [not isinstance(dim, int) or dim == n for dim, n in zip(known.shape, array.shape, strict=False)]
    if len(known.shape) != len(array.shape) or not all(dims_fit):
        dims = ", ".join("?" if not isinstance(dim, int) else str(dim) for dim in known.shape)
        raise ModelError(f"{where}: found shape {array.shape}, wanted ({dims}); bind an array of that shape")


def _is_contiguous(shape: tuple[int, ...], strides: Sequence[int] | None, itemsize: int) -> bool:
    """Say whether rows lie one after the other; None stands for that, and a dimension of one element may have any stride."""
    if strides is None or 0 in shape:
        return True
    wanted = [math.prod(shape[i + 1 :]) * itemsize for i in range(len(shape))]
    return all(n == 1 or found == step for n, found, step in zip(shape, strides, wanted, strict=True))
