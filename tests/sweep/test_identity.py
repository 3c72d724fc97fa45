"""What is run again when something changes, and what is not: the questions of the next morning are cheap."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from harness.runs import store
from tests.sweep.world import WEIGHTS, World, gain_conf, make_log, write_model

VARIANTS = ("champion", "better", "worse")


def runs(world: World) -> dict[str, int]:
    """Return the time at which each variant's present `run.json` was written."""
    return {name: (world.folder(name) / "run.json").stat().st_mtime_ns for name in VARIANTS}


def reused(world: World) -> dict[str, bool]:
    return {name: world.run_json(name)["scores_reused"] for name in VARIANTS}


def test_the_same_command_again_runs_nothing(swept: World) -> None:
    before = runs(swept)
    assert swept.sweep() == 3
    assert runs(swept) == before


@pytest.mark.parametrize("change", ["price.sku=large", "review=none", "candidate=better", "confidence=0.95"])
def test_money_and_reviews_run_nothing(change: str, swept: World) -> None:
    before = runs(swept)
    swept.sweep(change)
    assert runs(swept) == before


def test_another_gain_runs_nothing_and_changes_the_table(swept: World) -> None:
    before, gain = runs(swept), swept.comparison().loc["better", "gain_per_1k"]
    swept.conf("gain", "tiny", gain_conf(20.0))
    swept.sweep()
    assert runs(swept) == before
    assert swept.comparison().loc["better", "gain_per_1k"] > 2 * gain


def test_another_metric_reduces_again_from_the_kept_scores(swept: World) -> None:
    before = {name: swept.folder(name) / "scores.arrow" for name in VARIANTS}
    swept.sweep("metrics=[accuracy,log_loss,auc,brier]")
    assert "brier" in swept.comparison()
    assert reused(swept) == dict.fromkeys(VARIANTS, True)
    for name in VARIANTS:
        assert swept.folder(name) / "scores.arrow" != before[name]
        assert before[name].samefile(swept.folder(name) / "scores.arrow")


def test_another_threshold_of_one_variant_leaves_the_others(swept: World) -> None:
    before, accuracy = runs(swept), swept.comparison()["accuracy"]
    swept.conf("model", "worse", {"name": "worse", "path": "models/worse.onnx", "trained_until": "2024-01-11", "threshold": 0.9})
    swept.sweep()
    after = runs(swept)
    assert [name for name in VARIANTS if after[name] != before[name]] == ["worse"]
    assert swept.run_json("worse")["scores_reused"]
    assert swept.comparison().loc["worse", "accuracy"] != accuracy["worse"]


def test_another_champion_pairs_again_without_inference(swept: World) -> None:
    swept.sweep("champion=better")
    assert reused(swept) == dict.fromkeys(VARIANTS, True)
    assert set(swept.differences()["champion"]) == {"better"}
    assert np.isnan(swept.comparison().loc["better", "auc_vs_champion"])


def test_other_bytes_of_one_model_score_that_variant_only(swept: World) -> None:
    before, auc = runs(swept), swept.comparison()["auc"]
    write_model(swept.model("worse"), WEIGHTS["similar"])
    swept.sweep()
    after = runs(swept)
    assert [name for name in VARIANTS if after[name] != before[name]] == ["worse"]
    assert not swept.run_json("worse")["scores_reused"]
    assert swept.comparison().loc["worse", "auc"] > auc["worse"] + 0.1


def test_a_copy_of_another_model_takes_its_scores(swept: World) -> None:
    shutil.copyfile(swept.model("better"), swept.model("worse"))
    swept.sweep()
    assert swept.run_json("worse")["scores_reused"]
    assert swept.comparison().loc["worse", "auc"] == swept.comparison().loc["better", "auc"]


def test_a_model_file_that_was_only_touched_is_the_same_model(swept: World) -> None:
    before = runs(swept)
    swept.model("worse").touch()
    swept.sweep()
    assert runs(swept) == before


def test_another_value_in_the_log_scores_everything_again(swept: World) -> None:
    before = runs(swept)
    log = make_log()
    log["x0"] += (log.index == 5000).astype(np.float32)
    swept.log(log)
    swept.sweep()
    assert not set(runs(swept).values()) & set(before.values())
    assert reused(swept) == dict.fromkeys(VARIANTS, False)


def test_the_same_log_under_another_path_is_the_same_log(swept: World) -> None:
    before = runs(swept)
    (swept.root / "log").rename(swept.root / "moved")
    assert swept.sweep("replay.path='moved/*.parquet'") == 3
    assert runs(swept) == before


def test_another_results_folder_starts_from_nothing_and_agrees(swept: World) -> None:
    frames = {name: pd.read_parquet(swept.folder(name) / "metrics.parquet") for name in VARIANTS}
    assert swept.sweep("name=second") == 3
    second = swept.root / "results" / "second"
    for name in VARIANTS:
        (found,) = second.glob(f"variants/{name}-*/metrics.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(found), frames[name], check_exact=True)


def test_force_runs_everything_again(swept: World) -> None:
    before = runs(swept)
    swept.sweep("force=true")
    assert not set(runs(swept).values()) & set(before.values())
    assert reused(swept) == dict.fromkeys(VARIANTS, False)


def test_a_damaged_result_is_made_again(swept: World) -> None:
    frame = swept.folder("worse") / "metrics.parquet"
    wanted = pd.read_parquet(frame)
    frame.unlink()
    swept.sweep()
    pd.testing.assert_frame_equal(pd.read_parquet(frame), wanted, check_exact=True)


def test_challengers_of_a_champion_that_failed_are_paired_once_it_is_mended(own_world: World) -> None:
    write_model(own_world.model("champion"), WEIGHTS["champion"], nan=True)
    assert own_world.sweep() == 4
    table = own_world.comparison()
    assert table["status"].to_dict() == {"champion": "invalid", "better": "ok", "worse": "ok"}
    assert table.loc["better", "auc"] > 0.8
    assert np.isnan(table.loc["better", "auc_vs_champion"])
    assert own_world.differences().empty
    write_model(own_world.model("champion"), WEIGHTS["champion"])
    assert own_world.sweep() == 3
    assert own_world.comparison().loc["better", "auc_vs_champion"] > 0.01
    assert own_world.run_json("better")["scores_reused"]


def test_other_slices_reduce_again_from_the_kept_scores(swept: World) -> None:
    swept.sweep("replay.slices.crosses=[]")
    assert reused(swept) == dict.fromkeys(VARIANTS, True)
    assert "region*channel" not in set(swept.differences()["slice_by"])


def test_another_number_of_threads_scores_again(swept: World) -> None:
    before = {name: swept.run_json(name)["identity"]["scores"] for name in VARIANTS}
    swept.sweep("model.deploy.threads=1")
    assert all(swept.run_json(name)["identity"]["scores"] != before[name] for name in VARIANTS)
    assert reused(swept) == dict.fromkeys(VARIANTS, False)


def test_another_setting_of_a_metric_is_computed_and_not_read_from_the_store(swept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    swept.sweep("metrics=[mcc]", "review=none")
    read: list[bool] = []
    stored = store.read_metrics
    monkeypatch.setattr(store, "read_metrics", lambda *asked: read.append(True) or stored(*asked))
    swept.run("compare", "metrics=[mcc]", "metrics.mcc.n_draws=50")
    assert not read
    swept.run("compare", "metrics=[mcc]")
    assert read
