"""Columns of times as microseconds since the epoch in UTC."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError


def microseconds_of(column: pa.Array, key: str, name: str) -> NDArray[np.int64]:
    """Return the times of a column without nulls, int64 [n]; times without a zone are UTC.

    Raises
    ------
    ReplayError
        When the column `name`, which the configuration names under `key`, holds no times. A number is none: it does not say whether it
        counts seconds, milliseconds or days.
    """
    if not (pt.is_timestamp(column.type) or pt.is_date(column.type)):
        wanted = f"{key}: column '{name}' is {column.type}, wanted a timestamp; write it as one"
        if pt.is_integer(column.type):
            raise ReplayError(wanted)
        try:
            column = column.cast(pa.timestamp("us"))
        except pa.ArrowException as trouble:
            raise ReplayError(wanted) from trouble
    return np.asarray(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy())


def time_text(count: int, unit: str) -> str:
    """Return a time as a message shows it: `count` of `unit` (s, ms, us, ns) since the epoch, in UTC.

    >>> time_text(86_400_500, "ms"), time_text(0, "us")
    ('1970-01-02T00:00:00.5', '1970-01-01T00:00:00')
    """
    text = str(np.array(count).astype(f"datetime64[{unit}]"))
    return text.rstrip("0").rstrip(".") if "." in text else text
