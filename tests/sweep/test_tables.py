"""The tables beside the comparison: over time, retraining rules, the worst slices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from harness.config import compose_sweep
from harness.errors import ConfigError
from harness.runs import folder as files
from tests.sweep.world import World, make_log


def test_the_reference_and_every_window_stand_side_by_side(swept: World) -> None:
    table = pd.read_csv(swept.results / "over_time.csv")
    auc = table[(table["metric"] == "auc") & (table["variant"] == "better")].set_index("period")
    assert list(auc.index) == ["reference", "2024-01", "2024-02"]
    log = make_log().dropna(subset="y")
    in_reference = log[(log["at"] >= "2024-01-11") & (log["at"] < "2024-01-21")]
    scores = 1 / (1 + np.exp(-(in_reference[["x0", "x1", "x2", "x3"]].to_numpy() @ np.array([1.2, -0.8, 0.5, 0.0]) - 0.7)))
    assert auc.loc["reference", "n"] == len(in_reference)
    np.testing.assert_allclose(auc.loc["reference", "value"], roc_auc_score(in_reference["y"].astype(int), scores), atol=1e-6)
    metrics = pd.read_parquet(swept.folder("better") / "metrics.parquet")
    whole = metrics[(metrics["metric"] == "auc") & (metrics["slice_by"] == "all")].set_index("window")
    assert auc.loc["2024-02", "value"] == whole.loc["2024-02", "value"]
    gap = auc.loc["2024-02", "value"] - auc.loc["reference", "value"]
    np.testing.assert_allclose(auc.loc["reference", "last_minus_this"], gap)
    assert auc.loc["reference", "last_minus_this_ci_low"] < gap < auc.loc["reference", "last_minus_this_ci_high"]


def test_the_table_over_time_is_shown(swept: World, capsys: pytest.CaptureFixture[str]) -> None:
    swept.run("compare")
    shown = capsys.readouterr().out
    assert "AUC on reference" in shown
    assert "2024-02 less 2024-01" in shown
    assert "2024-02 less 2024-01" in (swept.results / "comparison.md").read_text()


def test_a_retraining_rule_is_read_from_stored_results(swept: World, capsys: pytest.CaptureFixture[str]) -> None:
    swept.run(
        "compare",
        'retrain=[{metric:auc,below:0.999},{metric:accuracy,slice:"region=north",below:0.1},{metric:auc,slice:"region=nowhere",above:0.1}]',
    )
    table = pd.read_csv(swept.results / "retrain.csv").set_index(["metric", "slice_value", "variant"])
    assert table.loc[("auc", "all", "worse"), "first_window"] == "2024-01"
    assert table.loc[("auc", "all", "worse"), "first_certain"] == "2024-01"
    assert pd.isna(table.loc[("accuracy", "north", "worse"), "first_window"])
    assert "no slice 'region=nowhere'" in table.loc[("auc", "nowhere", "worse"), "trouble"]
    over_time = pd.read_csv(swept.results / "over_time.csv")
    assert set(over_time["slice_value"]) == {"all", "north"}
    shown = " ".join(capsys.readouterr().out.split())
    assert "retrain when auc on all below 0.999: worse: first in 2024-01" in shown
    assert "retrain when accuracy on region=north below 0.1: worse: never in 2 windows" in shown
    swept.run("compare")
    assert not (swept.results / "retrain.csv").exists()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{metric:auc}", "wanted one limit, below or above"),
        ("{metric:auc,below:1,above:0}", "wanted one limit, below or above"),
        ("{metric:auc,slice:north,below:1}", "wanted all or COLUMN=VALUE"),
        ("{metric:auc,bellow:1}", "unknown key; keys are"),
        ("{below:1}", "metric"),
    ],
)
def test_a_retraining_rule_that_cannot_be_read_is_refused(rule: str, said: str) -> None:
    with pytest.raises(ConfigError, match="retrain") as refused:
        compose_sweep([f"retrain=[{rule}]"])
    assert said in str(refused.value)


def test_the_worst_slices_are_found_confirmed_and_shown(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(3)
    log = make_log()
    spoilt = (log["region"] == "north") & (log["channel"] == "web") & log["y"].notna()
    log.loc[spoilt, "y"] = rng.integers(0, 2, int(spoilt.sum()))
    own_world.log(log)
    own_world.sweep("slice_search=standard", "params.model=[champion,better]")
    found = pd.read_parquet(own_world.folder("better") / "worst_slices.parquet")
    worst = found.iloc[0]
    assert (worst["slice_by"], worst["slice_value"], bool(worst["is_confirmed"])) == ("region*channel", "north*web", True)
    assert worst["n_search_half"] + worst["n_confirm_half"] == own_world.run_json("better")["n_judged"]
    shown = " ".join(capsys.readouterr().out.split())
    assert "worst slices of better by log_loss" in shown
    assert "region*channel=north*web +" in shown
    before = own_world.folder("better")
    own_world.sweep("slice_search=sliceline", "params.model=[champion,better]")
    assert own_world.folder("better") != before  # another search is another result
    own_world.sweep("params.model=[champion,better]")
    assert not (own_world.folder("better") / "worst_slices.parquet").exists()


def test_slices_where_a_challenger_is_worse_than_the_champion(own_world: World) -> None:
    own_world.sweep(
        "slice_search=standard", "slice_search.against=champion", "slice_search.loss=squared_error", "params.model=[champion,worse]"
    )
    found = pd.read_parquet(own_world.folder("worse") / "worst_slices.parquet")
    assert set(found["loss"]) == {"squared_error - champion"}
    assert not (own_world.folder("champion") / "worst_slices.parquet").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("slice_search.loss=absolute_error", "slice_search.loss: found 'absolute_error', wanted one of log_loss, squared_error, zero_one"),
        ("slice_search.n_bins=1", "slice_search.n_bins: found 1, wanted a whole number of at least 2"),
        ("slice_search.binns=3", "did you mean 'n_bins'"),
    ],
)
def test_a_search_that_cannot_be_read_is_refused(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compose_sweep(["slice_search=standard", override])
    assert said in str(refused.value)


def test_a_variant_without_reference_rows_has_no_reference(own_world: World) -> None:
    own_world.conf("model", "better", {"name": "better", "path": "models/better.onnx", "trained_until": "2024-01-21"})
    own_world.sweep()
    assert not (own_world.folder("better") / "reference.arrow").exists()
    table = pd.read_csv(own_world.results / "over_time.csv")
    assert "reference" not in set(table.loc[table["variant"] == "better", "period"])
    assert files.read_columns(own_world.folder("worse") / "reference.arrow")["confusion[2,2]"].shape == (1, 4)
