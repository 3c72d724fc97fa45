"""What the reader makes of odd columns: lists with nulls, texts with nulls, dictionaries, rows that `where` leaves out."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import ReplayError
from harness.pipeline.prepare import prepare
from harness.records.conf import Filter, SliceColumn
from harness.records.replay import InputGroup
from harness.replay import prepared
from harness.replay.arrow_reader import LogReader
from harness.replay.features import FeatureReader
from harness.replay.log_files import open_log
from tests.support.confs import replay_conf


def reader_of(folder, columns, groups=(), **changes):
    file = folder / "log.parquet"
    n_rows = len(next(iter(columns.values())))
    pq.write_table(pa.table({"y": pa.array(([0, 1] * n_rows)[:n_rows])} | columns), file)
    conf = replay_conf(**({"timestamp": None, "positive": 1} | changes))
    return LogReader(open_log(str(file), None), conf, groups)


def tensor(folder, rows, item, dtype, **changes):
    reader = reader_of(folder, {"v": pa.array(rows, pa.list_(item, 2))}, [InputGroup(("v",), dtype)], **changes)
    ((batch,),) = ([*reader],)
    return batch.tensors[0]


@pytest.mark.parametrize("item", [pa.float32(), pa.float64(), pa.int32()])
@pytest.mark.parametrize("dtype", ["float", "double"])
def test_a_list_that_is_null_and_a_null_in_a_list_are_nan_in_their_own_row(tmp_path, item, dtype):
    found = tensor(tmp_path, [[1, 2], None, [3, None], [5, 6]], item, dtype)
    np.testing.assert_array_equal(found, [[1, 2], [np.nan, np.nan], [3, np.nan], [5, 6]])
    assert found.dtype == {"float": np.float32, "double": np.float64}[dtype]


def test_lists_after_a_row_that_where_leaves_out_stay_in_their_rows(tmp_path):
    columns = {"v": pa.array([None, [1, 2], [3, 4], None], pa.list_(pa.float32(), 2)), "c": pa.array(["x", "a", "a", "a"])}
    reader = reader_of(tmp_path, columns, [InputGroup(("v",), "float")], where=(Filter("c", ("a",)),))
    (batch,) = reader
    np.testing.assert_array_equal(batch.tensors[0], [[1, 2], [3, 4], [np.nan, np.nan]])


@pytest.mark.parametrize(("rows", "n"), [([[1, 2], None], 2), ([[1, None], [3, 4]], 1)])
def test_an_int64_list_with_a_gap_is_refused(tmp_path, rows, n):
    with pytest.raises(ReplayError, match=rf"column 'v' has {n} nulls and its model input is int64, which has no NaN; fill them in"):
        tensor(tmp_path, rows, pa.int64(), "int64")


def test_an_int64_list_keeps_big_integers(tmp_path):
    assert tensor(tmp_path, [[2**60 + 1, 2], [3, 4]], pa.int64(), "int64").tolist() == [[2**60 + 1, 2], [3, 4]]


def test_integers_in_a_list_that_float32_does_not_hold_are_refused(tmp_path):
    with pytest.raises(ReplayError, match=r"column 'v' holds 16777217, above 2\^24"):
        tensor(tmp_path, [[1, 2], [3, 2**24 + 1]], pa.int64(), "float")
    assert tensor(tmp_path, [[1, 2], [3, 2**24 + 1]], pa.int64(), "double")[1, 1] == 2**24 + 1


def test_integers_of_a_dictionary_that_float32_does_not_hold_are_refused():
    batch = pa.record_batch({"a": pa.array([2**24 + 1, 2]).dictionary_encode()})  # Parquet gives such a column back as plain integers
    with pytest.raises(ReplayError, match=r"column 'a' holds 16777217, above 2\^24"):
        FeatureReader("pass").tensor(batch, InputGroup(("a",), "float"))


@pytest.mark.parametrize(("item", "dtype"), [(pa.float64(), "int64"), (pa.string(), "float")])
def test_a_list_of_another_kind_than_the_input_is_refused(tmp_path, item, dtype):
    rows = [["1", "2"]] if item == pa.string() else [[1.5, 2.5]]
    with pytest.raises(ReplayError, match=rf"column 'v' is fixed_size_list.* and its model input is {dtype}; write it as a list"):
        tensor(tmp_path, rows, item, dtype)


def test_infinity_in_a_list_is_counted_by_rows(tmp_path):
    with pytest.raises(ReplayError, match="column 'v' holds infinity in 1 rows"):
        tensor(tmp_path, [[np.inf, np.inf], [3, 4]], pa.float64(), "double")


def test_gaps_in_lists_and_texts_are_refused_where_nan_is_refused(tmp_path):
    with pytest.raises(ReplayError, match=r"column 'v' holds NaN or null, and replay\.nan is refuse"):
        tensor(tmp_path, [[1, 2], None], pa.float32(), "float", nan="refuse")
    reader = reader_of(tmp_path, {"city": pa.array(["a", None])}, [InputGroup(("city",), "string")], nan="refuse")
    with pytest.raises(ReplayError, match=r"column 'city' holds NaN or null, and replay\.nan is refuse"):
        list(reader)


@pytest.mark.parametrize("column", [pa.array(["a", None, "c"]), pa.array(["a", None, "c"]).dictionary_encode()])
def test_null_texts_are_counted_and_passed_as_empty_texts(tmp_path, column):
    group = InputGroup(("city",), "string")
    reader = reader_of(tmp_path, {"city": column}, [group])
    found = prepare(reader.log, reader.conf, [group], tmp_path / "cache", "code", lambda done, n: None)
    assert prepared.open_tensor(found.folder, group).tolist() == [["a"], [""], ["c"]]
    assert "features with missing values, passed to the models as the empty text (rows): city 1" in found.notes


def test_texts_of_several_blocks_come_back_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.replay.arrow_reader.BATCH_ROWS", 3)
    group = InputGroup(("a", "b"), "string")
    texts = [f"t{i}" for i in range(10)]
    reader = reader_of(tmp_path, {"a": pa.array(texts), "b": pa.array(texts[::-1])}, [group])
    found = prepare(reader.log, reader.conf, [group], tmp_path / "cache", "code", lambda done, n: None)
    assert prepared.open_tensor(found.folder, group).tolist() == [list(pair) for pair in zip(texts, texts[::-1], strict=True)]
    assert not [p for p in Path(found.folder).iterdir() if p.suffix != ".arrow" and p.name != "prepared.json"]


TIMES = pa.array([datetime(2025, 1, 1), None, datetime(2025, 1, 9), datetime(2025, 1, 3)], pa.timestamp("us"))


def test_rows_without_a_time_can_be_left_out_by_where(tmp_path):
    columns = {"t": TIMES, "c": pa.array(["a", "x", "x", "a"])}
    kept = reader_of(tmp_path, columns, timestamp="t", where=(Filter("c", ("a",)),))
    first, last = kept.time_range()
    assert (first, last) == (1735689600_000_000, 1736380800_000_000)  # `where` does not move the log's last timestamp
    found = prepare(kept.log, kept.conf, [], tmp_path / "cache", "code", lambda done, n: None)
    assert found.account.n_judged == 2


def test_rows_without_a_time_that_are_kept_are_refused(tmp_path):
    reader = reader_of(tmp_path, {"t": TIMES}, timestamp="t")
    with pytest.raises(ReplayError, match=r"column 't' has no time in 1 rows; fill them in or leave them out by replay\.where"):
        prepare(reader.log, reader.conf, [], tmp_path / "cache", "code", lambda done, n: None)


def test_a_log_without_any_time_has_no_range(tmp_path):
    assert reader_of(tmp_path, {"t": pa.nulls(3, pa.timestamp("us"))}, timestamp="t").time_range() is None


def test_label_categories_that_no_kept_row_has_are_no_values(tmp_path):
    label = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1]), pa.array(["no", "yes", "draft", "never"]))
    columns = {"result": label, "c": pa.array(["a", "a", "x", "a"])}
    reader = reader_of(tmp_path, columns, label="result", positive="yes", where=(Filter("c", ("a",)),))
    (batch,) = reader
    reader.finish()
    assert batch.labels.tolist() == [0, 1, 1]
    with pytest.raises(ReplayError, match="more than two values"):
        list(reader_of(tmp_path, columns, label="result", positive="yes"))


def test_a_positive_value_that_only_the_dictionary_lists_is_not_there(tmp_path):
    label = pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.array(["no", "yes"]))
    reader = reader_of(tmp_path, {"result": label}, label="result", positive="yes")
    list(reader)
    with pytest.raises(ReplayError, match="no row of column 'result' is 'yes'"):
        reader.finish()


def test_slices_of_numbers_are_named_by_their_shortest_decimal_and_nan_is_missing(tmp_path):
    column = pa.array(np.array([0.1, np.nan, 7, np.nan], np.float32))
    reader = reader_of(tmp_path, {"rate": column}, slice_columns=(SliceColumn("rate"),))
    found = prepare(reader.log, reader.conf, [], tmp_path / "cache", "code", lambda done, n: None)
    assert found.grid.slice_value == ("all", "0.1", "7", "missing")


def test_a_cross_in_which_two_slices_would_have_one_name_is_refused(tmp_path):
    columns = {"p": pa.array(["a*b", "a"]), "q": pa.array(["c", "b*c"])}
    sliced = (SliceColumn("p"), SliceColumn("q"))
    reader = reader_of(tmp_path, columns, slice_columns=sliced, crosses=(("p", "q"),))
    with pytest.raises(ReplayError, match=r"2 different slices of 'p\*q' are called 'a\*b\*c', wanted one name per slice"):
        prepare(reader.log, reader.conf, [], tmp_path / "cache", "code", lambda done, n: None)
