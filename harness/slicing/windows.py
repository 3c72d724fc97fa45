"""Time windows: from timestamps or row numbers to dense ids and names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.conf import ReplayConf
from harness.records.replay import is_known
from harness.records.tally import ALL
from harness.slicing.blocks import NewArray, blocks

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


def distinct(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct keys in order, int64.

    Examples
    --------
    >>> distinct(np.array([7, 5, 7])).tolist()
    [5, 7]
    """
    low, high = (int(keys.min()), int(keys.max())) if len(keys) else (0, -1)
    if high - low >= _MAX_SPAN:
        return np.unique(keys)
    seen = np.zeros(high - low + 1, bool)  # windows are few and close together: a table instead of a sort of all rows
    seen[keys - low] = True
    return np.flatnonzero(seen) + low


def numbers_of(keys: NDArray[np.int64], counted: NDArray[np.bool_], present: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return window numbers 1, 2, … in order of the keys `present`, int32 [n]; 0 where a row is not counted.

    Examples
    --------
    >>> numbers_of(np.array([7, 5, 9]), np.array([True, True, False]), np.array([5, 7])).tolist()
    [2, 1, 0]
    """
    return np.where(counted, np.searchsorted(present, keys) + 1, 0).astype(np.int32)


def write_windows(
    conf: ReplayConf, judged_labels: NDArray[Any], timestamps_us: NDArray[np.int64] | None, new_array: NewArray
) -> tuple[str, ...]:
    """Write the array `window_ids` and return the windows' names; window 0 is all of them. Only judged rows name windows.

    Parameters
    ----------
    judged_labels
        As `PreparedReplay.judged_labels`, [n_rows].
    timestamps_us
        int64 [n_rows], or None where the log has no time column.
    """
    windows, rows = conf.windows, conf.window_rows
    if not rows and (windows is None or timestamps_us is None):
        return (ALL,)
    present = np.zeros(0, np.int64)
    for keys, counted in _window_keys(conf, judged_labels, timestamps_us):
        present = np.union1d(present, distinct(keys[counted]))
    ids = new_array("window_ids", np.int32, None)
    for keys, counted in _window_keys(conf, judged_labels, timestamps_us):
        ids.append(numbers_of(keys, counted, present))
    ids.finish()
    return (ALL, *(row_window_name(k, rows) if rows else window_name(k, str(windows)) for k in present.tolist()))


def _window_keys(
    conf: ReplayConf, labels: NDArray[Any], timestamps_us: NDArray[np.int64] | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    n_before = 0
    for block in blocks(len(labels)):
        judged = is_known(labels[block])
        if conf.window_rows:
            keys = np.maximum(n_before + np.cumsum(judged) - 1, 0) // conf.window_rows
            n_before += int(judged.sum())
        else:
            assert timestamps_us is not None
            keys = window_keys(timestamps_us[block], str(conf.windows))
        yield keys, judged
