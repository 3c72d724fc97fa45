"""Answers from what is stored: another price, gain or metric, sign-offs and status, without a model or a log."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from harness.cli import main
from tests.sweep.world import WEIGHTS, World, gain_conf, make_log, read_json, write_model


@pytest.fixture
def stored(swept: World) -> World:
    """A swept world of which only the configuration and the results are left."""
    for folder in ("log", "models", "cache"):
        shutil.rmtree(swept.root / folder)
    return swept


def review_files(world: World) -> dict[Path, tuple[bytes, int]]:
    files = (f for f in (world.results / "reviews").rglob("*") if f.is_file())
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def test_compare_gives_the_same_tables_without_log_and_models(stored: World) -> None:
    before, pairs = (stored.results / "comparison.csv").read_text(), stored.differences()
    assert stored.run("compare") == 3
    assert (stored.results / "comparison.csv").read_text() == before
    pd.testing.assert_frame_equal(stored.differences(), pairs, check_exact=True)


def test_compare_with_another_metric_needs_no_inference(stored: World) -> None:
    assert "brier" not in stored.comparison()
    stored.run("compare", "metrics=[auc,brier]")
    table = stored.comparison()
    assert table["brier"].between(0, 1).all()
    assert "accuracy" not in table
    assert set(stored.differences()["metric"]) == {"auc", "brier"}


def test_compare_with_another_gain_changes_the_gain(stored: World) -> None:
    before = stored.comparison()["gain_per_1k"]
    stored.conf("gain", "dear", gain_conf(20.0))
    stored.run("compare", "gain=dear")
    after = stored.comparison()["gain_per_1k"]
    n_found = (after - before) / (20.0 - 2.0)
    assert (n_found > 1).all()
    assert n_found["better"] == pytest.approx(_true_positives_per_1k(stored, "better"), rel=1e-3)


def _true_positives_per_1k(world: World, variant: str) -> float:
    log = make_log()
    rows = log[(log["at"] >= "2024-01-21") & log["y"].notna()]
    logit = rows[["x0", "x1", "x2", "x3"]].to_numpy() @ pd.Series(WEIGHTS[variant]).to_numpy() - 0.7
    return float(1000 * ((logit >= 0) & (rows["y"] == 1)).mean())


def test_compare_with_another_price_changes_the_cost(own_world: World) -> None:
    quick = ("measure=quick", "measure.trial_s=0.02", "measure.warmup_s=0", "measure.n_blocks=2")
    own_world.sweep("model=champion", *quick)
    shutil.rmtree(own_world.root / "models")
    before = own_world.comparison()["cost_per_1k"]
    assert own_world.run("compare", "price.sku=large") in (0, 3)
    after = own_world.comparison()
    assert after.loc["champion", "cost_per_1k"] == pytest.approx(8 * before["champion"], rel=1e-4)
    assert after.loc["champion", "priced_as"].startswith("large 0.8 USD/h")


@pytest.mark.parametrize("override", ["champion=better", "model=worse", "replay.windows=1d", "device=cuda", "seed=3"])
def test_compare_refuses_what_needs_the_log_in_one_sentence(override: str, stored: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = (stored.results / "comparison.csv").read_text()
    assert stored.run("compare", override) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"harness: {override.split('=')[0]}: cannot be changed without the log; run harness sweep")
    assert said.count("\n") == 1
    assert (stored.results / "comparison.csv").read_text() == before


def test_compare_reads_what_was_swept_whatever_has_become_of_the_options(stored: World) -> None:
    before = (stored.results / "comparison.csv").read_text()
    shutil.rmtree(stored.root / "conf" / "model")
    stored.conf("gain", "tiny", gain_conf(200.0))
    assert stored.run("compare") == 3
    assert (stored.results / "comparison.csv").read_text() == before


def test_an_option_that_is_named_is_composed_anew(stored: World) -> None:
    before = stored.comparison()["gain_per_1k"]
    stored.conf("gain", "tiny", gain_conf(200.0))
    stored.run("compare", "gain=tiny")
    assert (stored.comparison()["gain_per_1k"] > 10 * before).all()
    stored.conf("gain", "tiny", gain_conf(2.0))
    stored.run("compare", "gain.false_positive=-50")
    assert (stored.comparison()["gain_per_1k"] < before).all()


def test_compare_of_a_folder_without_a_sweep_is_refused(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "results/nothing"]) == 2
    assert "holds no sweep" in capsys.readouterr().err
    assert not (own_world.root / "results" / "nothing").exists()


def test_signoff_never_overwrites_a_review(stored: World) -> None:
    before = review_files(stored)
    assert len(before) == 6
    assert stored.run("signoff") == 3
    assert stored.run("signoff", "candidate=worse") == 1
    assert stored.run("signoff", "review=none") == 0
    after = review_files(stored)
    assert {file: after[file] for file in before} == before
    assert len(list((stored.results / "reviews").iterdir())) == 3


def test_signoff_of_the_newest_review_stands_beside_the_comparison(stored: World) -> None:
    stored.run("signoff", "candidate=worse")
    newest = read_json(stored.results / "signoff.json")
    assert (newest["candidate"], newest["status"], newest["exit_code"]) == ("worse", "FAIL", 1)
    assert any(read_json(file) == newest for file in stored.results.glob("reviews/*/signoff.json"))


def test_status_of_a_finished_sweep(stored: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.run("status") == 0
    said = capsys.readouterr().out
    assert said.startswith("tiny: finished, phase done, 3 of 3 variants ended")
    assert "worse: ok" in said


def test_status_of_an_interrupted_sweep_says_how_to_go_on(stored: World, capsys: pytest.CaptureFixture[str]) -> None:
    file = stored.results / "sweep.json"
    first, rest = file.read_text().split('"status": "ok"', 1)
    file.write_text((first + '"status": "ok"' + rest.replace('"status": "ok"', '"status": "pending"')).replace('"done"', '"quality"'))
    assert stored.run("status") == 0
    said = capsys.readouterr().out
    assert said.startswith("tiny: interrupted, phase quality, 1 of 3 variants ended")
    assert re.search(r"^next: harness sweep --config-dir \S+conf sweep=tiny$", said, re.MULTILINE)


_PASSING = {
    "non_inferiority_auc": {
        "_target_": "harness.gates.non_inferiority.NonInferiority",
        "metric": "auc",
        "margin": 0.05,
        "slices": ["all"],
    }
}
_EXIT_CODES = {
    0: (("better",), _PASSING),
    1: (("worse",), _PASSING),
    3: (("better",), {"p99_latency": {"_target_": "harness.gates.p99_latency.P99Latency", "limit_ms": 100}}),
}


@pytest.mark.parametrize("code", _EXIT_CODES)
def test_exit_code_of_the_verdict(code: int, own_world: World) -> None:
    challengers, gates = _EXIT_CODES[code]
    own_world.conf("review", "own", {"name": "own", "gates": gates})
    assert own_world.sweep(f"model=champion,{','.join(challengers)}", "review=own") == code


def test_exit_code_of_a_variant_that_is_invalid_while_the_others_are_judged(own_world: World) -> None:
    write_model(own_world.model("worse"), WEIGHTS["worse"], nan=True)
    own_world.conf("review", "own", {"name": "own", "gates": _PASSING})
    assert own_world.sweep("review=own") == 4
    table = own_world.comparison()
    assert table["status"].to_dict() == {"champion": "ok", "better": "ok", "worse": "invalid"}
    assert "NaN" in table.loc["worse", "reason"]
    assert table.loc["better", "verdict"] == "PASS"


def test_an_override_is_composed_although_the_options_that_were_swept_are_gone(stored: World) -> None:
    for group in ("replay", "model", "gain", "sweep"):
        shutil.rmtree(stored.root / "conf" / group)
    assert stored.run("compare", "review=none") == 0
    assert stored.run("compare", "metrics=[brier]", "review=none") == 0
    assert list(stored.differences()["metric"].unique()) == ["brier"]


def test_the_overrides_of_the_sweep_hold_for_a_group_of_which_a_key_is_given(own_world: World) -> None:
    own_world.sweep("gain.true_positive=7", "params.model=[champion,better]")
    before = own_world.comparison()["gain_per_1k"]
    own_world.run("compare", "gain.false_negative=-1")
    after = own_world.comparison()["gain_per_1k"]
    own_world.run("compare", "gain.false_negative=0.0")
    pd.testing.assert_series_equal(own_world.comparison()["gain_per_1k"], before)
    assert (after != before).all()


def test_a_candidate_that_is_named_after_the_sweep_is_corrected_for_all_challengers(
    stored: World, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.run("compare")
    plain = stored.differences()
    stored.run("compare", "candidate=better")
    pd.testing.assert_frame_equal(stored.differences(), plain)
    assert "candidate better was named after the sweep" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["tallies.arrow", "paired.arrow", "unlabelled.arrow", "run.json", "metrics.parquet"])
@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_damaged_variant_is_refused_in_a_sentence(name: str, damage: str, stored: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = (stored.results / "comparison.csv").read_text()
    file = stored.folder("better") / name
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    assert stored.run("compare") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert "run the sweep again" in said
    assert (stored.results / "comparison.csv").read_text() == before


def test_a_composed_configuration_that_was_edited_is_refused(stored: World, capsys: pytest.CaptureFixture[str]) -> None:
    file = stored.results / "composed.json"
    file.write_text(file.read_text().replace("champion: champion", "champion: better"))
    assert stored.run("compare") == 2
    assert "is not what the sweep wrote" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("metrics=[recall_at_fpr]", "review=none"),
            "metrics: 'recall_at_fpr' needs a walk over the ordered scores, and that was not kept",
        ),
        (("metrics=[calibration_slope]", "review=none"), "metrics: 'calibration_slope' needs a fit on the rows"),
        (("metrics.auc.method=binned", "review=none"), "metrics: 'auc' needs bins of the scores"),
        (("metrics=[]",), "metrics: none named"),
    ],
)
def test_a_metric_that_the_tallies_do_not_hold_asks_for_a_sweep(
    overrides: tuple[str, ...], said: str, stored: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stored.run("compare", *overrides) == 2
    assert said in capsys.readouterr().err


def test_nothing_of_an_earlier_attempt_is_read_when_the_champion_fails(own_world: World) -> None:
    own_world.sweep("params.model=[champion,better]")
    write_model(own_world.model("champion"), WEIGHTS["champion"], nan=True)
    assert own_world.sweep("params.model=[champion,better]", "force=true") == 4
    assert not (own_world.folder("better") / "paired.arrow").exists()
    assert own_world.differences().empty
