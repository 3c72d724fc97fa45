"""Compared rows to the cells that columns are counted in: stretches of time, and slices, of either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, Column, ComparedRows
from harness.records.conf import ReplayConf
from harness.records.drift_cells import DriftCells, TimeCells
from harness.records.tally import ALL, Grid
from harness.slicing.column_slices import column_slices
from harness.slicing.crosses import CrossEncoder
from harness.slicing.slice_matrix import first_slices, slice_names
from harness.slicing.windows import distinct, row_window_name, window_keys, window_name

MAX_STRETCHES = 100_000  # 270 years of days, 11 of hours: a table of counts in 20 bins has then 16 MB a column
_STRETCH_US = {True: 3_600_000_000, False: 86_400_000_000}  # of windows of an hour, and of all others
_DAY_US = 86_400_000_000
_SIDES = (REFERENCE_SIDE, CURRENT_SIDE)
Ids = NDArray[np.int32]


def drift_cells(rows: ComparedRows, conf: ReplayConf, columns: Mapping[str, Column]) -> DriftCells:
    """Return the cells of the compared rows: slices as a sweep names and orders them, of rows on either side; windows of each side.

    Stretches of time are UTC days, hours where windows are hours, the windows themselves where these are numbers of rows, and one a side
    where the log has no times.

    Parameters
    ----------
    columns
        The slice columns by name.

    Raises
    ------
    ReplayError
        When there are more slices than `max_slices`, two of one name, a slice column that cannot be compared, or more stretches than
        `MAX_STRETCHES`.

    Examples
    --------
    Two reference rows of one day and two current ones of the next, sliced by country.

    >>> from types import SimpleNamespace
    >>> from harness.records.conf import SliceColumn
    >>> conf = SimpleNamespace(slice_columns=[SliceColumn("c")], crosses=[], max_slices=9, windows=None, window_rows=None)
    >>> rows = ComparedRows(np.array([0, 0, 1, 1], np.int8), np.array([0, 1, _DAY_US, _DAY_US]), 2, 2)
    >>> country = Column("c", "string", "string", "category", codes=np.array([0, 1, 1, 1], np.int32), categories=("FR", "DE"))
    >>> cells = drift_cells(rows, conf, {"c": country})
    >>> cells.slice_value, cells.time.side.tolist(), cells.time.day.tolist(), cells.ids.T.tolist()
    (('all', 'DE', 'FR'), [0, 1], [0, 1], [[0, 0, 1, 1], [4, 2, 3, 3]])
    """
    stretches, time, windows = _stretches(rows, conf)
    found = {s.column: column_slices(columns[s.column], s, conf.max_slices) for s in conf.slice_columns}
    own = [(by, names, ids) for by, (ids, names) in found.items()] + [_cross(by, found, conf.max_slices) for by in conf.crosses]
    of_columns = [(by, names) for by, names, _ in own]
    offsets = first_slices(of_columns, conf.max_slices)
    cells = np.empty((rows.n_rows, 1 + len(own)), np.int32)
    cells[:, 0] = stretches
    for j, (_, _, ids) in enumerate(own):
        cells[:, j + 1] = 2 * ids + rows.side + (time.n_time + 2 * (int(offsets[j]) - 1))
    slice_by, slice_value = slice_names(of_columns)
    return DriftCells(cells, time, windows[CURRENT_SIDE], windows[REFERENCE_SIDE], slice_by, slice_value)


def prepared_cells(rows: ComparedRows, conf: ReplayConf, slice_ids: NDArray[Any], grid: Grid) -> DriftCells:
    """Return the cells of rows of a prepared replay, whose slices are numbered already.

    Parameters
    ----------
    slice_ids
        Of the compared rows, as `PreparedReplay.slice_ids`; id 0 in a column after the first is in no cell.
    """
    stretches, time, windows = _stretches(rows, conf)
    cells = np.empty(slice_ids.shape, np.int32)
    cells[:, 0] = stretches
    own = slice_ids[:, 1:].astype(np.int32)
    cells[:, 1:] = np.where(own > 0, 2 * (own - 1) + rows.side[:, None] + time.n_time, -1)
    return DriftCells(cells, time, windows[CURRENT_SIDE], windows[REFERENCE_SIDE], grid.slice_by, grid.slice_value)


def _cross(by: Sequence[str], found: Mapping[str, tuple[Ids, tuple[str, ...]]], max_slices: int) -> tuple[str, tuple[str, ...], Ids]:
    ids = [found[name][0] for name in by]
    encoder = CrossEncoder("*".join(by), [found[name][1] for name in by])
    encoder.see(ids)
    return encoder.by, encoder.finish(max_slices), encoder.encode(ids)


def _stretches(rows: ComparedRows, conf: ReplayConf) -> tuple[Ids, TimeCells, list[tuple[str, ...]]]:
    """Return the stretch of every row, what the stretches are, and the names of the windows of either side."""
    ids, parts, windows = np.zeros(rows.n_rows, np.int32), [], []
    n_time = 0
    for side in _SIDES:
        own = np.flatnonzero(rows.side == side)
        keys = _keys(own, rows.timestamps_us, conf)
        present = distinct(keys)
        n_time += len(present)
        if n_time > MAX_STRETCHES:
            raise ReplayError(_too_many(conf))
        ids[own] = np.searchsorted(present, keys) + (n_time - len(present))
        cells, names = _time_cells(side, present, rows.timestamps_us is not None, conf)
        parts.append(cells)
        windows.append(names)
    joined = TimeCells(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("side", "window", "day")))
    return ids, joined, windows


def _keys(own: NDArray[np.intp], timestamps_us: NDArray[np.int64] | None, conf: ReplayConf) -> NDArray[np.int64]:
    """Return the number of the stretch of a side's rows: since the epoch, or by the number of the row among those of its side."""
    if conf.window_rows:
        return np.arange(len(own), dtype=np.int64) // conf.window_rows
    if timestamps_us is None:
        return np.zeros(len(own), np.int64)
    return timestamps_us[own] // _STRETCH_US[conf.windows == "1h"]


def _time_cells(side: int, present: NDArray[np.int64], has_times: bool, conf: ReplayConf) -> tuple[TimeCells, tuple[str, ...]]:
    """Return the stretches of a side and the names of its windows; `present` are the keys of the stretches, ascending."""
    sides = np.full(len(present), side, np.int8)
    numbers = np.arange(1, len(present) + 1, dtype=np.int32)
    no_day, no_window = np.full(len(present), -1, np.int64), np.zeros(len(present), np.int32)
    if conf.window_rows:
        return TimeCells(sides, numbers, no_day), (ALL, *(row_window_name(key, conf.window_rows) for key in present.tolist()))
    if not has_times:
        return TimeCells(sides, no_window, no_day), (ALL,)
    starts = present * _STRETCH_US[conf.windows == "1h"]
    if conf.windows is None:
        return TimeCells(sides, no_window, starts // _DAY_US), (ALL,)
    keys = window_keys(starts, conf.windows)
    own = distinct(keys)
    window = (np.searchsorted(own, keys) + 1).astype(np.int32)
    return TimeCells(sides, window, starts // _DAY_US), (ALL, *(window_name(key, conf.windows) for key in own.tolist()))


def _too_many(conf: ReplayConf) -> str:
    if conf.window_rows:
        return (
            f"replay.windows: {{rows: {conf.window_rows}}} cuts the compared rows into more than {MAX_STRETCHES:,} windows, wanted fewer;"
            " put more rows into a window"
        )
    what = "hours" if conf.windows == "1h" else "days"
    return (
        f"replay.timestamp: the times of '{conf.timestamp}' fall on more than {MAX_STRETCHES:,} different {what}, wanted fewer; correct the"
        " times, or leave rows out by replay.where"
    )
