"""pandas in cuDF's place: frames of Arrow types, so that null and NaN stay apart as they do on a card, behind `only_signatures`.

What cuDF does otherwise than pandas and PyArrow is done here too: time zones and days are not known, dictionaries are read as their values,
categories come in an order of their own, and a column that pandas wrote as its index becomes the index. A reader that trusts in any of these fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from tests.support.only_signatures import Guarded


class StandIn:
    """What is imported as `cudf`: reads Parquet into guarded pandas frames.

    Attributes
    ----------
    reads
        Columns and row groups of every read that succeeded, in order.
    fail
        Called with columns and row groups before each read; an error that it raises is the card's.
    """

    def __init__(self, fail: Callable[[list[str], list[int]], None] = lambda columns, row_groups: None) -> None:
        self.reads: list[tuple[list[str], list[int]]] = []
        self.fail = fail
        self._guarded = Guarded(self, "cudf", {"read_parquet": StandIn._read}, wrap)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_guarded"], name)

    def _read(self, path: str, columns: list[str], row_groups: list[list[int]], **others: Any) -> Any:
        assert others == {"use_pandas_metadata": False, "ignore_missing_columns": False}
        (groups,) = row_groups
        self.fail(columns, groups)
        self.reads.append((columns, groups))
        with pq.ParquetFile(path) as file:
            table = file.read_row_groups(groups, columns=columns)
        index = _index_of(table)
        frame = pd.DataFrame(
            {name: pd.Series(pd.arrays.ArrowExtensionArray(_card_type(table.column(name)))) for name in table.column_names}
        )
        return wrap(frame.set_index(index) if index else frame)


def _index_of(table: pa.Table) -> list[str]:
    stored = (table.schema.metadata or {}).get(b"pandas")
    names = json.loads(stored)["index_columns"] if stored else []
    return names if names and all(isinstance(n, str) and n in table.column_names for n in names) else []


def _card_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    type_ = column.type
    if pt.is_dictionary(type_):
        column = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], type_.value_type)
    if pt.is_large_string(column.type):
        return column.cast(pa.string())
    if pt.is_date32(type_):
        return column.cast(pa.timestamp("s"))
    if pt.is_timestamp(type_):
        return column.cast(pa.timestamp(type_.unit))
    if (
        pt.is_nested(type_)
        or pt.is_decimal(type_)
        or pt.is_time(type_)
        or pt.is_duration(type_)
        or pt.is_float16(type_)
        or pt.is_binary(type_)
    ):
        raise AssertionError(f"{type_} is not for cuDF")
    return column


def wrap(value: Any) -> Any:
    """Return a pandas or NumPy object behind the names of cuDF's or CuPy's; a tuple has each of its parts wrapped."""
    if isinstance(value, tuple):
        return tuple(map(wrap, value))
    if isinstance(value, pd.DataFrame):
        return Guarded(value, "cudf.DataFrame", {"columns": property(lambda frame: frame.columns)}, wrap)
    if isinstance(value, pd.Series):
        return Guarded(value, "cudf.Series", {"to_arrow": _to_arrow, "factorize": _factorize}, wrap)
    if isinstance(value, pd.Index):
        return Guarded(value, "cudf.Index", {"to_arrow": _to_arrow}, wrap)
    if isinstance(value, np.ndarray):
        return Guarded(value, "cupy.ndarray", {"get": _get}, wrap)
    return value


def _get(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array


def _to_arrow(values: Any) -> pa.Array:
    found = pa.array(values.array)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _factorize(values: Any, sort: bool = False, use_na_sentinel: bool = True) -> Any:
    """Encode with the values in descending order: which order cuDF gives is not promised."""
    codes, found = values.factorize(sort=True, use_na_sentinel=use_na_sentinel)
    return wrap((np.where(codes < 0, codes, len(found) - 1 - codes), found[::-1]))
