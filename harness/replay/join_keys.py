"""Columns that two files are joined by, in one form for both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import LabelSource
from harness.records.replay import LogFiles
from harness.replay.dataset import one_chunk, reason_of
from harness.replay.times import time_text

_UNITS = ("s", "ms", "us", "ns")  # from coarse to fine
_UNIT = re.compile(r"timestamp\[(s|ms|us|ns)\b")
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, The Art of Computer Programming 3, section 6.4
_BLOCK_ROWS = 1 << 18  # whose texts are Python objects at once

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


def finest_unit(*types: str) -> str:
    """Return the unit in which times of all these Arrow types can be compared: the finest of theirs, us where none has one (dates).

    Examples
    --------
    >>> finest_unit("timestamp[us, tz=UTC]", "timestamp[ns]"), finest_unit("timestamp[s]", "timestamp[ms]"), finest_unit("date32[day]")
    ('ns', 'ms', 'us')
    """
    found = [unit for type_ in types for unit in _UNIT.findall(type_)]
    return max(found, key=_UNITS.index, default="us")


def comparable(column: pa.Array, unit: str) -> Key:
    """Return a key column as int64 [n], times as counts of `unit`, or as large strings; what stands for null is anything.

    Raises
    ------
    pyarrow.ArrowInvalid
        When a time is too far from 1970 for the unit.
    """
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pt.is_string(column.type) or pt.is_large_string(column.type) or str(column.type) == "string_view":
        return column.cast(pa.large_string()).fill_null("")
    if pt.is_timestamp(column.type) or pt.is_date(column.type):
        column = column.cast(pa.timestamp(unit)).cast(pa.int64())
    if pt.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.fill_null(0).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False), np.int64)


def shown(value: int | str, type_: str, unit: str) -> str:
    """Return one value of a key as a message shows it; `type_` is the Arrow type of its column.

    Examples
    --------
    >>> shown(-1, "uint64", "us"), shown(0, "date32[day]", "us"), shown("a ", "string", "us")
    ('18446744073709551615', '1970-01-01', "'a '")
    """
    if isinstance(value, str):
        return repr(value)
    kind = key_kind(type_)
    if kind == "booleans":
        return str(bool(value))
    if kind == "dates":
        return time_text(value, unit).partition("T")[0]
    return time_text(value, unit) if kind == "times" else str(value % 2**64 if kind == "unsigned 64-bit numbers" else value)


class JoinKeys:
    """The columns by which a log and its label file are joined: what they are compared as, and how a message shows them."""

    def __init__(self, log: LogFiles, labels: LogFiles, source: LabelSource) -> None:
        self._on, self._file = source.on, Path(source.path).name
        self._types = [tuple(c.type for files in (log, labels) if (c := files.column(name))) for name in source.on]
        self._units = [finest_unit(*types) for types in self._types]

    def of(self, rows: pa.Table | pa.RecordBatch) -> list[Key]:
        """Return the key columns of rows of either file in one form.

        Raises
        ------
        ReplayError
            When a time cannot be expressed in the finer unit of the two files.
        """
        return [self._key(i, one_chunk(rows.column(name))) for i, name in enumerate(self._on)]

    def _key(self, i: int, column: pa.Array) -> Key:
        try:
            return comparable(column, self._units[i])
        except pa.ArrowInvalid as trouble:
            own, other = self._types[i]
            raise ReplayError(
                f"replay.labels.on: column '{self._on[i]}' is {own} in the log and {other} in {self._file}, and its times cannot all be"
                f" compared in {self._units[i]} ({reason_of(trouble)}); write both with one unit"
            ) from trouble

    def shown(self, values: Sequence[int | str]) -> str:
        """Return one key as a message shows it; `values` are those of the compared form, one per column."""
        parts = zip(self._on, values, self._types, self._units, strict=True)
        return ", ".join(f"{name}={shown(value, types[0], unit)}" for name, value, types, unit in parts)

    def shown_at(self, keys: list[Key], row: int) -> str:
        """Return the key of one row as a message shows it."""
        return self.shown([int(key[row]) if isinstance(key, np.ndarray) else str(key[row].as_py()) for key in keys])


def hashes_of(keys: list[Key]) -> NDArray[np.uint64]:
    """Return one hash per row over all key columns, uint64 [n]; equal keys have equal hashes, others nearly always different ones."""
    found: NDArray[np.uint64] | None = None
    for key in keys:
        own = _hashes(key) if isinstance(key, np.ndarray) else _hashes_of_texts(key)
        found = own if found is None else found * _ODD + own
    assert found is not None
    return found


def _hashes(values: NDArray[Any]) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_array(values, categorize=False), np.uint64)


def _hashes_of_texts(texts: Any) -> NDArray[np.uint64]:
    """Return the hash of each text of an Arrow array; only those of one block are Python objects at a time, at nearly 200 bytes each."""
    found = np.empty(len(texts), np.uint64)
    for start in range(0, len(texts), _BLOCK_ROWS):
        block = texts.slice(start, _BLOCK_ROWS)
        found[start : start + _BLOCK_ROWS] = _hashes(np.asarray(block.to_numpy(zero_copy_only=False), object))
    return found


def equal_keys(own: Key, rows: NDArray[np.int64], other: Key, candidates: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where `own[rows]` equals `other[candidates]`, bool, one per pair."""
    if isinstance(own, np.ndarray):
        return np.asarray(own[rows] == other[candidates], np.bool_)
    same = pc.equal(own.take(pa.array(rows)), other.take(pa.array(candidates)))
    return np.asarray(same.to_numpy(zero_copy_only=False), np.bool_)
