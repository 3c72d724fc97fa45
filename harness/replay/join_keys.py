"""Columns that two files are joined by, in one form for both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, The Art of Computer Programming 3, section 6.4


Key = NDArray[np.int64] | Any  # Any is an Arrow array of large strings


def key_kind(type_: str) -> str | None:
    """Return what keys of an Arrow type are compared as; None where they cannot be keys.

    Examples
    --------
    >>> key_kind("int32"), key_kind("dictionary<values=string, indices=int32, ordered=0>"), key_kind("double")
    ('whole numbers', 'texts', None)
    """
    plain = type_.partition("values=")[2].partition(",")[0] or type_
    kinds = {"uint64": "unsigned 64-bit numbers", "string": "texts", "large_string": "texts", "string_view": "texts", "bool": "booleans"}
    if plain in kinds:
        return kinds[plain]
    for start, kind in (("int", "whole numbers"), ("uint", "whole numbers"), ("timestamp", "times"), ("date", "dates")):
        if plain.startswith(start):
            return kind
    return None


def comparable(column: pa.Array) -> Key:
    """Return a key column as int64 [n], or as large strings; what stands for null is anything."""
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pt.is_string(column.type) or pt.is_large_string(column.type) or str(column.type) == "string_view":
        return column.cast(pa.large_string()).fill_null("")
    if pt.is_timestamp(column.type) or pt.is_date(column.type):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    if pt.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.fill_null(0).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False), np.int64)


def hashes_of(keys: list[Key]) -> NDArray[np.uint64]:
    """Return one hash per row over all key columns, uint64 [n]; equal keys have equal hashes, others nearly always different ones."""
    found: NDArray[np.uint64] | None = None
    for key in keys:
        values = key if isinstance(key, np.ndarray) else np.asarray(key.to_numpy(zero_copy_only=False), object)
        own = np.asarray(pd.util.hash_array(values, categorize=False), np.uint64)
        found = own if found is None else found * _ODD + own
    assert found is not None
    return found


def equal_keys(own: Key, rows: NDArray[np.int64], other: Key, candidates: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where `own[rows]` equals `other[candidates]`, bool, one per pair."""
    if isinstance(own, np.ndarray):
        return np.asarray(own[rows] == other[candidates], np.bool_)
    same = pc.equal(own.take(pa.array(rows)), other.take(pa.array(candidates)))
    return np.asarray(same.to_numpy(zero_copy_only=False), np.bool_)
