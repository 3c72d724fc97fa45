"""Labels that arrive in another file: joined by key, known from a moment on, and refused where the join means nothing."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import ReplayError
from harness.pipeline.prepare import prepare
from harness.records.replay import IMMATURE
from harness.replay import arrow_reader, join_keys, label_table, log_files
from harness.replay.prepared import folder_of
from harness.replay_schema import read_replay
from tests.replay.design_log import days, known, prepare_keys, prepared_of

IDS = pa.array(["r1", "r2", "r3", "r4"])
KEYS = {"id": ["r1", "r2"], "y": [1, 0]}


@pytest.mark.parametrize("batch_rows", [1, 3, 100])
def test_labels_find_their_rows(tmp_path, monkeypatch, batch_rows):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    labels = {"id": pa.array(["r4", "r9", "r1", "r2"]), "y": pa.array([1, 1, 0, None])}
    found = prepared_of(tmp_path, {"id": IDS}, labels)
    assert known(found.judged_labels) == [0, None, None, 1]
    assert found.account.left_out == (("label not known", 2),)
    assert "labels: 1 of 4 keys in labels.parquet belong to no row of the log that was read" in found.notes


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (pa.array([1, 2, 3, 4], pa.int32()), pa.array([4, 9, 1], pa.int64())),
        (pa.array([1, 2, 3, 2**63], pa.uint64()), pa.array([2**63, 9, 1], pa.uint64())),
        (IDS.dictionary_encode(), pa.array(["r4", "r9", "r1"], pa.large_string())),
        (days(1, 2, 3, 4), days(4, 9, 1).cast(pa.timestamp("ms"))),
        (pa.array([date(2025, 1, d) for d in (1, 2, 3, 4)]), pa.array([date(2025, 1, d) for d in (4, 9, 1)])),
    ],
)
def test_keys_of_one_kind_meet_whatever_their_width(tmp_path, own, other):
    found = prepared_of(tmp_path, {"id": own}, {"id": other, "y": pa.array([1, 1, 0])})
    assert known(found.judged_labels) == [0, None, None, 1]


@pytest.mark.parametrize("n_hashes", [1, 3, None])  # every key under one hash, or nearly: only keys themselves decide
def test_two_keys_are_joined_as_pandas_joins_them(tmp_path, monkeypatch, n_hashes):
    if n_hashes:
        monkeypatch.setattr(label_table, "hashes_of", lambda keys: join_keys.hashes_of(keys) % np.uint64(n_hashes))
    rng = np.random.default_rng(5)
    log = pd.DataFrame({"user": rng.choice(list("abcdef"), 300), "n": rng.integers(0, 20, 300)})
    labels = log.drop_duplicates().sample(frac=0.7, random_state=1).assign(y=lambda d: (d["n"] % 2).astype(int))
    expected = log.merge(labels, on=["user", "n"], how="left")["y"]
    columns = {name: pa.array(values) for name, values in log.items()}
    label_columns = {name: pa.array(values) for name, values in labels.items()}
    found = prepared_of(tmp_path, columns, label_columns, source={"on": ["user", "n"]})
    assert known(found.judged_labels) == [None if pd.isna(v) else int(v) for v in expected]


@pytest.mark.parametrize(
    ("task", "labels", "expected"),
    [
        ("regression", pa.array([2.5, 7.5, None]), [7.5, None, None, 2.5]),
        ("multiclass", pa.array(["dog", "cat", "ant"]), [1, None, 0, 2]),
        ("binary", pa.array([True, False, None]), [0, None, None, 1]),
    ],
)
def test_labels_of_each_task_may_arrive_in_another_file(tmp_path, task, labels, expected):
    found = prepared_of(tmp_path, {"id": IDS}, {"id": pa.array(["r4", "r1", "r3"]), "y": labels}, task=task)
    assert known(found.judged_labels) == expected


def test_a_csv_of_labels_is_read(tmp_path):
    (tmp_path / "labels.csv").write_text("id,y\nr4,1\nr1,0\n")
    found = prepared_of(tmp_path, {"id": IDS}, {"id": IDS, "y": Y4}, source={"path": str(tmp_path / "labels.csv")})
    assert known(found.judged_labels) == [0, None, None, 1]


Y4 = pa.array([1, 0, 1, 0])


def test_a_label_counts_from_the_moment_at_which_it_became_known(tmp_path):
    columns = {"id": IDS, "t": days(1, 2, 3, 10)}
    labels = {"id": IDS, "y": pa.array([1, 0, 1, None]), "seen": days(5, 10, 10.5, 11)}
    found = prepared_of(tmp_path, columns, labels, source={"observed_at": "seen"}, timestamp="t")
    assert known(found.judged_labels) == [1, 0, None, None]  # the log's last time is day 10
    assert dict(found.account.left_out) == {"label known only after as_of": 1, "label not known": 1}
    assert not any(r & IMMATURE for r in found.roles)  # old enough: a label that is late is a label that is missing
    earlier = prepared_of(
        tmp_path, columns, labels, source={"observed_at": "seen"}, timestamp="t", label_maturity={"age": "0d", "as_of": "1970-01-10"}
    )
    assert known(earlier.judged_labels) == [1, None, None, None]


def test_a_log_without_times_has_labels_as_of_a_stated_moment(tmp_path):
    labels = {"id": IDS, "y": Y4, "seen": days(1, 2, 3, 4)}
    maturity = {"age": "0d", "as_of": "1970-01-04"}  # three days after the epoch
    found = prepared_of(tmp_path, {"id": IDS}, labels, source={"observed_at": "seen"}, label_maturity=maturity)
    assert known(found.judged_labels) == [1, 0, 1, None]
    assert found.account.left_out == (("label known only after as_of", 1),)


def test_labels_without_a_key_and_rows_without_one_never_meet(tmp_path):
    labels = {"id": pa.array([None, "r2", None]), "y": pa.array([1, 1, 0])}
    found = prepared_of(tmp_path, {"id": pa.array(["r1", "r2", None])}, labels)
    assert known(found.judged_labels) == [None, 1, None]
    assert "labels: 2 of 3 rows of labels.parquet have no key and were not used" in found.notes


@pytest.mark.parametrize(
    ("labels", "source", "words"),
    [
        (KEYS | {"id": ["r2", "r2"]}, {}, "1 keys stand in labels.parquet more than once, for example id='r2' .2 rows.*one row per key"),
        (KEYS | {"id": [1, 2]}, {}, "column 'id' is string in the log and int64 in labels.parquet.*write both with one type"),
        (KEYS, {"on": "key"}, "labels.on: no column 'key' in log.parquet"),
        ({"key": ["r1", "r2"], "y": [1, 0]}, {}, "labels.on: no column 'id' in labels.parquet"),
        ({"id": ["r1", "r2"], "yy": [1, 0]}, {}, "labels.column: no column 'y' in labels.parquet.*did you mean 'yy'"),
        (KEYS, {"observed_at": "seen"}, "labels.observed_at: no column 'seen' in labels"),
        (KEYS | {"seen": [1, 2]}, {"observed_at": "seen"}, "'seen' is int64, wanted a timestamp"),
        (
            KEYS | {"seen": days(1, 2).take(pa.array([0, None]))},
            {"observed_at": "seen"},
            "no time in 1 rows of labels.parquet that have a label",
        ),
        (KEYS | {"id": pa.nulls(2, pa.string())}, {}, "no row of labels.parquet has a value in 'id'"),
        (
            KEYS | {"id": ["x1", "x2"]},
            {},
            "labels.on: none of the 4 rows of the log that were looked up has its key in labels.parquet: the log's first is id='r1', the file's first id='x1'; write the keys",
        ),
        (
            {"id": ["r3", "r9", "r1"], "y": pa.array([None, 1, None], pa.int8())},
            {},
            "labels.column: column 'y' is null in all 2 rows of labels.parquet whose key the log has; give labels",
        ),
        (
            {"id": ["r1", "r9"], "y": [np.nan, 1.0]},
            {},
            "labels.column: column 'y' of .*labels.parquet .joined to the log. is null in every row",
        ),
        ({"id": ["r1", "r9"], "y": [0, 1]}, {}, "no row of column 'y' of .*labels.parquet .joined to the log. is 1; its values are 0"),
        (KEYS | {"y": days(1, 2)}, {}, "labels.column: column 'y' is timestamp"),
        (KEYS, {"path": "nowhere.parquet"}, "labels.path: no file 'nowhere.parquet'"),
    ],
)
def test_a_label_file_that_cannot_be_joined_is_refused(tmp_path, labels, source, words):
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, {"id": IDS, "t": days(1, 2, 3, 4)}, labels, source=source, timestamp="t")


@pytest.mark.parametrize("batch_rows", [1, 100])
@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        (pa.array([None, 7, 8]), pa.array([9, None, 10]), "the log's first is id=7, the file's first id=9"),
        (pa.array([2**63, 2**63 + 1], pa.uint64()), pa.array([2**63 + 2], pa.uint64()), f"id={2**63}, .* id={2**63 + 2};"),
        (pa.array([True, True]), pa.array([False]), "id=True, the file's first id=False"),
        (days(1, 2), days(1.5).cast(pa.timestamp("ns")), "id=1970-01-02T00:00:00, the file's first id=1970-01-02T12:00:00;"),
        (pa.array([date(2025, 1, 1)]), pa.array([date(2025, 1, 2)]), "id=2025-01-01, the file's first id=2025-01-02;"),
        (pa.array(["r1 "]).dictionary_encode(), pa.array(["r1"]), "id='r1 ', the file's first id='r1'"),
        (
            pa.nulls(2, pa.string()),
            pa.array(["r1"]),
            "labels.on: none of the 2 rows of the log that were looked up has a value in 'id'; name the columns that hold the key",
        ),
    ],
)
def test_keys_that_never_meet_are_shown(tmp_path, monkeypatch, batch_rows, own, other, words):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, {"id": own}, {"id": other, "y": pa.array([1] * len(other))})


def test_of_several_key_columns_all_are_shown(tmp_path):
    labels = {"user": ["a"], "n": [4], "y": [1]}
    with pytest.raises(ReplayError, match="the log's first is user='a', n=3, the file's first user='a', n=4"):
        prepared_of(tmp_path, {"user": ["a", "b"], "n": [3, 4]}, labels, source={"on": ["user", "n"]})


def test_a_key_that_where_leaves_out_does_not_match(tmp_path):
    with pytest.raises(
        ReplayError, match=r"none of the 2 rows of the log that were looked up has its key in labels.parquet: the log's first is id='r2'"
    ):
        prepared_of(tmp_path, {"id": IDS}, {"id": ["r1"], "y": [1]}, where=[{"column": "id", "in": ["r2", "r3"]}])


def test_labels_that_were_all_observed_too_late_are_not_called_null(tmp_path):
    columns = {"id": pa.array(["r1", "r1", "r2", "r3", "r4"]), "t": days(1, 2, 3, 4, 5)}
    labels = {"id": ["r1", "r2", "r3", "r9"], "y": pa.array([0, 1, None, 1]), "seen": days(7, 6, 5, 1)}
    words = (
        "labels.observed_at: all 2 labels of labels.parquet that match were observed after 1970-01-06T00:00:00, the first 1970-01-07T00:00:00;"
        " set replay.label_maturity.as_of to a later time or wait"
    )
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, columns, labels, source={"observed_at": "seen"}, timestamp="t")
    later = {"age": "0d", "as_of": "1970-01-07"}
    found = prepared_of(tmp_path, columns, labels, source={"observed_at": "seen"}, timestamp="t", label_maturity=later)
    assert known(found.judged_labels) == [None, None, 1, None, None]


NS = pa.array([1_000_000_000_000_000_001, 1_000_000_000_000_000_999, 2_000], pa.timestamp("ns"))


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (NS, NS.take(pa.array([1, 2])), [None, 1, 0]),
        (NS, pa.array([1_000_000_000_000_000, 2], pa.timestamp("us")), [None, None, 0]),
        (pa.array([1_000_000_000_000_000, 2, None], pa.timestamp("us")), NS, [None, 0, None]),
        (NS.cast(pa.timestamp("ns", tz="Europe/Berlin")).dictionary_encode(), NS, [1, 1, 0]),
        (pa.array([1_000, -1_500, 3_000], pa.timestamp("us")), pa.array([-1, 1, 3], pa.timestamp("ms")), [1, None, 0]),
    ],
)
def test_times_meet_when_they_are_equal_to_the_last_digit(tmp_path, own, other, expected):
    labels = {"id": other, "y": pa.array([1.0] * (len(other) - 1) + [0.0])}
    assert known(prepared_of(tmp_path, {"id": own}, labels, task="regression").judged_labels) == expected


def test_times_that_differ_below_the_coarser_unit_are_shown_in_full(tmp_path):
    own, other = pa.array([1_001], pa.timestamp("us")), pa.array([1], pa.timestamp("ms"))
    with pytest.raises(ReplayError, match=r"id=1970-01-01T00:00:00\.001001, the file's first id=1970-01-01T00:00:00\.001;"):
        prepared_of(tmp_path, {"id": own}, {"id": other, "y": pa.array([1])})


@pytest.mark.parametrize("log_is_coarse", [True, False])
def test_a_time_that_the_finer_unit_cannot_hold_is_refused(tmp_path, log_is_coarse):
    far = pa.array([0, 253_402_214_400_000_000], pa.timestamp("us"))  # 9999-12-31, and timestamp[ns] ends in 2262
    fine = pa.array([0, 1], pa.timestamp("ns"))
    own, other = (far, fine) if log_is_coarse else (fine, far)
    with pytest.raises(ReplayError, match=r"labels.on: column 'id' .* cannot all be compared in ns .*; write both with one unit"):
        prepared_of(tmp_path, {"id": own}, {"id": other, "y": pa.array([1, 0])})


@pytest.mark.parametrize(
    ("own", "other", "types"),
    [
        (pa.array([1, 2]), pa.array([1, 2], pa.uint64()), "int64 in the log and uint64 in labels.parquet"),
        (days(1, 2), days(1, 2).cast(pa.date32()), r"timestamp\[us\] in the log and date32\[day\] in labels.parquet"),
    ],
)
def test_keys_of_two_types_are_refused_and_not_called_unequal(tmp_path, own, other, types):
    with pytest.raises(ReplayError, match=f"column 'id' is {types}, wanted one type in both; write both with one type") as refused:
        prepared_of(tmp_path, {"id": own}, {"id": other, "y": pa.array([1, 0])})
    assert "equal" not in str(refused.value)


def test_numbers_with_a_point_are_no_keys(tmp_path):
    with pytest.raises(ReplayError, match="column 'id' is double in the log, wanted whole numbers, texts"):
        prepared_of(tmp_path, {"id": pa.array([1.0, 2.0])}, {"id": pa.array([1.0, 2.0]), "y": pa.array([1, 0])})


def test_a_label_file_that_is_damaged_is_refused(tmp_path):
    (tmp_path / "broken.parquet").write_text("no Parquet")
    with pytest.raises(ReplayError, match=r"replay.labels.path: .*broken.parquet cannot be read"):
        prepared_of(tmp_path, {"id": IDS}, {"id": IDS, "y": Y4}, source={"path": str(tmp_path / "broken.parquet")})


def keys_of(folder, **source):
    own = {"path": str(folder / "labels.parquet"), "on": "id", "column": "y"} | source
    return {"name": "log", "path": str(folder / "log.parquet"), "task": "binary", "labels": own, "features": []}


def test_another_label_in_the_file_prepares_anew_and_leaves_the_log_as_it_was(tmp_path):
    first = prepared_of(tmp_path, {"id": IDS}, {"id": IDS, "y": Y4})
    assert prepare_keys(tmp_path, keys_of(tmp_path)).folder == first.folder
    pq.write_table(pa.table({"id": IDS, "y": pa.array([0, 0, 1, 1])}), tmp_path / "labels.parquet")
    second = prepare_keys(tmp_path, keys_of(tmp_path))
    assert second.folder != first.folder
    assert known(second.judged_labels) == [0, 0, 1, 1]
    assert second.fingerprint == first.fingerprint  # so that kept scores still stand


def test_the_same_labels_under_another_name_are_not_prepared_again(tmp_path):
    first = prepared_of(tmp_path, {"id": IDS}, {"id": IDS, "y": Y4})
    (tmp_path / "labels.parquet").rename(tmp_path / "moved.parquet")
    conf = read_replay(keys_of(tmp_path, path=str(tmp_path / "moved.parquet")))
    assert folder_of(tmp_path / "cache", log_files.open_replay(conf, None), conf, "code") == first.folder


def test_a_preparation_that_was_cut_off_is_made_again(tmp_path, monkeypatch):
    conf_keys = keys_of(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(label_table.LabelTable, "notes", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prepared_of(tmp_path, {"id": IDS}, {"id": IDS, "y": Y4})
    assert not [f for f in (tmp_path / "cache" / "replay").iterdir() if f.is_dir()]
    assert known(prepare_keys(tmp_path, conf_keys).judged_labels) == [1, 0, 1, 0]


def test_features_that_are_added_later_do_not_join_again(tmp_path, monkeypatch):
    from harness.records.replay import InputGroup
    from harness.replay.prepared import open_tensor

    prepared_of(tmp_path, {"id": IDS, "a": pa.array([1.0, 2.0, 3.0, 4.0])}, {"id": IDS, "y": Y4}, weight="a", cluster="id")
    monkeypatch.setattr(arrow_reader, "LabelTable", None)
    conf = read_replay(keys_of(tmp_path) | {"weight": "a", "cluster": "id"})
    group = InputGroup(("a",), "float")
    found = prepare(log_files.open_replay(conf, None), conf, [group], tmp_path / "cache", "code", lambda done, total: None)
    assert open_tensor(found.folder, group)[:, 0].tolist() == [1, 2, 3, 4]
    assert known(found.judged_labels) == [1, 0, 1, 0]
