"""Rows without a label beside those that have one, held against a count row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from harness.replay.prepared import read_as_of_us, read_immature_labels
from harness.slicing import blocks
from harness.slicing.missing_labels import labels_by_age, missing_by_slice
from tests.oracles import missing_labels_oracle as oracle
from tests.replay.design_log import DAY_US, days, prepared_of

KEYS: dict[str, Any] = {
    "timestamp": "t",
    "weight": "w",
    "training": {"before": "1970-01-06"},
    "label_maturity": {"age": "8d"},
    "slices": {"columns": ["place", "kind"], "crosses": [["place", "kind"]]},
}


def make_log(n_rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    log = pd.DataFrame(
        {"place": rng.choice(list("pqr"), n_rows), "kind": rng.choice(["k", "l"], n_rows), "t": np.sort(rng.random(n_rows)) * 40}
    )
    log["w"] = rng.choice([0.0, 1.0, 2.5], n_rows, p=[0.1, 0.6, 0.3])
    log["y"] = (rng.random(n_rows) < 0.3).astype(float)
    log.loc[rng.random(n_rows) < np.where(log["place"] == "p", 0.4, 0.1), "y"] = np.nan
    return log


def columns_of(log: pd.DataFrame) -> dict[str, Any]:
    columns = {name: pa.array(log[name], from_pandas=True) for name in log}
    return columns | {"t": pa.array((log["t"].to_numpy() * DAY_US).astype(np.int64), pa.timestamp("us"))}


@pytest.fixture(params=[1 << 20, 7])
def _block_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", request.param)


def rows_of(log: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the judged period that weigh something, None where the label is not known."""
    kept = log[(log["t"] >= 5) & (log["w"] > 0)]
    return [row | {"y": None if np.isnan(row["y"]) else row["y"]} for row in kept.to_dict("records")]


@pytest.mark.usefixtures("_block_rows")
def test_missing_labels_are_counted_and_tested_by_slice(tmp_path: Any) -> None:
    log = make_log()
    found = missing_by_slice(prepared_of(tmp_path, columns_of(log), **KEYS))
    last = int(log["t"].iloc[-1] * DAY_US)
    rows = [row for row in rows_of(log) if int(row["t"] * DAY_US) <= last - 8 * DAY_US]
    p_values = []
    for i, (by, value) in enumerate(zip(found.slice_by, found.slice_value, strict=True)):
        inside = [by == "all" or "*".join(row[c] for c in by.split("*")) == value for row in rows]
        n_labelled, n_unlabelled, p_value = oracle.missing_in(rows, inside)
        assert (found.n_labelled[i], found.n_unlabelled[i]) == (n_labelled, n_unlabelled), value
        assert found.missing_share[i] == pytest.approx(n_unlabelled / (n_labelled + n_unlabelled))
        np.testing.assert_allclose(found.p_value[i], p_value, rtol=1e-9)
        p_values.append(p_value)
    assert len(p_values) == 1 + 3 + 2 + 6
    assert np.isnan(found.p_value[0])
    assert np.isnan(found.rest_missing_share[0])
    at = found.slice_value.index("p")
    assert found.rest_missing_share[at] == pytest.approx(
        found.n_unlabelled[[at + 1, at + 2]].sum() / (len(rows) - found.n_labelled[at] - found.n_unlabelled[at])
    )
    assert found.p_value_corrected[at] == pytest.approx(11 * found.p_value[at])  # the smallest of eleven
    assert found.p_value_corrected[at] < 1e-4
    assert found.p_value_corrected[found.slice_value.index("k")] > 0.05


@pytest.mark.usefixtures("_block_rows")
@pytest.mark.parametrize("n_bands", [10, 8])
def test_labels_are_counted_by_age_with_those_that_are_too_young(tmp_path: Any, n_bands: int) -> None:
    log = make_log()
    replay = prepared_of(tmp_path, columns_of(log), **KEYS)
    found = labels_by_age(replay, read_immature_labels(replay.folder), read_as_of_us(replay.folder), n_bands)
    assert found is not None
    rows = rows_of(log)
    last = int(log["t"].iloc[-1] * DAY_US)
    ages = [last - int(row["t"] * DAY_US) for row in rows]
    bands = [oracle.band_of(age, min(ages), max(ages), n_bands) for age in ages]
    for band in range(n_bands):
        own = [(row, age) for row, age, b in zip(rows, ages, bands, strict=True) if b == band]
        labels = [row["y"] for row, _ in own if row["y"] is not None]
        immature = {age < 8 * DAY_US for _, age in own}
        assert (found.n[band], found.n_labelled[band]) == (len(own), len(labels))
        assert found.labelled_share[band] == pytest.approx(len(labels) / len(own))
        assert found.n_positive is not None
        assert found.positive_share is not None
        assert found.n_positive[band] == sum(labels)
        assert found.positive_share[band] == pytest.approx(sum(labels) / len(labels))
        assert found.status[band] == {(True,): "immature", (False,): "mature"}.get(tuple(immature), "partly mature")
    assert {"mature", "immature", "partly mature"} == set(found.status)
    assert (found.age_from_s[0] * 1e6, found.age_until_s[-1] * 1e6) == pytest.approx((min(ages), max(ages)))
    np.testing.assert_array_equal(found.age_from_s[1:], found.age_until_s[:-1])


def test_bands_may_be_empty_and_labels_may_be_numbers(tmp_path: Any) -> None:
    columns = {"y": pa.array([1.0, 2.0, None]), "t": days(0, 10, 10)}
    replay = prepared_of(tmp_path, columns, task="regression", timestamp="t")
    found = labels_by_age(replay, read_immature_labels(replay.folder), read_as_of_us(replay.folder))
    assert found is not None
    assert found.n.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.status == ("mature", *["empty"] * 8, "mature")
    np.testing.assert_array_equal(found.labelled_share, [0.5, *[np.nan] * 8, 1.0])
    assert found.n_positive is None
    assert found.positive_share is None


def test_rows_of_one_moment_are_one_band(tmp_path: Any) -> None:
    replay = prepared_of(tmp_path, {"y": pa.array([1, 0, None]), "t": days(5, 5, 5)}, timestamp="t")
    found = labels_by_age(replay, read_immature_labels(replay.folder), read_as_of_us(replay.folder))
    assert found is not None
    assert found.n.sum() == 3
    assert found.n.max() == 3


def test_a_log_without_times_has_no_ages(tmp_path: Any) -> None:
    replay = prepared_of(tmp_path, {"y": pa.array([1, 0, None])})
    assert labels_by_age(replay, read_immature_labels(replay.folder), read_as_of_us(replay.folder)) is None
    assert missing_by_slice(replay).n_unlabelled.tolist() == [1]


def test_a_slice_in_which_nothing_is_missing_anywhere_has_no_p_value(tmp_path: Any) -> None:
    columns = {"y": pa.array([1, 0, 1]), "place": pa.array(["p", "p", "q"])}
    found = missing_by_slice(prepared_of(tmp_path, columns, slices={"columns": ["place"]}))
    assert np.isnan(found.p_value).all()
    assert np.isnan(found.p_value_corrected).all()
    assert found.missing_share.tolist() == [0, 0, 0]


def test_a_label_that_came_too_late_is_missing(tmp_path: Any) -> None:
    labels = {"id": pa.array([1, 2, 3]), "y": pa.array([1, 0, 1]), "seen": days(1, 1, 9)}
    replay = prepared_of(
        tmp_path, {"id": pa.array([1, 2, 3, 4]), "t": days(1, 2, 3, 4)}, labels, source={"observed_at": "seen"}, timestamp="t"
    )
    assert missing_by_slice(replay).n_unlabelled.tolist() == [2]
    found = labels_by_age(replay, read_immature_labels(replay.folder), read_as_of_us(replay.folder), 4)
    assert found is not None
    assert found.n_labelled.tolist() == [0, 0, 1, 1]
    assert found.status == ("mature", "mature", "mature", "mature")
