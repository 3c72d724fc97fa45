"""Labels of the three tasks, from the column to the prepared arrays, and what is no label."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from harness.errors import ReplayError
from harness.replay import arrow_reader
from tests.replay.design_log import days, known, prepared_of


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1.5, None, -2.0]), [1.5, None, -2.0]),
        (pa.array([1.5, np.nan, -2.0]), [1.5, None, -2.0]),
        (pa.array([0.1, None, 3], pa.float32()), [float(np.float32(0.1)), None, 3.0]),
        (pa.array([7, None, -(2**40)]), [7.0, None, float(-(2**40))]),
        (pa.array([Decimal("1.25"), None, Decimal("-3.50")]), [1.25, None, -3.5]),
        (pa.array([2.0, None, 2.0]).dictionary_encode(), [2.0, None, 2.0]),
    ],
)
def test_numbers_are_labels_of_regression(tmp_path, column, expected):
    found = prepared_of(tmp_path, {"y": column}, task="regression")
    assert found.judged_labels.dtype == np.float64
    assert known(found.judged_labels) == expected
    assert known(found.tuning_labels) == [None] * 3
    assert (found.account.n_judged, found.account.left_out) == (2, (("label not known", 1),))
    assert found.classes == ()


@pytest.mark.parametrize(
    ("column", "classes", "expected"),
    [
        (pa.array(["dog", "cat", None, "ant"]), ("ant", "cat", "dog"), [2, 1, None, 0]),
        (pa.array(["dog", "cat", None, "ant"]).dictionary_encode(), ("ant", "cat", "dog"), [2, 1, None, 0]),
        (pa.array([10, 9, None, 2]), ("2", "9", "10"), [2, 1, None, 0]),
        (pa.array([10.0, 9.0, np.nan, 2.0]), ("2", "9", "10"), [2, 1, None, 0]),
        (pa.array([Decimal("10.00"), Decimal("9.00"), None, Decimal("2.00")]), ("2", "9", "10"), [2, 1, None, 0]),
        (pa.array([True, False, None, True]), ("false", "true"), [1, 0, None, 1]),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_classes_are_the_sorted_values_of_the_whole_log(tmp_path, monkeypatch, batch_rows, column, classes, expected):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    found = prepared_of(tmp_path, {"y": column}, task="multiclass")
    assert found.judged_labels.dtype == np.int32
    assert known(found.judged_labels) == expected
    assert found.classes == classes


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_configured_classes_keep_the_order_of_the_model(tmp_path, monkeypatch, batch_rows):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    found = prepared_of(tmp_path, {"y": pa.array(["b", "a", None, "b"])}, task="multiclass", classes=["z", "b", "a"])
    assert known(found.judged_labels) == [1, 2, None, 1]
    assert found.classes == ("z", "b", "a")


def test_a_class_that_only_training_rows_have_is_a_class(tmp_path):
    columns = {"y": pa.array(["a", "c", "b"]), "t": days(1, 11, 12)}
    found = prepared_of(tmp_path, columns, task="multiclass", timestamp="t", training={"before": "1970-01-05"})
    assert found.classes == ("a", "b", "c")
    assert known(found.judged_labels) == [2, 1]


def test_labels_of_each_period_stand_apart(tmp_path):
    columns = {"y": pa.array([5.5, 6.5, 7.5, 8.5]), "t": days(1, 2, 3, 4)}
    periods = {"reference": {"until": "1970-01-03"}, "tuning": {"from": "1970-01-03", "until": "1970-01-04"}}
    found = prepared_of(tmp_path, columns, task="regression", timestamp="t", **periods)
    assert known(found.reference_labels) == [5.5, None, None, None]
    assert known(found.tuning_labels) == [None, 6.5, None, None]
    assert known(found.judged_labels) == [None, None, 7.5, 8.5]


@pytest.mark.parametrize(
    ("column", "keys", "words"),
    [
        ([1.0, np.inf, -np.inf], {"task": "regression"}, "column 'y' holds infinity in 2 rows; make it null"),
        ([None, np.nan, None], {"task": "regression"}, "column 'y' is null in every row; nothing can be judged: give labels"),
        (["1", "2", None], {"task": "regression"}, "column 'y' is string, wanted numbers for task regression"),
        ([True, False, None], {"task": "regression"}, "column 'y' is bool, wanted numbers for task regression; use task: binary"),
        (["a", "a", None], {"task": "multiclass"}, "column 'y' is 'a' in every row, wanted two classes or more"),
        ([0.5, 1.0, 2.5], {"task": "multiclass"}, "column 'y' is no whole number in 2 rows, wanted classes"),
        (
            ["a", "dgo", "dgo"],
            {"task": "multiclass", "classes": ["a", "dog"]},
            "column 'y' holds 'dgo' in 2 rows, wanted one of 'a', 'dog'; did you mean 'dog'",
        ),
        (
            ["x", "dgo", "dgo"],
            {"task": "multiclass", "classes": ["a", "b"]},
            "column 'y' holds 'dgo' in 2 rows, and 1 other values in 1 rows",
        ),
        (["1", "2", "2"], {"task": "multiclass", "classes": [1, 2]}, "found 1, 2, and column 'y' holds texts.*write the classes in quotes"),
        ([1, 2, 2], {"task": "multiclass", "classes": ["1", "2"]}, "holds numbers or booleans, as 1; write the classes without quotes"),
        (list(range(1001)), {"task": "multiclass"}, "more than 1,000 different values for task multiclass"),
        ([0.0, 1.0, 0.5], {}, "column 'y' holds 0.5, a tie, which is neither 0 nor 1; make ties null"),
        ([0.5, 1.0, 1.0], {}, "column 'y' holds 0.5, a tie"),
        ([0, 1, 2], {}, "holds more than two values for task binary: 0, 1, 2.*use task: multiclass"),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 5000])
def test_what_is_no_label_is_refused_and_counted(tmp_path, monkeypatch, batch_rows, column, keys, words):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, {"y": pa.array(column)}, **keys)


@pytest.mark.parametrize(
    ("column", "classes", "words"),
    [
        ([10, -1, 2], [10, 2], "holds -1 in 1 rows, wanted one of 10, 2; add it"),
        (["10", "-1", "2"], ["10", "2"], "holds '-1' in 1 rows, wanted one of '10', '2'; add it"),
    ],
)
def test_numbers_have_no_nearest_class(tmp_path, column, classes, words):
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, {"y": pa.array(column)}, task="multiclass", classes=classes)


def test_a_thousand_classes_are_taken(tmp_path):
    assert len(prepared_of(tmp_path, {"y": pa.array(range(1000))}, task="multiclass").classes) == 1000


def test_times_are_no_labels(tmp_path):
    with pytest.raises(ReplayError, match=r"replay\.label: column 'y' is timestamp\[us\], wanted texts, whole numbers or booleans"):
        prepared_of(tmp_path, {"y": days(1, 2)}, task="multiclass")
