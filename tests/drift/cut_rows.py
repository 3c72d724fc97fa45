"""Compared rows in cells, made from plain lists: what the tables of a column are counted in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.drift.cell_groups import CellGroups
from harness.drift.row_index import RowIndex
from harness.records.column import Column, ColumnKind, ComparedRows
from harness.records.conf import SliceColumn
from harness.slicing.drift_cells import drift_cells
from tests.oracles.compared_rows import window_of
from tests.support.confs import replay_conf

DAY_US = 86_400_000_000


def text(name: str, values: list[str | None]) -> Column:
    """Return a category; its names stand in order of appearance."""
    names = tuple(dict.fromkeys(v for v in values if v is not None))
    place = {v: i for i, v in enumerate(names)}
    codes = np.array([-1 if v is None else place[v] for v in values], np.int32)
    return Column(name, "string", "string", "category", codes=codes, categories=names)


def number(values: Any, dtype: Any = np.float64, missing: list[bool] | None = None, kind: ColumnKind = "number") -> Column:
    """Return a number, or a time in microseconds."""
    is_missing = None if missing is None else np.array(missing, np.bool_)
    return Column("x", "double", "double", kind, values=np.array(values, dtype), is_missing=is_missing)


@dataclass(frozen=True)
class Cut:
    """Rows with their cells, and the same as plain lists for the definition."""

    frame: dict[str, list[Any]]
    rows: ComparedRows
    index: RowIndex
    groups: CellGroups


def cut(side: list[int], days: list[float] | None = None, windows: str | None = None, slices: dict[str, list[Any]] | None = None) -> Cut:
    """Return rows on either side, `days` after the epoch, in windows and slices."""
    times = None if days is None else np.array([int(day * DAY_US) for day in days], np.int64)
    rows = ComparedRows(np.array(side, np.int8), times, side.count(0), side.count(1))
    columns = {name: text(name, values) for name, values in (slices or {}).items()}
    conf = replay_conf(windows=windows, slice_columns=tuple(SliceColumn(name) for name in columns))
    cells = drift_cells(rows, conf, columns)
    frame: dict[str, list[Any]] = {"side": list(side), **(slices or {})}
    if times is not None:
        frame["day"] = [int(t) // DAY_US for t in times]
        frame["window"] = [window_of(int(t), 0, windows, None) for t in times]
    return Cut(frame, rows, RowIndex(rows, cells), CellGroups(cells))
