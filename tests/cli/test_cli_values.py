"""What a sweep says of a small log, against pandas and scikit-learn on the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tests.cli.tiny_log import WEIGHTS
from tests.conftest import Said, World

Harness = Callable[[Sequence[str]], Said]
SAME = ("two_columns", "two_logits_softmax", "logits_sigmoid", "fixed_batch", "double64", "score_output", "logged")


def scores_of(frame: pd.DataFrame) -> np.ndarray:
    """Scores of the model `good`, from its definition."""
    return 1 / (1 + np.exp(-(frame[["amount", "age", "ratio"]].to_numpy(np.float64) @ np.array(WEIGHTS) - 0.4)))


def metrics_of(results: Path, variant: str = "good", name: str = "tiny") -> pd.DataFrame:
    """The metrics file of one variant."""
    (file,) = (results / name / "variants").glob(f"{variant}-*/metrics.parquet")
    return pd.read_parquet(file)


def value(metrics: pd.DataFrame, metric: str, by: str = "all", slice_value: str = "all", window: str = "all") -> float:
    """One value of a metrics file."""
    rows = metrics[
        (metrics.metric == metric) & (metrics.slice_by == by) & (metrics.slice_value == slice_value) & (metrics.window == window)
    ]
    (found,) = rows["value"]
    return float(found)


def accuracy(frame: pd.DataFrame) -> float:
    return float(((scores_of(frame) >= 0.5) == (frame["late"] == 1)).mean())


def auc(frame: pd.DataFrame) -> float:
    return float(roc_auc_score(frame["late"].astype(int), scores_of(frame)))


def test_values_by_slice_cross_and_window(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "metrics=[auc,accuracy,log_loss,base_rate]", sweep=None))
    assert said.code == 0, said.err
    judged, found = world.judged, metrics_of(tmp_path)
    assert value(found, "auc") == pytest.approx(auc(judged), abs=1e-6)
    assert value(found, "accuracy") == accuracy(judged)
    assert value(found, "log_loss") == pytest.approx(log_loss(judged["late"].astype(int), scores_of(judged)), abs=1e-6)
    countries = judged["country"].fillna("missing")
    for country, rows in judged.groupby(countries):
        assert value(found, "accuracy", "country", country) == accuracy(rows)
        assert value(found, "auc", "country", country) == pytest.approx(auc(rows), abs=1e-6)
    for (country, channel), rows in judged.groupby([countries, "channel"]):
        assert value(found, "base_rate", "country*channel", f"{country}*{channel}") == pytest.approx(rows["late"].mean(), abs=1e-12)
    for month, rows in judged.groupby(judged["asked_at"].dt.strftime("%Y-%m")):
        assert value(found, "accuracy", window=month) == accuracy(rows)
    assert set(found["window"]) == {"all", "2025-03", "2025-04", "2025-05", "2025-06"}
    assert "1,922 of 3,000 rows judged" in said.out


def test_equal_models_in_every_form_give_equal_scores(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, f"params.model=[good,{','.join(SAME)}]", "metrics=[auc,accuracy]"))
    assert said.code == 0, said.err
    expected = scores_of(world.frame[world.frame["asked_at"] >= "2025-02-01"])
    for variant in ("good", *SAME[:-1]):
        (file,) = (tmp_path / "tiny" / "variants").glob(f"{variant}-*/scores.arrow")
        with pa.memory_map(str(file)) as source:
            scores = pa.ipc.open_file(source).read_all().column("score").to_numpy()
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert {value(metrics_of(tmp_path, v), "accuracy") for v in SAME} == {accuracy(world.judged)}


LABELS = {"booleans": ("late_bool", "true"), "texts": ("late_text", "'yes'"), "floats with NaN": ("late_float", "1")}


@pytest.mark.parametrize("case", LABELS)
def test_labels_of_other_types_are_the_same_labels(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    label, positive = LABELS[case]
    said = harness(world.args(tmp_path, f"replay.label={label}", f"replay.positive={positive}", "metrics=[accuracy]", sweep=None))
    assert said.code == 0, said.err
    assert "1,922 of 3,000 rows judged" in said.out
    assert value(metrics_of(tmp_path), "accuracy") == accuracy(world.judged)


@pytest.mark.parametrize("path", ["parts", "parts/*.parquet", "log.csv"])
def test_a_log_in_other_files_is_the_same_log(path: str, harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, f"replay.path={world.logs / path}", "metrics=[accuracy]", sweep=None))
    assert said.code == 0, said.err
    found = metrics_of(tmp_path)
    assert value(found, "accuracy") == accuracy(world.judged)
    italians = world.judged[world.judged["country"] == "IT"]
    assert value(found, "accuracy", "country", "IT") == accuracy(italians)


def test_odd_columns(harness: Harness, world: World, tmp_path: Path) -> None:
    """Spaces, dots and umlauts in names, times with a zone, a dictionary, a decimal, bands, filters and windows of rows."""
    conf = tmp_path / "mine" / "replay"
    conf.mkdir(parents=True)
    (conf / "odd.yaml").write_text(
        f"name: odd\npath: {world.logs / 'log.parquet'}\ntask: binary\nlabel: late\npositive: 1\n"
        "features: [unit price, größe.in.cm, ratio]\ntimestamp: asked_at_zone\n"
        "where: [{column: country_dictionary, in: [DE, FR]}]\nwindows: {rows: 500}\ntraining: {before: 2025-03-01T01:00+01:00}\n"
        "slices:\n  columns: [country_dictionary, {column: n_items, edges: [5, 10]}, {column: amount_decimal, edges: [0]}, late_bool]\n"
        "  crosses: [[country_dictionary, n_items]]\n"
    )
    args = [*world.args(tmp_path / "results", "replay=odd", "metrics=[accuracy]", sweep=None), "--config-dir", str(tmp_path / "mine")]
    said = harness(args)
    assert said.code == 0, said.err
    found = metrics_of(tmp_path / "results")
    judged = world.judged[world.judged["country"].isin(["DE", "FR"])]
    assert value(found, "accuracy") == accuracy(judged)
    band = pd.cut(judged["n_items"], [-np.inf, 5, 10, np.inf], right=False, labels=["< 5", "[5, 10)", ">= 10"]).astype(str)
    for name, rows in judged.groupby(band):
        assert value(found, "accuracy", "n_items", name) == accuracy(rows)
    for (country, name), rows in judged.groupby(["country", band]):
        assert value(found, "accuracy", "country_dictionary*n_items", f"{country}*{name}") == accuracy(rows)
    low = (judged["amount"] * 100).astype(int) < 0
    assert value(found, "accuracy", "amount_decimal", "< 0") == accuracy(judged[low])
    for i in range(0, len(judged), 500):
        assert value(found, "accuracy", window=f"rows {i:010d}-{i + 499:010d}") == accuracy(judged.iloc[i : i + 500])


def test_texts_and_integers_reach_models_that_take_them(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "params.model=[good,names_country,counts_items]", "metrics=[accuracy]"))
    assert said.code == 0, said.err
    judged = world.judged
    german = float(((judged["country"] == "DE") == (judged["late"] == 1)).mean())
    assert value(metrics_of(tmp_path, "names_country"), "accuracy") == german
    many = float(((judged["n_items"] >= 15) == (judged["late"] == 1)).mean())
    assert value(metrics_of(tmp_path, "counts_items"), "accuracy") == many


def test_big_integers_stay_whole_where_the_model_takes_int64(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "model=counts_items", "model.features=[big_number]", "metrics=[base_rate]", sweep=None))
    assert said.code == 0, said.err


def test_missing_features_are_passed_on_and_counted(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "model=good", "replay.features=[with_gaps,age,ratio]", sweep=None))
    assert said.code == 4  # a regression answers NaN to NaN
    n_passed = int((world.frame.index[world.frame["asked_at"] >= "2025-02-01"] % 50 == 0).sum())
    assert f"passed to the models as NaN (rows): with_gaps {n_passed}" in said.out
    assert "NaN in" in said.err


def test_missing_texts_are_passed_on_as_empty_texts_and_counted(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "model=names_country", "metrics=[accuracy]", sweep=None))
    assert said.code == 0, said.err
    n_passed = int(world.frame.loc[world.frame["asked_at"] >= "2025-02-01", "country"].isna().sum())
    assert f"passed to the models as the empty text (rows): country {n_passed}" in said.out


def test_rows_without_a_time_are_left_out_by_where(harness: Harness, world: World, tmp_path: Path) -> None:
    """The row without a time is named by the refusal of the times, and leaving it out is the way that it advises."""
    gap = world.frame.iloc[len(world.frame) // 2]
    others = [int(n) for n in set(world.frame["n_items"]) - {gap["n_items"]}]
    where = f"replay.where=[{{column: n_items, in: {others}}}]"
    said = harness(world.args(tmp_path, "replay.timestamp=asked_at_gap", where, "metrics=[accuracy]", sweep=None))
    assert said.code == 0, said.err
    assert value(metrics_of(tmp_path), "accuracy") == accuracy(world.judged[world.judged["n_items"] != gap["n_items"]])


def test_one_class_is_not_defined_and_not_a_crash(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "replay.label=late_all_ones", "metrics=[auc,recall]", sweep=None))
    assert said.code == 0, said.err
    found = metrics_of(tmp_path)
    assert np.isnan(value(found, "auc"))
    rows = found[(found.metric == "auc") & (found.slice_by == "all") & (found.window == "all")]
    assert rows["undefined_reason"].notna().all()
    assert value(found, "recall") == pytest.approx(
        (scores_of(world.frame[world.frame["asked_at"] >= "2025-03-01"]) >= 0.5).mean(), abs=1e-12
    )


def test_a_dry_run_writes_nothing(harness: Harness, world: World, tmp_path: Path) -> None:
    before = sorted(world.cache.rglob("*"))
    said = harness([*world.args(tmp_path / "results", sweep=None), "--dry-run"])
    assert said.code == 0, said.err
    assert "dry run: nothing was written" in said.out
    assert not (tmp_path / "results").exists()
    assert [p for p in world.cache.glob("replay/*") if p not in before] == []
    assert "trials" not in said.out
    searched = harness([*world.args(tmp_path / "results", "measure=quick", "measure.slo_ms=20", sweep=None), "--dry-run"])
    assert "and of each model up to 12 trials of 662 requests for measure.slo_ms" in " ".join(searched.out.split())


def test_scores_that_no_metric_may_read(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path, "params.model=[good,gives_nan,logits,wrong_at_run_time,worse]", "metrics=[auc]"))
    assert said.code == 4
    manifest = json.loads((tmp_path / "tiny" / "sweep.json").read_text())
    status = {m["variant"]: m["status"] for m in manifest["members"]}
    assert status == {"good": "ok", "gives_nan": "invalid", "logits": "invalid", "wrong_at_run_time": "failed", "worse": "ok"}
    reason = {m["variant"]: m["reason"] for m in manifest["members"]}
    assert "NaN in" in reason["gives_nan"]
    assert "outside [0, 1]" in reason["logits"]
    assert "transform: sigmoid" in reason["logits"]
    comparison = pd.read_csv(tmp_path / "tiny" / "comparison.csv").set_index("variant")
    assert comparison.loc["good", "auc"] == pytest.approx(auc(world.judged), abs=1e-6)
    assert comparison.loc["worse", "auc"] > 0
    assert comparison.loc["gives_nan", "status"] == "invalid"
    assert "Traceback" not in said.err
