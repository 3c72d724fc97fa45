"""Columns of few values as codes into those values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from harness.records.replay import Categories


def categories(column: pa.Array) -> Categories:
    """Return the distinct values of a column and each row's code, -1 where null or NaN."""
    if pt.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    encoded = column if pt.is_dictionary(column.type) else pc.dictionary_encode(column)
    codes = np.asarray(pc.fill_null(encoded.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False), np.int32)
    return Categories(codes, _values(encoded.dictionary))


def _values(dictionary: pa.Array) -> tuple[Any, ...]:
    values = dictionary.to_pylist()
    if pt.is_float32(dictionary.type):  # 0.1, and not 0.10000000149011612, names the float32
        values = [v if v is None else float(str(np.float32(v))) for v in values]
    return tuple(None if v is None or v != v else v for v in values)
