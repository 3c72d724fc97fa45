"""Columns of the log as the tensors that models take, refused where a value would silently change on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.replay import InputGroup

EXACT_IN_FLOAT32 = 2**24  # integers above it are not all representable in a float32 significand of 24 bits
_DTYPES = {"float": np.float32, "double": np.float64, "int64": np.int64}


class FeatureReader:
    """Decodes the input groups of one batch; `nan` is pass or refuse."""

    def __init__(self, nan: str) -> None:
        self.nan = nan

    def tensor(self, batch: pa.RecordBatch, group: InputGroup) -> NDArray[Any]:
        """Return one group's tensor, [n, width]: float32, float64 or int64, or texts as objects, None where null.

        Raises
        ------
        ReplayError
            When a column holds infinity, integers that float32 does not hold exactly, nulls for an int64 input, or
            missing values under `nan: refuse`.
        """
        columns = [batch.column(name) for name in group.columns]
        if pt.is_fixed_size_list(columns[0].type):
            return self._list(columns[0], group)
        dtype = object if group.dtype == "string" else _DTYPES[group.dtype]
        rows = np.empty((batch.num_rows, len(columns)), dtype)
        for j, (column, name) in enumerate(zip(columns, group.columns, strict=True)):
            rows[:, j] = self._texts(column, name) if group.dtype == "string" else self._feature(column, name, group.dtype, 1)
        return rows

    def _list(self, column: pa.Array, group: InputGroup) -> NDArray[Any]:
        name, width, item = group.columns[0], column.type.list_size, column.type.value_type
        if not (pt.is_integer(item) or pt.is_boolean(item) or (pt.is_floating(item) and group.dtype != "int64")):
            raise ReplayError(
                f"replay.features: column '{name}' is {column.type} and its model input is {group.dtype}; write it as a list of such numbers"
            )
        # flatten() leaves null lists out, which would shift every row after them.
        flat = column.values.slice(column.offset * width, len(column) * width)
        if column.null_count:
            known = np.repeat(np.asarray(column.is_valid().to_numpy(zero_copy_only=False)), width)
            flat = pc.if_else(pa.array(known), flat, pa.scalar(None, item))
        return self._feature(flat, name, group.dtype, width).reshape(len(column), width)

    def _texts(self, column: pa.Array, name: str) -> NDArray[np.object_]:
        texts = column.cast(pa.string())
        if texts.null_count and self.nan == "refuse":
            raise _missing(name)
        return np.asarray(texts.to_numpy(zero_copy_only=False), object)

    def _feature(self, column: pa.Array, name: str, dtype: str, width: int) -> NDArray[Any]:
        if pt.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pt.is_integer(column.type) and dtype == "float":
            _check_exact(column, name)
        if dtype == "int64" and column.null_count:
            raise ReplayError(
                f"replay.features: column '{name}' has {column.null_count} nulls and its model input is int64, which has no NaN; fill them in"
            )
        own = dtype == "int64" or pt.is_float32(column.type)  # a float32 list is not widened: it may be an embedding
        values = np.asarray(column.to_numpy(zero_copy_only=False)) if own else numbers(column)
        self._check(name, values, width)
        with np.errstate(over="ignore"):
            narrow = values.astype(_DTYPES[dtype], copy=False)
        if dtype == "float" and np.isinf(narrow).any():
            raise ReplayError(f"replay.features: column '{name}' holds values beyond float32; scale it, or give the model a double input")
        return narrow

    def _check(self, name: str, values: NDArray[Any], width: int) -> None:
        if values.dtype.kind != "f":
            return
        n_infinite = int(np.isinf(values).reshape(-1, width).any(axis=1).sum())
        if n_infinite:
            raise ReplayError(
                f"replay.features: column '{name}' holds infinity in {n_infinite} rows of one batch; replace it by a number or by null"
            )
        if self.nan == "refuse" and np.isnan(values).any():
            raise _missing(name)


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """Return a numeric or boolean column as float64 [n], NaN where null."""
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pt.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _check_exact(column: pa.Array, name: str) -> None:
    bounds = pc.min_max(column)
    largest = max(abs(bounds["min"].as_py() or 0), abs(bounds["max"].as_py() or 0))
    if largest > EXACT_IN_FLOAT32:
        raise ReplayError(
            f"replay.features: column '{name}' holds {largest}, above 2^24, which float32 does not hold exactly;"
            " give the model an int64 or double input, or leave the column out"
        )


def _missing(name: str) -> ReplayError:
    return ReplayError(f"replay.features: column '{name}' holds NaN or null, and replay.nan is refuse; fill them in or set nan: pass")
