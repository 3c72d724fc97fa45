"""Of the prepared replay: slices of rows that are not judged, what production answered, and references in another log."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReplayError
from harness.records.replay import JUDGED, REFERENCE, TUNING
from harness.replay.arrow_reader import LogReader
from harness.replay.contract import check_columns
from harness.replay.log_files import open_log
from harness.replay.prepared import folder_of
from harness.replay.versions import MAX_VERSIONS, VersionReader
from harness.replay_schema import read_replay
from harness.slicing import crosses
from tests.replay.design_log import days, known, prepare_keys, prepared_of
from tests.support.compared import written

PERIODS = {"timestamp": "t", "reference": {"until": "1970-01-03"}, "tuning": {"from": "1970-01-03", "until": "1970-01-04"}}


def names_of(replay):
    """Return the slices of every row as names; None where the row is in none of a column's slices."""
    assert not replay.slice_ids[:, 0].any()
    rows = replay.slice_ids[:, 1:].tolist()
    return [[None if i == 0 else f"{replay.grid.slice_by[i]}={replay.grid.slice_value[i]}" for i in row] for row in rows]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc") | st.none(), st.sampled_from([0.5, 1.5, None])), max_size=14),
    is_sorted=st.booleans(),
)
@pytest.mark.parametrize("max_table", [1 << 24, 0])  # a table of combinations, and a sort
def test_rows_of_other_periods_are_in_the_slices_that_judged_rows_name(tmp_path_factory, max_table, rows, is_sorted):
    rows = [*rows, (5, "a", 0.5), (0, "b", 1.5)]
    rows = sorted(rows, key=lambda row: row[0]) if is_sorted else rows
    columns = {"t": days(*(r[0] for r in rows)), "c": pa.array([r[1] for r in rows], pa.string()), "x": pa.array([r[2] for r in rows])}
    slices = {"columns": ["c", {"column": "x", "edges": [1]}], "crosses": [["c", "x"]]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crosses, "_MAX_TABLE", max_table)
        replay = prepared_of(tmp_path_factory.mktemp("log"), columns | {"y": pa.array([1] * len(rows))}, slices=slices, **PERIODS)

    def values(row):
        own = row[1] or "missing", "missing" if row[2] is None else "< 1" if row[2] < 1 else ">= 1"
        return [f"c={own[0]}", f"x={own[1]}", f"c*x={own[0]}*{own[1]}"]

    named = {value for row in rows if row[0] >= 3 for value in values(row)}
    assert {f"{by}={value}" for by, value in zip(replay.grid.slice_by[1:], replay.grid.slice_value[1:], strict=True)} == named
    assert names_of(replay) == [[value if value in named else None for value in values(row)] for row in rows]


def test_the_slices_of_judged_rows_are_what_they_were(tmp_path):
    columns = {"t": days(0, 1, 4, 5, 6), "c": pa.array(["z", "a", "b", "a", "b"]), "y": pa.array([1, 0, 1, 0, 1])}
    replay = prepared_of(tmp_path, columns, slices={"columns": ["c"]}, **PERIODS)
    assert replay.grid.slice_value == ("all", "a", "b")
    assert replay.slice_ids.tolist() == [[0, 0], [0, 1], [0, 2], [0, 1], [0, 2]]
    assert replay.slice_ids.dtype == np.uint16


def test_values_of_reference_rows_alone_count_against_no_limit(tmp_path):
    columns = {"t": days(0, 0, 0, 5, 6), "c": pa.array(list("xyzab")), "y": pa.array([1, 0, 1, 0, 1])}
    slices = {"columns": ["c"], "max_slices": 2}
    assert prepared_of(tmp_path / "fine", columns, slices=slices, **PERIODS).grid.slice_value == ("all", "a", "b")
    with pytest.raises(ReplayError, match=r"column 'c' has more than 1 values"):
        prepared_of(tmp_path / "many", columns, slices=slices | {"max_slices": 1}, **PERIODS)


# What production answered.

LIVE = {
    "t": days(0, 1, 3, 4, 5, 6),
    "y": pa.array([1, 0, 1, 0, 1, 0]),
    "score": pa.array([0.25, None, 0.1, float("nan"), 0.75, 1.0]),
    "version": pa.array(["v2", None, "v10", "v1", "v2", "v1"]),
}
PRODUCTION = {"score": "score", "version": "version"}


def test_what_production_answered_is_kept_beside_the_rows(tmp_path):
    replay = prepared_of(tmp_path, LIVE, production=PRODUCTION, training={"before": "1970-01-02"}, timestamp="t")
    np.testing.assert_array_equal(replay.production_scores, [np.nan, 0.1, np.nan, 0.75, 1.0])
    assert replay.production_scores.dtype == np.float64
    assert replay.production_versions == ("v1", "v10", "v2")
    assert [None if i < 0 else replay.production_versions[i] for i in replay.production_version_ids] == [None, "v10", "v1", "v2", "v1"]
    assert replay.production_version_ids.dtype == np.int32


@pytest.mark.parametrize(
    ("production", "has"), [(None, (False, False)), ({"score": "score"}, (True, False)), ({"version": "version"}, (False, True))]
)
def test_only_what_is_named_is_kept(tmp_path, production, has):
    replay = prepared_of(tmp_path, LIVE, production=production)
    assert (replay.production_scores is not None, replay.production_version_ids is not None) == has
    assert (replay.production_versions != ()) == has[1]


def test_naming_the_columns_of_production_prepares_the_replay_anew(tmp_path):
    written(tmp_path / "log.parquet", LIVE)
    data = {"name": "log", "path": str(tmp_path / "log.parquet"), "task": "binary", "label": "y", "features": []}
    assert prepare_keys(tmp_path, data).production_scores is None
    assert prepare_keys(tmp_path, data | {"production": {"score": "score"}}).production_scores is not None
    log = open_log(data["path"], None)
    folders = [
        folder_of(tmp_path, log, read_replay(data | keys), "code")
        for keys in ({}, {"production": {"latency_ms": "t"}}, {"contract": "c.yaml"}, {"reference": {"path": "other.parquet"}})
    ]
    assert len(set(folders)) == 1  # what the arrays do not depend on prepares nothing anew


@pytest.mark.parametrize(
    ("production", "words"),
    [
        ({"score": "scores"}, r"replay.production: no column 'scores' in log.parquet.*did you mean 'score'"),
        ({"score": "version"}, r"replay.production.score: column 'version' is string, wanted numbers; name the column that holds"),
        ({"score": "t"}, r"replay.production.score: column 't' is timestamp\[us\], wanted numbers"),
        ({"version": "list"}, r"replay.production.version: column 'list' is list<.*>, wanted texts or numbers"),
    ],
)
def test_columns_that_hold_nothing_of_the_kind_are_refused(tmp_path, production, words):
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, LIVE | {"list": pa.array([[1]] * 6)}, production=production)


def test_numbers_name_versions_too_and_sort_as_numbers():
    reader = VersionReader("v")
    ids = [*reader.decode(pa.array([10.0, None, 9.0])), *reader.decode(pa.array([9.0, float("nan"), 10.0]))]
    remap, names = reader.order()
    assert names == ("9", "10")
    assert [None if i < 0 else names[remap[i]] for i in ids] == ["10", None, "9", "9", None, "10"]


def test_a_version_column_that_holds_request_ids_is_refused():
    with pytest.raises(
        ReplayError, match=r"replay.production.version: column 'v' has more than 10,000 values, wanted the version of the model"
    ):
        VersionReader("v").decode(pa.array(range(MAX_VERSIONS + 1)))


# References in another log, and labels that are not known.


def test_a_reference_in_another_log_leaves_the_prepared_replay_without_reference_rows(tmp_path):
    replay = prepared_of(tmp_path, LIVE, reference={"path": "other.parquet"}, timestamp="t")
    assert not (replay.roles & (REFERENCE | TUNING)).any()
    assert (replay.roles & JUDGED).all()
    assert known(replay.reference_labels) == [None] * 6
    assert replay.account.n_judged == 6


def test_a_log_without_a_label_has_columns_that_can_be_checked_and_read(tmp_path):
    path = written(tmp_path / "log.parquet", {"x": pa.array([1, 2])})
    conf = read_replay({"name": "log", "path": str(path), "task": "binary", "label": None, "features": ["x"]}, needs_label=False)
    log = open_log(str(path), None)
    check_columns(log, conf)
    (batch,) = LogReader(log, conf, [])
    assert batch.labels.tolist() == [-1, -1]
