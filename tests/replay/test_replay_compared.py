"""A log beside its reference: sides, columns in their own types, labels; against definitions row by row."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReplayError
from harness.replay import column_parts
from harness.replay.log_files import open_log
from tests.oracles.compared_rows import side_of, value_of, values_in
from tests.support.compared import DAY_US, compared_log, days, written

UNTIL_2 = {"until": "1970-01-03"}  # the days 0 and 1 are the reference
T4 = {"t": days(0, 1, 2, 3)}
KEYS = {"timestamp": "t", "reference": UNTIL_2}


def column_of(tmp_path, values, **keys):
    """Return a column of four rows, two on either side."""
    return compared_log(tmp_path, T4 | {"x": values}, **(KEYS | keys)).column("x")


# Sides.


@settings(max_examples=40, deadline=None)
@given(
    times=st.lists(st.integers(0, 8 * DAY_US), min_size=2, max_size=25),
    kept=st.lists(st.booleans(), min_size=25, max_size=25),
    rows_per_group=st.sampled_from([2, 5, 100]),
    limit=st.sampled_from([None, 5]),
)
def test_every_row_is_on_the_side_that_the_definition_says(tmp_path_factory, times, kept, rows_per_group, limit):
    times, kept = [DAY_US, 7 * DAY_US, *times], [True, True, *kept][: len(times) + 2]
    columns = {
        "t": pa.array(times, pa.timestamp("us")),
        "c": pa.array(["in" if k else "out" for k in kept]),
        "n": pa.array(range(len(times))),
    }
    periods = {"training": {"until": "1970-01-02"}, "reference": {"from": "1970-01-02", "until": "1970-01-04"}}
    log = compared_log(
        tmp_path_factory.mktemp("log"), columns, timestamp="t", tuning={"from": "1970-01-03", "until": "1970-01-05"}, limit=limit,
        where=[{"column": "c", "in": ["in"]}], rows_per_group=rows_per_group, **periods,
    )  # fmt: skip
    rows = log.rows()
    read = range(len(times))[:limit]
    sides = {i: side_of(times[i], log._conf) for i in read if kept[i]}
    expected = [i for i, side in sides.items() if side in (0, 1)]
    assert rows.row_numbers.tolist() == expected
    assert rows.side.tolist() == [sides[i] for i in expected]
    assert rows.timestamps_us.tolist() == [times[i] for i in expected]
    assert (rows.n_reference, rows.n_current) == (rows.side.tolist().count(0), rows.side.tolist().count(1))
    assert values_in(log.column("n")) == expected
    left_out = dict(rows.left_out)
    assert left_out.get("beyond replay.limit", 0) == len(times) - len(read)
    assert left_out.get("left out by replay.where", 0) == sum(not kept[i] for i in read)
    for period in ("training period", "tuning period"):
        assert left_out.get(period, 0) == list(sides.values()).count(period)
    assert rows.n_rows + sum(left_out.values()) == len(times)


def test_rows_of_a_reference_that_is_tuned_on_stay_reference(tmp_path):
    log = compared_log(tmp_path, T4, tuning="reference", **KEYS)
    assert log.rows().side.tolist() == [0, 0, 1, 1]


def test_another_log_is_the_reference_and_comes_first_with_all_its_rows(tmp_path):
    log = compared_log(
        tmp_path, {"t": days(9, 1, 8), "c": ["a", "a", "b"]}, {"t": days(5, 0, 6), "c": ["b", "a", "a"]}, timestamp="t",
        where=[{"column": "c", "in": ["a"]}], training={"until": "1970-01-02T12:00"},
    )  # fmt: skip
    rows = log.rows()
    assert rows.side.tolist() == [0, 0, 1]  # the training period is the log's: day 0 of the reference log stays
    assert rows.row_numbers.tolist() == [1, 2, 0]
    assert rows.timestamps_us.tolist() == [0, 6 * DAY_US, 9 * DAY_US]
    assert rows.left_out == (
        ("left out by replay.where", 1), ("training period", 1), ("left out of the reference by replay.where", 1),
    )  # fmt: skip
    assert rows.notes == ()
    assert values_in(log.column("c")) == ["a", "a", "a"]


def test_a_limit_is_of_the_log_and_not_of_the_reference(tmp_path):
    rows = compared_log(tmp_path, {"x": [1, 2, 3]}, {"x": [4, 5, 6]}, limit=1).rows()
    assert (rows.n_reference, rows.n_current, rows.timestamps_us) == (3, 1, None)
    assert rows.notes == ("replay.limit=1: only the first rows were read",)


def test_logs_that_overlap_in_time_are_noted(tmp_path):
    rows = compared_log(tmp_path, {"t": days(1, 3)}, {"t": days(0, 1)}, timestamp="t").rows()
    assert rows.notes == (
        "the reference log (1970-01-01T00:00:00 to 1970-01-02T00:00:00) and the current rows (1970-01-02T00:00:00 to 1970-01-04T00:00:00)"
        " overlap in time: some rows may be on both sides",
    )


def test_a_stored_profile_needs_no_reference_rows(tmp_path):
    assert compared_log(tmp_path / "none", {"x": [1, 2]}, needs_reference=False).rows().side.tolist() == [1, 1]
    log = compared_log(tmp_path / "period", T4, needs_reference=False, timestamp="t", reference={"until": "1960-01-01"})
    assert log.rows().n_reference == 0


def test_a_reference_log_that_is_not_opened_leaves_every_row_current(tmp_path):
    written(tmp_path / "ref.parquet", {"x": [9]})
    log = compared_log(tmp_path, {"x": [1, 2]}, needs_reference=False)
    log = type(log)(log._log, log._conf, None, log._roles_of, tmp_path, needs_reference=False)
    assert log.rows().side.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("columns", "other", "keys", "words"),
    [
        (T4, None, {"timestamp": "t"}, r"^replay.reference: found null; wanted a period \({from, until}\), another log \({path: ...}\) or drift"),
        (T4, None, {"timestamp": "t", "reference": {"until": "1960-01-01"}}, r"replay.reference: no row of the log is left as reference, wanted"),
        (T4, None, {"timestamp": "t", "reference": {"from": "1960-01-01"}}, r"replay: no row of the log is left to hold against the reference"),
        (T4, None, KEYS | {"training": {"before": "1970-01-03"}}, r"no row of the log is left as reference \(training period: 2\), wanted"),
        (T4 | {"c": ["a", "a", "b", "b"]}, None, KEYS | {"where": [{"column": "c", "in": ["b"]}]}, r"\(left out by replay.where: 2\)"),
        ({"c": ["a"]}, {"c": ["b"]}, {"where": [{"column": "c", "in": ["a"]}]}, r"replay.reference.path: no row of that log is left as reference"),
        ({"x": [1]}, {"x": [1]}, {}, r"replay.reference.path: it has the same bytes as the log, wanted other rows"),
        ({"c": ["a"]}, {"d": ["a"]}, {"where": [{"column": "c", "in": ["a"]}]}, r"replay.reference.path: no column 'c' in reference.parquet"),
        (T4, {"x": [1]}, {"timestamp": "t"}, r"replay.reference.path: no column 't' in reference.parquet"),
        ({"t": days(0, None, 3)}, None, KEYS, r"replay.timestamp: column 't' has no time in 1 rows; fill them in or leave them out"),
        ({"t": [1, 2]}, None, KEYS, r"replay.timestamp: column 't' is int64, wanted a timestamp"),
        (T4, None, KEYS | {"where": [{"column": "t", "in": ["x"]}]}, r"replay.where: column 't' is timestamp\[us\]"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_compared_are_refused(tmp_path, columns, other, keys, words):
    with pytest.raises(ReplayError, match=words):
        compared_log(tmp_path, columns, other, **keys).rows()


def test_a_reference_that_is_one_of_the_files_of_the_log_is_refused(tmp_path):
    for name in ("a", "b"):
        written(tmp_path / f"{name}.parquet", {"x": [ord(name)]})
    log = compared_log(tmp_path / "own", {"x": [1]}, needs_reference=False)
    both, one = open_log(str(tmp_path / "*.parquet"), None), open_log(str(tmp_path / "a.parquet"), None)
    with pytest.raises(ReplayError, match=r"replay.reference.path: a.parquet is also a file of the log, wanted other rows"):
        type(log)(both, log._conf, one, log._roles_of, tmp_path)


def test_rows_without_a_time_that_where_leaves_out_refuse_nothing(tmp_path):
    log = compared_log(tmp_path, {"t": days(0, None, 3), "c": ["a", "b", "a"]}, where=[{"column": "c", "in": ["a"]}], **KEYS)
    assert log.rows().side.tolist() == [0, 1]


# Columns.

AT = datetime(2024, 2, 29, 1, 2, 3)
TYPED = {
    "single": (pa.array([0.1, float("nan"), None, float("-inf")], pa.float32()), "number", np.float32),
    "half": (pa.array([0.5, float("nan"), None, -0.0], pa.float16()), "number", np.float32),
    "double": (pa.array([0.1, float("nan"), None, float("inf")]), "number", np.float64),
    "small": (pa.array([1, -128, None, 127], pa.int8()), "number", np.float64),
    "whole": (pa.array([2**53, -(2**53), None, 0]), "number", np.float64),
    "big": (pa.array([2**53 + 1, -1, None, 0]), "number", np.int64),
    "deep": (pa.array([-(2**63), 2**63 - 1, None, 0]), "number", np.int64),
    "unsigned": (pa.array([2**53, 0, None, 7], pa.uint64()), "number", np.float64),
    "unsigned big": (pa.array([2**63 - 1, 0, None, 7], pa.uint64()), "number", np.int64),
    "decimal32": (pa.array([Decimal("0.1"), Decimal("-9.87"), None, Decimal(0)], pa.decimal32(9, 3)), "number", np.float64),
    "decimal64": (pa.array([Decimal("0.1"), Decimal("-9.87"), None, Decimal(0)], pa.decimal64(15, 3)), "number", np.float64),
    "decimal128": (pa.array([Decimal("0.1"), Decimal("9000000.87"), None, Decimal(0)], pa.decimal128(15, 5)), "number", np.float64),
    "decimal256": (pa.array([Decimal("0.1"), Decimal("-9.87"), None, Decimal(0)], pa.decimal256(12, 5)), "number", np.float64),
    "flag": (pa.array([True, False, None, True]), "category", np.int32),
    "text": (pa.array(["b", "a", None, "b"]), "category", np.int32),
    "empty text": (pa.array(["", "a", None, ""]), "category", np.int32),
    "large text": (pa.array(["b", "a", None, "b"], pa.large_string()), "category", np.int32),
    "viewed text": (pa.array(["b", "a", None, "b"], pa.string_view()), "category", np.int32),
    "codes": (pa.array(["b", "a", None, "b"]).dictionary_encode(), "category", np.int32),
    "large codes": (pa.array(["b", "a", None, "b"], pa.large_string()).dictionary_encode(), "category", np.int32),
    "coded numbers": (pa.array([1.5, 2.5, None, 1.5]).dictionary_encode(), "number", np.float64),
    "day": (pa.array([date(2024, 2, 29), date(1960, 1, 1), None, date(9999, 12, 31)]), "time", np.int64),
    "day64": (pa.array([date(2024, 2, 29), date(1960, 1, 1), None, date(9999, 12, 31)], pa.date64()), "time", np.int64),
    "seconds": (pa.array([AT, datetime(1960, 1, 1), None, AT], pa.timestamp("s")), "time", np.int64),
    "millis": (pa.array([AT, datetime(1960, 1, 1), None, AT], pa.timestamp("ms")), "time", np.int64),
    "zoned": (pa.array([AT, datetime(1960, 1, 1), None, AT], pa.timestamp("us", "America/New_York")), "time", np.int64),
    "nanos": (pa.array([AT, datetime(1970, 1, 1), None, AT], pa.timestamp("ns")), "time", np.int64),
    "typed nulls": (pa.nulls(4, pa.float32()), "number", np.float32),
    "typed null texts": (pa.nulls(4, pa.string()), "category", np.int32),
    "typed null days": (pa.nulls(4, pa.date32()), "time", np.int64),
    "typed null wholes": (pa.nulls(4, pa.int64()), "number", np.float64),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("rows_per_group", [1, 3, 100])
def test_a_column_keeps_its_values_in_its_own_type(tmp_path, name, rows_per_group):
    values, kind, dtype = TYPED[name]
    found = column_of(tmp_path, values, rows_per_group=rows_per_group)
    expected = [value_of(v) for v in values.to_pylist()]
    assert (found.kind, found.note, found.reference_type) == (kind, "", found.type)
    assert found.type == str(pq.read_schema(tmp_path / "log.parquet").field("x").type)
    assert (found.codes if kind == "category" else found.values).dtype == dtype
    assert values_in(found) == [None if v is None else dtype(v).item() if kind == "number" else v for v in expected]
    if kind == "category" and name != "flag":
        assert found.categories == tuple(dict.fromkeys(v for v in expected if v is not None))
    assert (found.is_missing is not None) == (dtype == np.int64)


def test_decimals_are_the_nearest_numbers(tmp_path):
    rng = np.random.default_rng(0)
    whole, scales = rng.integers(-(10**15) + 1, 10**15, 2_000), (0, 4, 15)
    for scale in scales:
        decimals = [Decimal(int(v)).scaleb(-scale) for v in whole]
        columns = {"t": days(*range(2_000)), "x": pa.array(decimals, pa.decimal128(15, scale))}
        assert compared_log(tmp_path / f"{scale}", columns, **KEYS).column("x").values.tolist() == [float(v) for v in decimals]


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        (
            pa.array([2**64 - 1, 0, None, 7], pa.uint64()), [2.0**64, 0.0, None, 7.0],
            "'x' holds whole numbers above 2^63, compared as float64: the last digits are lost",
        ),
        (
            pa.array([Decimal("0.1"), Decimal("1234567890123456.78"), None, Decimal(0)], pa.decimal128(18, 2)),
            [0.1, 1234567890123456.78, None, 0.0], "'x' has decimals of more than 15 digits, compared as float64",
        ),
        (
            pa.array([time(1, 2, 3, 500_000), time(0), None, time(23, 59, 59)], pa.time64("us")), [3723.5, 0.0, None, 86399.0],
            "'x' is a time of day, compared in seconds since midnight",
        ),
        (pa.array([5, 0, None, 7], pa.time32("s")), [5.0, 0.0, None, 7.0], "'x' is a time of day, compared in seconds since midnight"),
        (pa.array([timedelta(seconds=1.5), timedelta(0), None, timedelta(days=-1)], pa.duration("ms")), [1.5, 0.0, None, -86400.0],
         "'x' is a duration, compared in seconds"),
    ],
)  # fmt: skip
def test_what_changes_on_the_way_is_noted(tmp_path, values, expected, note):
    found = column_of(tmp_path, values)
    assert (found.kind, found.note) == ("number", note)
    assert values_in(found) == expected


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (pa.array([[1], [2], None, []]), "is list<element: int64>, which cannot be compared"),
        (pa.array([[1], [2], None, [3]], pa.list_(pa.float32(), 1)), "is fixed_size_list<element: float>[1], which cannot be compared"),
        (pa.array([{"a": 1}] * 4), "is struct<a: int64>, which cannot be compared"),
        (pa.array([b"a"] * 4), "is binary, which cannot be compared"),
        (pa.array([b"a"] * 4).dictionary_encode(), "is dictionary<values=binary, indices=int32, ordered=0>, which cannot be compared"),
        (pa.nulls(4), "has no value in any row: its type is null"),
        (pa.array([2**62] * 4, pa.timestamp("ms")), "holds times beyond the range of microseconds, the year 294,000"),
    ],
)
def test_columns_that_cannot_be_compared_say_why(tmp_path, values, why):
    found = column_of(tmp_path, values)
    assert (found.kind, found.values, found.codes) == ("none", None, None)
    assert found.note.replace("item:", "element:") == f"'x' {why}"


@pytest.mark.parametrize(
    ("reference", "current", "kind", "expected", "note"),
    [
        ([1, None], pa.array([1.5, 2.5], pa.float32()), "number", [1.0, None, 1.5, 2.5], "is int64 in the reference and float in the log, compared as float64"),
        (pa.array([1], pa.int32()), [2**60], "number", [1.0, 2.0**60], "is int32 in the reference and int64 in the log, compared as float64"),
        (pa.array(["a"]), pa.array(["b", "a"]).dictionary_encode(), "category", ["a", "b", "a"],
         "is string in the reference and dictionary<values=string, indices=int32, ordered=0> in the log, compared as texts"),
        (pa.array([date(1970, 1, 2)]), days(2), "time", [DAY_US, 2 * DAY_US], "is date32[day] in the reference and timestamp[us] in the log, compared as times in UTC"),
        (pa.nulls(2), [1.5], "number", [None, None, 1.5], "has no value in any reference row (its type there is null)"),
        (["a"], pa.nulls(2), "category", ["a", None, None], "has no value in any current row (its type there is null)"),
        ([2**60], pa.nulls(1), "number", [2**60, None], "has no value in any current row (its type there is null)"),
        ([True], pa.nulls(1), "category", ["true", None], "has no value in any current row (its type there is null)"),
        (days(1), pa.nulls(1), "time", [DAY_US, None], "has no value in any current row (its type there is null)"),
        (pa.array([5], pa.duration("s")), pa.nulls(1), "number", [5.0, None],
         "has no value in any current row (its type there is null); is a duration, compared in seconds"),
        (["1"], [1], "none", None, "is string in the reference and int64 in the log, which cannot be compared"),
        ([True], [1], "none", None, "is bool in the reference and int64 in the log, which cannot be compared"),
        ([[1]], [1], "none", None, "is list<element: int64> in the reference and int64 in the log, which cannot be compared"),
        (pa.nulls(1), pa.nulls(1), "none", None, "has no value in any row: its type is null"),
    ],
)  # fmt: skip
def test_types_of_two_logs_are_compared_where_they_can_be(tmp_path, reference, current, kind, expected, note):
    log = compared_log(tmp_path, {"x": current, "own": ["log"] * len(current)}, {"x": reference})
    found = log.column("x")
    assert (found.kind, found.note) == (kind, f"'x' {note}")
    assert expected is None or values_in(found) == expected
    assert found.type == str(pa.array(current).type)


def test_a_column_of_one_log_alone_is_named_and_not_compared(tmp_path):
    log = compared_log(tmp_path, {"x": [1, 2], "new": [1, 2]}, {"x": [3], "old": ["a"]})
    assert log.names() == ("x", "new", "old")
    old, new = log.column("old"), log.column("new")
    assert (old.kind, old.type, old.reference_type, old.note) == ("none", "", "string", "'old' is not in the log")
    assert (new.kind, new.type, new.reference_type, new.note) == ("none", "int64", "", "'new' is not in the reference")
    with pytest.raises(ReplayError, match=r"drift.columns: no column 'nwe' in the log; did you mean 'new'\?"):
        log.column("nwe")


def test_categories_stand_in_order_of_appearance_and_only_those_of_compared_rows(tmp_path):
    codes = pa.DictionaryArray.from_arrays([3, 1, 0, 1], ["unused", "a", "gone", "z"])
    found = compared_log(tmp_path, T4 | {"x": codes, "c": list("kklk")}, where=[{"column": "c", "in": ["k"]}], **KEYS).column("x")
    assert (found.categories, found.codes.tolist()) == (("z", "a"), [0, 1, 1])


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.sampled_from([None, "", "a", "b", "é", "missing"]), min_size=2, max_size=40),
    rows_per_group=st.integers(1, 40),
    part_rows=st.integers(1, 40),
)
def test_texts_are_the_same_however_the_log_is_cut(tmp_path_factory, values, rows_per_group, part_rows):
    columns = {"t": days(*range(len(values))), "x": pa.array(values, pa.string())}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_parts, "PART_ROWS", part_rows)
        log = compared_log(
            tmp_path_factory.mktemp("log"), columns, rows_per_group=rows_per_group, timestamp="t", reference={"until": "1970-01-02"}
        )
        found = log.column("x")
    assert values_in(found) == values
    assert found.categories == tuple(dict.fromkeys(v for v in values if v is not None))


def test_many_texts_are_decoded_without_a_python_object_a_row(tmp_path):
    n_rows, n_texts = 200_000, 150_000  # more than a dictionary page holds: Parquet writes the rest as plain texts
    texts = pa.array([f"user-{i:012d}" for i in range(n_texts)])
    numbers = np.random.default_rng(0).integers(0, n_texts, n_rows)
    columns = {"t": pa.array(np.arange(n_rows), pa.timestamp("us")), "x": texts.take(pa.array(numbers))}
    log = compared_log(tmp_path, columns, rows_per_group=70_000, timestamp="t", reference={"until": "1970-01-01T00:00:00.000100"})
    found = log.column("x")
    assert len(found.categories) == len(set(numbers.tolist()))
    assert np.array(found.categories, object)[found.codes].tolist() == texts.take(pa.array(numbers)).to_pylist()


def test_row_groups_without_a_compared_row_are_not_read(tmp_path, monkeypatch):
    log = compared_log(tmp_path, {"t": days(0, 1, 2, 3, 4, 5), "x": [0, 1, 2, 3, 4, 5]}, rows_per_group=2, timestamp="t",
                       reference={"from": "1970-01-03", "until": "1970-01-04"}, training={"until": "1970-01-03"})  # fmt: skip
    log.rows()
    asked = []
    real = pq.ParquetFile.iter_batches
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: asked.append((k["row_groups"], k["columns"])) or real(*a, **k))
    assert values_in(log.column("x")) == [2, 3, 4, 5]
    assert asked == [([1, 2], ["x"])]


def test_files_are_read_in_order_and_a_column_may_have_dots_in_its_name(tmp_path):
    log = compared_log(tmp_path, {"x": [0]}, needs_reference=False)
    for i in range(3):
        written(tmp_path / "many" / f"{i}.parquet", {"a": [1.5], "a.b": [f"t{i}"], "a.b.c": [i]})
    log = type(log)(open_log(str(tmp_path / "many"), None), log._conf, None, log._roles_of, tmp_path, needs_reference=False)
    assert values_in(log.column("a.b")) == ["t0", "t1", "t2"]
    assert values_in(log.column("a.b.c")) == [0, 1, 2]
    assert values_in(log.column("a")) == [1.5] * 3


def test_threads_that_read_different_columns_get_what_one_thread_gets(tmp_path):
    columns = {"t": days(*range(50))} | {f"f{i}": np.arange(50.0) * i for i in range(8)}
    log = compared_log(tmp_path, columns, rows_per_group=7, **KEYS)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(log.column, columns))
    for column in found[1:]:
        np.testing.assert_array_equal(column.values, columns[column.name])


def test_a_damaged_log_is_one_sentence(tmp_path):
    log = compared_log(tmp_path, T4 | {"x": [1.5] * 4}, **KEYS)
    log.rows()
    file = tmp_path / "log.parquet"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ReplayError, match=r"^replay.path: the log cannot be decoded \(.*\); a file is damaged: write it again$"):
        log.column("x")


# CSV.

CSV = {
    "t": days(0, 1, 2, 3),
    "x": pa.array([1.5, None, 2.5, 3.5]),
    "n": pa.array([1, 2, None, 4]),
    "c": pa.array(["b", "a", "b", "c"]),
    "e": pa.nulls(4),
}


def test_a_csv_log_is_parsed_once_and_its_copy_is_used_again(tmp_path, monkeypatch):
    log = compared_log(tmp_path, CSV, suffix=".csv", **KEYS)
    parsed = []
    real = column_parts._write
    monkeypatch.setattr(column_parts, "_write", lambda files, target: parsed.append(target) or real(files, target))
    assert values_in(log.column("x")) == [1.5, None, 2.5, 3.5]
    assert values_in(log.column("n")) == [1, 2, None, 4]
    assert values_in(log.column("c")) == ["b", "a", "b", "c"]
    assert log.column("t").values.tolist() == [0, DAY_US, 2 * DAY_US, 3 * DAY_US]
    assert log.column("t").type == log._log.column("t").type  # as the log has it, and not its copy
    assert (log.column("e").kind, log.column("e").note) == ("none", "'e' has no value in any row: its type is null")
    again = compared_log(tmp_path, CSV, suffix=".csv", **KEYS)
    assert again.rows().side.tolist() == [0, 0, 1, 1]
    assert len(parsed) == 1
    (copy,) = (tmp_path / "cache" / "csv").iterdir()
    assert log._log.fingerprint[:24] in copy.name


def test_a_column_without_a_value_on_one_side_of_csv_logs_is_missing_there(tmp_path):
    found = compared_log(tmp_path, {"x": pa.nulls(2), "y": [0, 1]}, {"x": [1.5, 2.5]}, suffix=".csv").column("x")
    assert values_in(found) == [1.5, 2.5, None, None]
    assert found.note == "'x' has no value in any current row (its type there is null)"


def test_a_csv_log_that_changes_its_type_further_down_is_one_sentence_and_leaves_nothing(tmp_path):
    lines = ["x,y"] + ["1,0"] * 400_000 + ["no number,1"]  # types are guessed from the first megabyte
    (tmp_path / "log.csv").write_text("\n".join(lines))
    log = compared_log(tmp_path / "own", {"x": [0]}, needs_reference=False)
    damaged = replace(log._log, paths=(tmp_path / "log.csv",), n_rows=400_001)
    log = type(log)(damaged, log._conf, None, log._roles_of, tmp_path / "cache", needs_reference=False)
    with pytest.raises(ReplayError, match=r"replay.path: the log cannot be decoded \(.*conversion error"):
        log.rows()
    assert list((tmp_path / "cache" / "csv").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(ReplayError, match=r"cache_dir: .*csv cannot be written \(.*\); free disk space or set cache_dir"):
        compared_log(tmp_path, CSV, suffix=".csv", **KEYS).rows()


# Labels.

Y4 = T4 | {"y": pa.array([1, 0, None, 1])}


def test_a_binary_label_is_a_category_of_0_and_1(tmp_path):
    found = compared_log(tmp_path, T4 | {"y": ["yes", "no", None, "no"]}, positive="yes", **KEYS).labels()
    assert (found.kind, found.categories, found.codes.tolist()) == ("category", ("0", "1"), [1, 0, -1, 0])
    assert (found.name, found.type, found.note) == ("y", "string", "")


def test_labels_that_are_too_young_are_missing_and_counted(tmp_path):
    found = compared_log(tmp_path, Y4, label_maturity={"age": "1d", "as_of": "1970-01-04T12:00"}, **KEYS).labels()
    assert found.codes.tolist() == [1, 0, -1, -1]  # the third is null, the fourth half a day old
    assert found.note == "'y' of 1 rows is too young to be judged, and missing here"
    late = T4 | {"y": [1, 0, 0, 1]}
    without = compared_log(tmp_path / "last", late, label_maturity={"age": "1d"}, **KEYS).labels()  # as of the last time of the log
    assert without.codes.tolist() == [1, 0, 0, -1]


def test_labels_of_another_log_are_final_and_counted_with_the_same_classes(tmp_path):
    log = {"t": days(8, 9), "y": pa.array(["c", "a"])}
    other = {"t": days(20, 21), "y": pa.array(["b", "a"])}
    found = compared_log(tmp_path, log, other, task="multiclass", timestamp="t", label_maturity={"age": "1d"}).labels()
    assert (found.categories, found.codes.tolist()) == (("a", "b", "c"), [1, 0, 2, -1])


def test_a_multiclass_label_keeps_the_order_of_the_configuration(tmp_path):
    found = compared_log(tmp_path, T4 | {"y": [7, 5, None, 7]}, task="multiclass", classes=[7, 6, 5], **KEYS).labels()
    assert (found.categories, found.codes.tolist()) == (("7", "6", "5"), [0, 2, -1, 0])


def test_a_label_that_is_a_number_is_a_number(tmp_path):
    found = compared_log(tmp_path, T4 | {"y": [0.5, None, float("nan"), 3.0]}, task="regression", **KEYS).labels()
    assert (found.kind, values_in(found)) == ("number", [0.5, None, None, 3.0])


def test_a_replay_without_a_label_has_none(tmp_path):
    assert compared_log(tmp_path, T4, **KEYS).labels() is None


def test_labels_from_another_file_are_joined_by_their_key(tmp_path):
    columns = T4 | {"id": ["r1", "r2", "r3", "r4"]}
    labels = {"id": ["r4", "r1", "r2"], "y": [1, 1, 0], "seen": days(9, 1, 1)}
    found = compared_log(tmp_path, columns, label_columns=labels, **KEYS).labels()
    assert (found.codes.tolist(), found.type) == ([1, 0, -1, 1], "int64")
    keys = KEYS | {"label_maturity": {"age": "0d", "as_of": "1970-01-05"}, "source": {"observed_at": "seen"}}
    assert compared_log(tmp_path, columns, label_columns=labels, **keys).labels().codes.tolist() == [1, 0, -1, -1]


@pytest.mark.parametrize(
    ("reference", "codes"), [({"id": ["r2"]}, [0, 1]), ({"y": [0]}, [0, 1]), ({"id": [2], "y": [0]}, [0, 1]), ({"z": [0]}, [-1, 1])]
)
def test_labels_of_another_log_are_looked_up_or_its_own(tmp_path, reference, codes):
    found = compared_log(tmp_path, {"id": ["r1"]}, reference, label_columns={"id": ["r1", "r2"], "y": [1, 0]}).labels()
    assert found.codes.tolist() == codes
    assert found.note == ("" if codes[0] == 0 else "'y' is missing in all rows of the reference: there is no such column")


def test_labels_that_are_not_there_yet_are_missing_with_a_reason(tmp_path):
    found = compared_log(tmp_path / "null", T4 | {"y": pa.nulls(4, pa.int64())}, **KEYS).labels()
    assert (found.codes.tolist(), found.note) == ([-1] * 4, "'y' is missing in all rows of the log: the column is null")
    strangers = {"id": ["s1"], "y": [1]}
    joined = compared_log(tmp_path / "join", T4 | {"id": ["r1", "r2", "r3", "r4"]}, label_columns=strangers, **KEYS).labels()
    assert joined.codes.tolist() == [-1] * 4
    assert "'y' is missing in all rows of the log: replay.labels.on: none of the 4 rows of the log that were looked up" in joined.note


@pytest.mark.parametrize(
    ("values", "keys", "words"),
    [
        ([0, 1, 2, 0], {}, r"replay.label: column 'y' holds more than two values for task binary"),
        ([0, 2, 2, 0], {}, r"replay.positive: no row of column 'y' is 1"),
        ([0.0, float("inf"), 1.0, 2.0], {"task": "regression"}, r"column 'y' holds infinity in 1 rows"),
        (["a", "b", "x", "a"], {"task": "multiclass", "classes": ["a", "b"]}, r"column 'y' holds 'x' in 1 rows, wanted one of 'a', 'b'"),
    ],
)
def test_labels_that_cannot_be_what_the_task_says_are_refused(tmp_path, values, keys, words):
    with pytest.raises(ReplayError, match=words):
        compared_log(tmp_path, T4 | {"y": values}, **(KEYS | keys)).labels()
