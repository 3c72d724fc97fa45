"""The cells of compared rows against a definition row by row, and against the slices of a sweep."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReplayError
from harness.records.column import Column, ComparedRows
from harness.records.conf import SliceColumn
from harness.slicing import drift_cells as module
from harness.slicing.drift_cells import drift_cells
from tests.oracles.compared_rows import day_of, window_of
from tests.replay.design_log import prepared_of
from tests.support.compared import compared_log, days
from tests.support.confs import replay_conf

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def rows_of(side, times=None):
    side = np.array(side, np.int8)
    return ComparedRows(side, None if times is None else np.array(times, np.int64), int((side == 0).sum()), int((side == 1).sum()))


def text(name, values):
    names = tuple(dict.fromkeys(v for v in values if v is not None))
    codes = np.array([-1 if v is None else names.index(v) for v in values], np.int32)
    return Column(name, "string", "string", "category", codes=codes, categories=names)


def number(name, values, type_="double", dtype=float):
    return Column(name, type_, type_, "number", values=np.array(values, dtype))


def cells_of(rows, columns=(), **changes):
    conf = replay_conf(slice_columns=tuple(SliceColumn(c.name) for c in columns), **changes)
    return drift_cells(rows, conf, {c.name: c for c in columns})


def slices_of(cells, rows):
    """Return the names of the slices of every row, read back from its cells."""
    by_cell = {}
    for number in range(1, cells.n_slices):
        for side in (0, 1):
            by_cell[cells.cell_of_slice(number, side)] = cells.slice_by[number], cells.slice_value[number], side
    found = []
    for row, side in zip(cells.ids.tolist(), rows.side.tolist(), strict=True):
        names = [by_cell[cell] for cell in row[1:]]
        assert {own for *_, own in names} <= {side}
        found.append([(by, value) for by, value, _ in names])
    return found


TIMES = st.integers(-3 * DAY_US, 70 * DAY_US)


@settings(max_examples=60, deadline=None)
@given(
    log=st.lists(
        st.tuples(st.booleans(), TIMES, st.sampled_from(["a", "b", None]), st.sampled_from([0.5, 7.0, -0.0, np.nan])), max_size=30
    ),
    windows=st.sampled_from([(None, None), ("1h", None), ("1d", None), ("1w", None), ("1mo", None), (None, 3)]),
)
def test_every_row_is_in_the_cells_that_the_definition_says(log, windows):
    side, times = [int(s) for s, *_ in log], [t for _, t, *_ in log]
    rows, (unit, n) = rows_of(side, times), windows
    columns = [text("c", [c for *_, c, _ in log]), number("x", [x for *_, x in log])]
    cells = cells_of(rows, columns, crosses=(("c", "x"),), windows=unit, window_rows=n)
    names = {0: cells.reference_windows, 1: cells.windows}
    before = Counter()
    for (own, at, c, x), ids, found in zip(log, cells.ids.tolist(), slices_of(cells, rows), strict=True):
        stretch = ids[0]
        assert cells.time.side[stretch] == own
        assert cells.time.day[stretch] == (-1 if n else day_of(at))
        window = cells.time.window[stretch]
        assert (window > 0) == (unit is not None or n is not None)
        assert names[own][window] == window_of(at, before[own], unit, n)
        before[own] += 1
        shown = "missing" if np.isnan(x) else f"{x:g}".replace("-0", "0")
        assert found == [("c", c or "missing"), ("x", shown), ("c*x", f"{c or 'missing'}*{shown}")]
    keys = {(own, ids[0]) for own, ids in zip(side, cells.ids.tolist(), strict=True)}
    assert len(keys) == cells.time.n_time  # no stretch without a row
    if not n:
        finest = HOUR_US if unit == "1h" else DAY_US
        assert cells.time.n_time == len({(own, at // finest) for own, at, *_ in log})
    assert cells.ids.dtype == np.int32
    assert cells.ids.shape == (len(log), 4)
    assert not len(log) or cells.ids.max() < cells.n_cells


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), TIMES, st.sampled_from("abc")), min_size=1, max_size=20), st.randoms())
def test_the_order_of_rows_changes_nothing_where_windows_are_times(log, random):
    def read(order):
        rows = rows_of([int(s) for s, *_ in order], [t for _, t, _ in order])
        cells = cells_of(rows, [text("c", [c for *_, c in order])], windows="1w")
        return cells, dict(zip(map(id, order), cells.ids.tolist(), strict=True))

    log = [tuple(row) for row in log]
    shuffled = list(log)
    random.shuffle(shuffled)
    (first, ids), (second, other) = read(log), read(shuffled)
    assert {i: ids[i] for i in ids} == {i: other[i] for i in ids}
    assert (first.windows, first.slice_value, first.time.day.tolist()) == (second.windows, second.slice_value, second.time.day.tolist())


def test_windows_of_either_side_are_named_by_its_own_rows():
    cells = cells_of(rows_of([0, 1, 0], [0, 40 * DAY_US, 70 * DAY_US]), windows="1mo")
    assert cells.reference_windows == ("all", "1970-01", "1970-03")
    assert cells.windows == ("all", "1970-02")
    assert cells.time.window.tolist() == [1, 2, 1]


def test_hours_are_stretches_of_their_own_and_keep_their_day():
    cells = cells_of(rows_of([1, 1, 1], [DAY_US, DAY_US + HOUR_US, DAY_US]), windows="1h")
    assert cells.ids[:, 0].tolist() == [0, 1, 0]
    assert cells.time.day.tolist() == [1, 1]
    assert cells.windows == ("all", "1970-01-02T00", "1970-01-02T01")


def test_a_log_without_times_has_one_stretch_a_side():
    cells = cells_of(rows_of([0, 1, 1]), timestamp=None)
    assert cells.ids.tolist() == [[0], [1], [1]]
    assert (cells.time.day.tolist(), cells.time.window.tolist()) == ([-1, -1], [0, 0])
    assert cells.windows == cells.reference_windows == ("all",)


def test_windows_of_rows_count_each_side_for_itself_in_the_order_of_the_log():
    cells = cells_of(rows_of([0, 1, 0, 1, 1], [9 * DAY_US, 1, 5, 0, 7]), windows=None, window_rows=2)
    assert cells.ids[:, 0].tolist() == [0, 1, 0, 1, 2]
    assert cells.windows == ("all", "rows 0000000000-0000000001", "rows 0000000002-0000000003")


def test_slices_of_either_side_have_cells_on_both():
    rows = rows_of([0, 0, 1])
    cells = cells_of(rows, [text("c", ["only before", "both", "both"])], timestamp=None)
    assert cells.slice_value == ("all", "both", "only before")
    assert cells.n_cells == 2 + 2 * 2
    assert np.bincount(cells.ids[:, 1], minlength=cells.n_cells).tolist() == [0, 0, 1, 1, 1, 0]


def test_many_stretches_do_not_leave_the_numbers_of_the_sides():
    rows = rows_of([0] * 200 + [1] * 200, np.arange(400) * DAY_US)  # more stretches than an int8 side can count
    cells = cells_of(rows, [text("c", ["x"] * 400)])
    assert cells.ids[0].tolist() == [0, 400]
    assert cells.ids[-1].tolist() == [399, 401]


def test_bands_are_cut_as_in_a_sweep_and_booleans_are_numbers_too():
    rows = rows_of([0, 1, 1, 1])
    flag = Column("b", "bool", "bool", "category", codes=np.array([0, 1, -1, 1], np.int32), categories=("false", "true"))
    whole = Column("n", "int64", "int64", "number", values=np.array([1, 0, 2**60, 3]), is_missing=np.array([False, True, False, False]))
    conf = replay_conf(timestamp=None, slice_columns=(SliceColumn("b", (1.0,)), SliceColumn("n", (2.0, 3.0))))
    cells = drift_cells(rows, conf, {"b": flag, "n": whole})
    assert [[value for _, value in row] for row in slices_of(cells, rows)] == [
        ["< 1", "< 2"], [">= 1", "missing"], ["missing", ">= 3"], [">= 1", ">= 3"],
    ]  # fmt: skip


LOG = {
    "text": pa.array(["b", "missing", None, "a"]),
    "codes": pa.array(["y", "x", None, "y"]).dictionary_encode(),
    "whole": pa.array([10, 9, None, 2]),
    "big": pa.array([2**53, 2**53 + 1, None, -(2**60)]),
    "unsigned": pa.array([2**63 - 1, 1, None, 3], pa.uint64()),
    "single": pa.array([0.1, 7.0, None, float("inf")], pa.float32()),
    "half": pa.array([0.1, 7.0, None, -1.5], pa.float16()),
    "double": pa.array([0.30000000000000004, -0.0, float("nan"), 1e300]),
    "price": pa.array([Decimal("9.00"), Decimal("10.10"), None, Decimal("-0.25")], pa.decimal128(7, 2)),
    "flag": pa.array([True, False, None, True]),
    "day": pa.array([date(2024, 2, 29), date(1969, 12, 31), None, date(2024, 2, 28)]),
    "at": pa.array([datetime(2024, 2, 29, 1, 2, 3), datetime(1960, 1, 1), None, datetime(2024, 2, 29)], pa.timestamp("ms")),
    "zoned": pa.array([datetime(2024, 7, 1), datetime(2024, 1, 1), None, datetime(1960, 1, 1)], pa.timestamp("us", "Europe/Berlin")),
}


@pytest.mark.parametrize("name", LOG)
def test_slices_are_named_and_ordered_as_those_of_a_sweep(tmp_path, name):
    columns = LOG | {"t": days(1, 2, 3, 4), "y": pa.array([0, 1, 0, 1])}
    slices = {"columns": ["flag", name], "crosses": [["flag", name]]} if name != "flag" else {"columns": [name]}
    swept = prepared_of(tmp_path, columns, slices=slices).grid
    log = compared_log(tmp_path / "compared", columns, timestamp="t", reference={"until": "1970-01-03"}, slices=slices)
    rows, conf = log.rows(), log._conf
    cells = drift_cells(rows, conf, {s.column: log.column(s.column) for s in conf.slice_columns})
    assert (cells.slice_by, cells.slice_value) == (swept.slice_by, swept.slice_value)


@pytest.mark.parametrize("types", [("double", "int64"), ("int64", "double"), ("decimal128(5, 0)", "double")])
def test_numbers_of_two_types_are_the_same_slice(types):
    column = Column("n", *types, "number", values=np.array([7.0, 7.0, 0.5]))
    assert cells_of(rows_of([0, 1, 1]), [column], timestamp=None).slice_value == ("all", "0.5", "7")


def test_a_time_beyond_the_calendar_of_python_has_a_name_too():
    times = np.array([0, 9_000_000_000_000_000_000])
    column = Column("t", "timestamp[us]", "timestamp[us]", "time", values=times, is_missing=np.zeros(2, bool))
    assert cells_of(rows_of([0, 1]), [column], timestamp=None).slice_value[1:] == ("1970-01-01 00:00:00", "287168-08-24T16:00:00.000000")


@pytest.mark.parametrize(
    ("columns", "changes", "words"),
    [
        ([text("c", list("abcd"))], {"max_slices": 3}, r"column 'c' has more than 3 values"),
        ([number("x", [1, 2, 3, 4])], {"max_slices": 2}, r"column 'x' has more than 2 values"),
        ([text("c", list("abab")), text("d", list("xxyy"))], {"max_slices": 3}, r"4 slices up to d, above slices.max_slices=3"),
        ([text("c", list("abab")), text("d", list("xxyy"))], {"max_slices": 3, "crosses": (("c", "d"),)}, r"4 slices of c\*d, above"),
        ([Column("l", "list", "list", "none", note="'l' is list, which cannot be compared")], {}, r"slices: 'l' is list, which cannot be compared; "),
        ([text("c", ["missing", None, "missing (null)", "a"])], {}, r"2 different slices of 'c' are called 'missing \(null\)'"),
    ],
)  # fmt: skip
def test_what_cannot_be_sliced_is_refused(columns, changes, words):
    with pytest.raises(ReplayError, match=words):
        cells_of(rows_of([0, 0, 1, 1]), columns, timestamp=None, **changes)


def test_edges_ask_for_numbers():
    conf = replay_conf(timestamp=None, slice_columns=(SliceColumn("c", (1.0,)),))
    with pytest.raises(ReplayError, match=r"'c' is string; wanted numbers, since it has edges; name another column"):
        drift_cells(rows_of([0, 1]), conf, {"c": text("c", ["a", "b"])})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, r"replay.timestamp: the times of 't' fall on more than 4 different days"),
        ({"windows": "1h"}, r"more than 4 different hours"),
        ({"window_rows": 1}, r"replay.windows: {rows: 1} cuts the compared rows into more than 4 windows"),
    ],
)
def test_times_that_are_scattered_are_refused(monkeypatch, changes, words):
    monkeypatch.setattr(module, "MAX_STRETCHES", 4)
    cells_of(rows_of([0, 0, 1, 1], np.arange(4) * DAY_US), **changes)  # four are not too many
    with pytest.raises(ReplayError, match=words):
        cells_of(rows_of([0, 0, 1, 1, 1], np.arange(5) * DAY_US), **changes)


def test_no_rows_have_no_cells():
    cells = cells_of(rows_of([], []), [text("c", [])], windows="1d")
    assert (cells.ids.shape, cells.n_cells, cells.windows, cells.slice_by) == ((0, 2), 0, ("all",), ("all",))
