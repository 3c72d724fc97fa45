"""AUC from bins through a whole sweep: no ordering, a bound that holds, and a line that says so."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.runs import folder as files
from tests.sweep.world import World


def whole(world: World, variant: str) -> pd.Series:
    frame = pd.read_parquet(world.folder(variant) / "metrics.parquet").set_index(["metric", "slice_by", "window"])
    return frame.loc[("auc", "all", "all")]


def test_binned_auc_is_within_its_bound_and_nothing_is_ordered(swept: World, capsys: pytest.CaptureFixture[str]) -> None:
    exact = whole(swept, "better")
    assert swept.sweep("metrics.auc.method=binned") == 2  # review=standard judges AUC by its paired difference
    assert "AUC from bins has no paired difference" in capsys.readouterr().err
    swept.sweep("metrics.auc.method=binned", "review=none")
    binned = whole(swept, "better")
    tally = files.read_columns(swept.folder("better") / "tallies.arrow")
    assert 0 < abs(binned["value"] - exact["value"]) <= tally["binned_auc.bound"][0]
    assert binned["ci_low"] < exact["ci_low"] < exact["ci_high"] < binned["ci_high"]
    assert "binned" in binned["ci_method"]
    assert not any(name.startswith("ranks") for name in tally)
    assert not any(name.startswith("ranks") for name in files.read_columns(swept.folder("better") / "paired.arrow"))
    pairs = swept.differences()
    auc = pairs[pairs["metric"] == "auc"]
    assert auc["difference"].isna().all()
    assert set(auc["method"]) == {"undefined: the ranks of the scores were not kept"}
    shown = " ".join(capsys.readouterr().out.split())
    assert "auc: from bins of the score, as metrics.auc.method=binned asks" in shown


def test_stored_results_answer_for_exact_auc_that_the_sweep_did_not_ask_for(own_world: World) -> None:
    own_world.sweep("metrics=[accuracy]", "review=none")
    own_world.run("compare", "metrics=[auc]")
    assert own_world.comparison()["auc"].notna().all()
    assert own_world.comparison().loc["better", "auc_vs_champion_ci_low"] > 0
