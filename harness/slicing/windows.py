"""Time windows: from timestamps or row numbers to dense ids and names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_UNIT_US = {"1h": 3_600_000_000, "1d": 86_400_000_000, "1w": 604_800_000_000}
_MAX_SPAN = 1 << 24  # hours since the epoch are half a million; beyond it a table would outgrow the sort that it saves
_MONDAY_US = 4 * 86_400_000_000  # 1970-01-05 was the first Monday after the epoch


def window_keys(timestamps_us: NDArray[np.int64], windows: str) -> NDArray[np.int64]:
    """Return the number of each row's window since the epoch, int64 [n]; windows are cut in UTC."""
    if windows == "1mo":
        return timestamps_us.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    shift = _MONDAY_US if windows == "1w" else 0
    return (timestamps_us - shift) // _UNIT_US[windows]


def window_name(key: int, windows: str) -> str:
    """Return a window's name: 2013-04, 2013-04-01 (a week's Monday), or 2013-04-01T05.

    Examples
    --------
    >>> window_name(0, "1mo"), window_name(1, "1w")
    ('1970-01', '1970-01-12')
    """
    if windows == "1mo":
        return str(np.datetime64(key, "M"))
    shift = _MONDAY_US if windows == "1w" else 0
    start = np.datetime64(key * _UNIT_US[windows] + shift, "us")
    return str(start.astype("datetime64[h]" if windows == "1h" else "datetime64[D]"))


def row_window_name(key: int, rows: int) -> str:
    """Return the name of a window of a fixed number of judged rows; zero-padded, so that names sort."""
    return f"rows {key * rows:010d}-{(key + 1) * rows - 1:010d}"


def dense(keys: NDArray[np.int64], counted: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return window numbers 1, 2, … in order, 0 where a row is not counted, and the keys of the windows that hold counted rows.

    Examples
    --------
    >>> ids, present = dense(np.array([7, 5, 7, 9]), np.array([True, True, True, False]))
    >>> ids.tolist(), present.tolist()
    ([2, 1, 2, 0], [5, 7])
    """
    own = keys[counted]
    low, high = (int(own.min()), int(own.max())) if len(own) else (0, -1)
    ids = np.zeros(len(keys), np.int32)
    if high - low < _MAX_SPAN:  # windows are few and close together: a table instead of a sort of all rows
        seen = np.zeros(high - low + 1, bool)
        seen[own - low] = True
        ids[counted] = np.cumsum(seen, dtype=np.int32)[own - low]
        return ids, np.flatnonzero(seen) + low
    present, dense_ids = np.unique(own, return_inverse=True)
    ids[counted] = dense_ids + 1
    return ids, present
