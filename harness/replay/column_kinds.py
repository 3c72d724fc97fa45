"""What columns of any Arrow type are compared as, and which cannot be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from harness.replay.column_values import EXACT_DIGITS, Booleans, ColumnValues, Floats, Seconds, Texts, Times, Whole


def plain_type(type_: pa.DataType) -> pa.DataType:
    """Return the type of the values: a dictionary's own."""
    return type_.value_type if pt.is_dictionary(type_) else type_


def family_of(type_: pa.DataType) -> str:
    """Return what values of a type are compared as; "" where they cannot be, "null" where the type has no values.

    >>> [family_of(t) for t in (pa.int8(), pa.dictionary(pa.int32(), pa.string()), pa.date32(), pa.list_(pa.int8()), pa.null())]
    ['number', 'text', 'time', '', 'null']
    """
    type_ = plain_type(type_)
    for family, tests in (
        ("number", (pt.is_integer, pt.is_floating, pt.is_decimal)),
        ("text", (pt.is_string, pt.is_large_string, pt.is_string_view)),
        ("boolean", (pt.is_boolean,)),
        ("time", (pt.is_timestamp, pt.is_date)),
        ("time of day", (pt.is_time,)),
        ("duration", (pt.is_duration,)),
        ("null", (pt.is_null,)),
    ):
        if any(test(type_) for test in tests):
            return family
    return ""


def why_not(types: Sequence[pa.DataType | None], texts: Sequence[str]) -> str:
    """Return why a column with these types cannot be compared; "" where it can."""
    for type_, whose in zip(types, ("reference", "log") if len(types) > 1 else ("log",), strict=True):
        if type_ is None:
            return f"is not in the {whose}"
    families = {family_of(t) for t in types} - {"null"}
    both = f"{texts[0]} in the reference and {texts[-1]} in the log" if texts[0] != texts[-1] else texts[0]
    if not families:
        return "has no value in any row: its type is null"
    if len(families) > 1 or "" in families:
        return f"is {both}, which cannot be compared"
    return ""


def values_of(types: Sequence[pa.DataType], n_rows: int) -> ColumnValues:
    """Return what takes the values of a column whose parts have these types, all of one family that can be compared."""
    family, plain = family_of(types[0]), {plain_type(t) for t in types}
    if family == "text":
        return Texts(n_rows)
    if family == "boolean":
        return Booleans(n_rows)
    if family == "time":
        return Times(n_rows)
    if family == "duration":
        return Seconds(n_rows, np.float64, "is a duration, compared in seconds")
    if family == "time of day":
        return Seconds(n_rows, np.float64, "is a time of day, compared in seconds since midnight")
    (one,) = plain if len(plain) == 1 else (pa.float64(),)
    if pt.is_float32(one) or pt.is_float16(one):
        return Floats(n_rows, np.float32)
    if pt.is_int64(one) or pt.is_uint64(one):
        return Whole(n_rows, np.int64 if pt.is_int64(one) else np.uint64)
    is_long = any(pt.is_decimal(t) and t.precision > EXACT_DIGITS for t in plain)
    return Floats(n_rows, np.float64, f"has decimals of more than {EXACT_DIGITS} digits, compared as float64" if is_long else "")
