"""Weights and clusters, from the column to the prepared arrays, and what is neither."""

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from harness.errors import ReplayError
from harness.replay import arrow_reader
from tests.replay.design_log import days, known, prepared_of

Y = pa.array([1, 0, 1, 0])


@pytest.mark.parametrize(
    "column", [pa.array([2.5, 0.0, 1.0, 1e9]), pa.array([Decimal("2.5"), Decimal("0.0"), Decimal("1.0"), Decimal("1e9")])]
)
def test_a_row_of_weight_zero_is_not_judged_and_counted(tmp_path, column):
    found = prepared_of(tmp_path, {"y": Y, "w": column}, weight="w")
    assert found.weights.tolist() == [2.5, 0.0, 1.0, 1e9]
    assert found.weights.dtype == np.float64
    assert known(found.judged_labels) == [1, None, 1, 0]
    assert found.account.left_out == (("weight 0", 1),)
    assert found.account.n_judged == 3


def test_weights_at_the_ends_of_the_range_are_taken(tmp_path):
    found = prepared_of(tmp_path, {"y": Y, "w": pa.array([1e-100, 0.0, 1e100, 1.0])}, weight="w")
    assert found.weights.tolist() == [1e-100, 0.0, 1e100, 1.0]


def test_every_row_is_counted_once_whatever_is_wrong_with_it(tmp_path):
    columns = {"y": pa.array([1, None, None, 0, 1, 0]), "w": pa.array([0, 0, 1, 1, 0, 1]), "t": days(1, 2, 3, 4, 9.5, 10)}
    found = prepared_of(tmp_path, columns, weight="w", timestamp="t", label_maturity={"age": "1d"})
    assert dict(found.account.left_out) == {"label not yet mature": 2, "weight 0": 2, "label not known": 1}
    assert found.account.n_judged == 1


def test_weight_zero_takes_the_labels_of_all_periods(tmp_path):
    columns = {"y": pa.array([1, 0, 1]), "w": pa.array([0, 1, 1]), "t": days(1, 1, 5)}
    found = prepared_of(tmp_path, columns, weight="w", timestamp="t", reference={"until": "1970-01-03"}, tuning="reference")
    assert known(found.reference_labels) == known(found.tuning_labels) == [None, 0, None]


def test_weights_follow_rows_that_are_left_out(tmp_path):
    columns = {
        "y": Y,
        "w": pa.array([1, 2, 3, 4]),
        "u": pa.array([11, 12, 13, 14]),
        "t": days(1, 9, 9, 9),
        "c": pa.array(["a", "a", "x", "a"]),
    }
    where = [{"column": "c", "in": ["a"]}]
    found = prepared_of(tmp_path, columns, weight="w", cluster="u", timestamp="t", training={"before": "1970-01-05"}, where=where)
    assert found.weights.tolist() == [2, 4]
    assert found.cluster_ids.tolist() == [12, 14]


def test_without_weights_and_clusters_there_are_none(tmp_path):
    found = prepared_of(tmp_path, {"y": Y})
    assert found.weights is None
    assert found.cluster_ids is None


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["u", "v", "u", "w"]),
        pa.array(["u", "v", "u", "w"]).dictionary_encode(),
        pa.array(["u", "v", "u", "w"], pa.large_string()),
        pa.array([1, 2**63, 1, 3], pa.uint64()),
        pa.array([0.0, 0.1, -0.0, 0.2]),
        pa.array([0.5, 0.1, 0.5, 0.2], pa.float32()),
        pa.array([Decimal("1.0"), Decimal("2.0"), Decimal("1.0"), Decimal("3.0")]),
        pa.array([date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 1), date(2025, 1, 3)]),
        days(1, 2, 1, 3),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 100])
def test_rows_of_one_cluster_have_one_id(tmp_path, monkeypatch, batch_rows, column):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    ids = prepared_of(tmp_path, {"y": Y, "u": column}, cluster="u").cluster_ids
    assert ids.dtype == np.int64
    assert ids[0] == ids[2]
    assert len(set(ids.tolist())) == 3


def test_clusters_that_are_whole_numbers_stay_as_they_are(tmp_path):
    assert prepared_of(tmp_path, {"y": Y, "u": pa.array([-5, 2**62, 0, 7])}, cluster="u").cluster_ids.tolist() == [-5, 2**62, 0, 7]


def test_texts_are_hashed_alike_in_every_run(tmp_path):
    found = prepared_of(tmp_path, {"y": Y, "u": pa.array(["a", "b", "ä", ""])}, cluster="u").cluster_ids
    assert found[:2].tolist() == [-4496393130729816112, -5758684491630436641]  # a change of it would mix cluster ids of two versions


@pytest.mark.parametrize(
    ("key", "column", "words"),
    [
        ("weight", [1.0, None, np.nan, 1.0], "column 'x' is null or NaN in 2 rows, wanted numbers of at least 0"),
        ("weight", [1.0, -1.0, -0.5, 1.0], "column 'x' is negative in 2 rows"),
        ("weight", [1.0, np.inf, 1.0, 1.0], "column 'x' is infinite in 1 rows"),
        ("weight", [1.0, 1e155, 0.0, 1e-200], r"column 'x' is outside \[1e-100, 1e\+100\] in 2 rows, for example 1e\+155"),
        (
            "weight",
            [1.0, 5e-324, 1.0, 1.0],
            "in 1 rows, for example 4.94e-324; divide or multiply all weights by one number: only their ratios",
        ),
        ("weight", [1e308, -1.0, 1e308, 1.0], "column 'x' is negative in 1 rows"),
        ("weight", [0.0, 0.0, 0.0, 0.0], "no row is left to judge .weight 0: 4."),
        ("weight", ["1", "1", "1", "1"], "column 'x' is string, wanted numbers"),
        ("weight", [True, True, True, False], "column 'x' is bool, wanted numbers"),
        ("cluster", ["a", None, "b", None], "column 'x' is null in 2 rows, wanted a cluster in every row"),
        ("cluster", [1.0, np.nan, 2.0, 3.0], "column 'x' is null in 1 rows"),
        ("cluster", [["a"], ["b"], ["c"], ["d"]], "column 'x' is list.*no values to tell clusters by"),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 100])
def test_what_is_no_weight_or_cluster_is_refused_with_the_count(tmp_path, monkeypatch, batch_rows, key, column, words):
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    with pytest.raises(ReplayError, match=words):
        prepared_of(tmp_path, {"y": Y, "x": pa.array(column)}, **{key: "x"})


def test_a_bad_weight_in_a_row_that_where_leaves_out_does_not_matter(tmp_path):
    columns = {"y": Y, "w": pa.array([1, -1, 1, 1]), "c": pa.array(["a", "x", "a", "a"])}
    assert prepared_of(tmp_path, columns, weight="w", where=[{"column": "c", "in": ["a"]}]).weights.tolist() == [1, 1, 1]
