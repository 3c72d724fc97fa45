"""The slices of one whole column, numbered and named as those of a log that is read batch by batch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.column import Column
from harness.records.conf import SliceColumn
from harness.records.replay import Categories
from harness.slicing.columns import BandEncoder, CategoryEncoder

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALE = re.compile(r"decimal\d+\(\d+, (-?\d+)\)")
_DIGITS = Context(prec=76)  # of the longest decimals that Arrow has
_WHOLE = re.compile(r"^(dictionary<values=)?u?int\d+")
_ZONE = re.compile(r"timestamp\[\w+, tz=(.+?)\]")
Ids = NDArray[np.int32]


def column_slices(column: Column, conf: SliceColumn, max_slices: int) -> tuple[Ids, tuple[str, ...]]:
    """Return the slice of every row, int32 [n], and the slices' names in their order; every row names slices.

    Raises
    ------
    ReplayError
        When the column cannot be sliced by, has more than `max_slices` values, or two of one name.
    """
    encoder: BandEncoder | CategoryEncoder
    if conf.edges:
        encoder = BandEncoder(conf)
        ids = encoder.add(_numbers(column))
    else:
        encoder = CategoryEncoder(conf, max_slices)
        ids = encoder.add(_categories(column, max_slices))
    remap, names = encoder.finish()
    return remap[ids], names


def _numbers(column: Column) -> NDArray[np.float64]:
    """Return the values of a column with edges as float64 [n], NaN missing; booleans are 0 and 1."""
    if column.codes is not None and "bool" in (column.type, column.reference_type):
        return np.array([0.0, 1.0, np.nan])[column.codes]
    if column.kind != "number" or column.values is None:
        raise _unfit(column, "wanted numbers, since it has edges")
    numbers = column.values.astype(np.float64)
    if column.is_missing is not None:
        numbers[column.is_missing] = np.nan
    return numbers


def _categories(column: Column, max_slices: int) -> Categories:
    if column.codes is not None:
        return Categories(column.codes, column.categories)
    if column.values is None:
        raise _unfit(column, "wanted texts, numbers, dates or booleans")
    found, distinct = pd.factorize(column.values)  # hashes: a sort of all rows would take ten times as long
    codes = found.astype(np.int32)
    if column.is_missing is not None:
        codes[column.is_missing] = -1
    if len(distinct) > max_slices + 1:  # the value of missing rows may be among them; whether it is too many the encoder says
        return Categories(codes, tuple(distinct.tolist()))
    return Categories(codes, tuple(_value(v, column) for v in distinct.tolist()))


def _value(value: Any, column: Column) -> Any:
    """Return a value as the log's own type has it, so that a slice is called as in a sweep."""
    if column.kind == "time":
        return _time(value, column.type)
    if column.type != column.reference_type:  # compared as float64
        return value
    if scale := _SCALE.search(column.type):
        return Decimal(repr(value)).quantize(Decimal(1).scaleb(-int(scale[1])), context=_DIGITS)
    if _WHOLE.search(column.type):
        return int(value)
    return float(str(np.float32(value))) if column.type == "float" else value  # 0.1, and not 0.10000000149011612, names the float32


def _time(count: int, type_: str) -> Any:
    """Return a time as Python has it, or as a text beyond the year 9999; `count` of microseconds since the epoch."""
    try:
        at = _EPOCH + timedelta(microseconds=count)
    except OverflowError:
        return str(np.datetime64(count, "us"))
    if type_.startswith("date"):
        return at.date()
    zone = _ZONE.search(type_)
    return at.astimezone(ZoneInfo(zone[1])) if zone else at.replace(tzinfo=None)


def _unfit(column: Column, wanted: str) -> ReplayError:
    return ReplayError(f"replay.slices: {column.note or f'{column.name!r} is {column.type}'}; {wanted}; name another column")
