"""Whole sweeps whose gain hangs on columns of the log, against the definition row by row from the log and the kept scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.pipeline.gain_tallies import read_value_moments
from harness.runs import store
from tests.oracles.row_values import error_costs, gain_and_se_per_1k, mean_and_se_per_1k, worth_of_threshold
from tests.sweep.test_tasks import LINEAR, write_graph
from tests.sweep.test_tasks import replay as task_replay
from tests.sweep.world import FEATURES, WEIGHTS, World, make_log

JUDGED_FROM = "2024-01-21"
TUNING = ("2024-01-11", "2024-01-21")
PAIR = ("params.model=[champion,better]", "price=none", "review=none")
FRAUD = {
    "true_positive": {"column": "amount", "times": 0.9},
    "false_positive": -0.6,
    "false_negative": {"column": "amount", "times": -1},
    "true_negative": 0.0,
    "currency": "USD",
    "baseline": "none",
    "note": "made up",
}


def amounts_log() -> pd.DataFrame:
    log, rng = make_log(), np.random.default_rng(11)
    log["amount"] = np.round(rng.lognormal(0.5, 1.2, len(log)), 2)
    log["old_rule"] = (log["x0"] > 0.5).astype(int)
    log.loc[log["at"] < "2024-01-11", "amount"] = np.nan  # rows that the models learned from need none
    return log


def matrix(**changes: Any) -> dict[str, Any]:
    return {"_target_": "harness.gain.value_matrix.ValueMatrix", **FRAUD, **changes}


def rule_of(conf: dict[str, Any]) -> Any:
    from harness.plugins import build_gain

    return build_gain(conf)


def decisions(log: pd.DataFrame, variant: str, threshold: float = 0.5) -> np.ndarray:
    logit = log[list(FEATURES)].to_numpy() @ np.array(WEIGHTS[variant], np.float32) - np.float32(0.7)
    return (1 / (1 + np.exp(-logit)) >= threshold).astype(int)


def judged(log: pd.DataFrame) -> pd.DataFrame:
    return log[(log["at"] >= JUDGED_FROM) & log["y"].notna()]


@pytest.fixture
def world(own_world: World) -> World:
    own_world.log(amounts_log())
    own_world.conf("gain", "tiny", matrix())
    return own_world


@pytest.mark.parametrize("baseline", ["none", {"column": "old_rule"}])
def test_a_sweep_with_amounts(world: World, baseline: Any) -> None:
    world.conf("gain", "tiny", matrix(baseline=baseline))
    assert world.sweep(*PAIR) == 0
    rows, rule = judged(amounts_log()), rule_of(matrix())
    labels, amounts = rows["y"].astype(int).to_numpy(), {"amount": rows["amount"].to_numpy()}
    policy = np.zeros(len(rows), int) if baseline == "none" else rows["old_rule"].to_numpy()
    table = world.comparison()
    for name in ("champion", "better"):
        wanted, _ = gain_and_se_per_1k(rule, labels, decisions(rows, name), policy, amounts)
        assert table.loc[name, "gain_per_1k"] == pytest.approx(wanted, rel=1e-6)
    paired = read_value_moments(world.folder("better") / store.PAIRED_VALUES)
    assert paired is not None
    counts = paired.n[0].reshape(2, 2, 2)
    assert counts[:, :, 1].sum() == decisions(rows, "better").sum()
    assert counts[:, 1].sum() == decisions(rows, "champion").sum()
    unlabelled = read_value_moments(world.folder("better") / store.UNLABELLED_VALUES)
    log = amounts_log()
    missing = log[(log["at"] >= JUDGED_FROM) & log["y"].isna()]
    cases = 2 * decisions(missing, "champion") + decisions(missing, "better")
    assert unlabelled is not None
    assert unlabelled.n[0].tolist() == np.bincount(cases, minlength=4).tolist()
    np.testing.assert_allclose(unlabelled.mean[0, 1], missing["amount"][cases == 1].mean())


def test_values_of_a_slice(world: World) -> None:
    overrides = [{"slice": "region=west", "false_positive": -40.0}]
    world.conf("gain", "tiny", matrix(overrides=overrides))
    assert world.sweep(*PAIR) == 0
    rows = judged(amounts_log())
    labels, amounts = rows["y"].astype(int).to_numpy(), {"amount": rows["amount"].to_numpy()}
    policy = np.zeros(len(rows), int)
    rule = rule_of(matrix(overrides=overrides))
    wanted, _ = gain_and_se_per_1k(rule, labels, decisions(rows, "better"), policy, amounts, list(rows["region"]))
    assert world.comparison().loc["better", "gain_per_1k"] == pytest.approx(wanted, rel=1e-6)


def test_other_constants_need_no_log_and_other_columns_do(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.sweep(*PAIR)
    before, written = world.comparison()["gain_per_1k"], (world.folder("better") / "run.json").stat().st_mtime_ns
    assert world.run("compare", "gain.false_positive=-60") == 0
    assert (world.comparison()["gain_per_1k"] < before).all()
    assert world.run("compare", "gain.baseline=all") == 0
    world.sweep(*PAIR, "gain.true_positive.times=0.5")
    assert (world.folder("better") / "run.json").stat().st_mtime_ns == written
    capsys.readouterr()
    assert world.run("compare", "gain.baseline={column: old_rule}") == 2
    said = capsys.readouterr().err
    assert "gain: column old_rule was not kept with these results; run harness sweep with this gain, which reuses the scores" in said
    assert said.count("\n") == 1
    assert world.sweep(*PAIR, "gain.baseline={column: old_rule}") == 0
    assert world.run_json("better")["scores_reused"]
    assert (world.folder("better") / "run.json").stat().st_mtime_ns != written


def test_results_of_constants_are_not_made_again_for_other_constants_but_are_for_a_column(own_world: World) -> None:
    own_world.log(amounts_log())
    own_world.sweep(*PAIR)
    written = own_world.folder("better")
    own_world.sweep(*PAIR, "gain=none")
    assert own_world.folder("better") == written
    own_world.conf("gain", "tiny", matrix())
    own_world.sweep(*PAIR)
    assert own_world.folder("better") != written
    assert own_world.run_json("better")["scores_reused"]


def test_a_threshold_is_found_by_the_amounts_of_the_tuning_rows(world: World) -> None:
    assert world.sweep(*PAIR, "model.threshold={maximise: gain}") == 0
    log = amounts_log()
    rows = log[(log["at"] >= TUNING[0]) & (log["at"] < TUNING[1]) & log["y"].notna()]
    labels, amounts = rows["y"].astype(int).to_numpy(), {"amount": rows["amount"].to_numpy()}
    logit = rows[list(FEATURES)].to_numpy() @ np.array(WEIGHTS["better"], np.float32) - np.float32(0.7)
    scores, rule = (1 / (1 + np.exp(-logit))).astype(np.float32), rule_of(matrix())
    found = world.run_json("better")["threshold"]
    at = float(scores[np.argmin(np.abs(scores - found))])  # the runtime's last bit is its own
    assert at == pytest.approx(found, abs=1e-6)
    best = max(worth_of_threshold(rule, scores, labels, float(t), amounts) for t in np.quantile(scores, np.linspace(0, 1, 60)))
    assert worth_of_threshold(rule, scores, labels, at, amounts) >= best
    assert found < 0.45, "a fraud that is missed loses more than constants of the same sign would"


@pytest.mark.parametrize(
    ("spoil", "change", "said"),
    [
        (
            {"amount": None},
            {},
            "gain: column 'amount' is missing or infinite in 1 rows of the judged or tuning period, and each needs a value",
        ),
        (
            {"old_rule": 2},
            {"baseline": {"column": "old_rule"}},
            "gain.baseline: column 'old_rule' holds values other than 0 and 1 in 1 rows",
        ),
        ({}, {"baseline": {"column": "old_rul"}}, "gain: no column 'old_rul' in part-0.parquet; columns are: "),
        ({}, {"baseline": {"column": "region"}}, "string, wanted numbers; name a column of numbers"),
        (
            {},
            {"overrides": [{"slice": "region=nowhere", "true_positive": 1.0}]},
            "no judged row is in slice 'region=nowhere'; slices of 'region'",
        ),
        (
            {},
            {"overrides": [{"slice": "city=Bonn", "true_positive": 1.0}]},
            "the replay has no slices of 'city'; it is sliced by: region, ",
        ),
    ],
)
def test_what_means_nothing_is_refused_before_anything_is_scored(
    world: World, spoil: dict[str, Any], change: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = amounts_log()
    for column, value in spoil.items():
        log.loc[5000, column] = value
    world.log(log)
    world.conf("gain", "tiny", matrix(**change))
    assert world.sweep(*PAIR) == 2
    found = capsys.readouterr().err
    assert said in " ".join(found.split())
    assert "Traceback" not in found
    assert not list(world.results.glob("variants/*/run.json"))


def test_missing_amounts_of_rows_that_are_never_judged_are_no_matter(world: World) -> None:
    assert np.isnan(amounts_log()["amount"]).any()
    assert world.sweep("model=champion", "price=none", "review=none") == 0


def regression_log() -> pd.DataFrame:
    rng, log = np.random.default_rng(5), make_log()
    log["amount"] = log[list(FEATURES)].to_numpy(np.float64) @ np.array(LINEAR["better"]) + rng.normal(0, 0.5, len(log))
    log["last_week"] = np.round(log["amount"] + rng.normal(0, 1, len(log)), 1)
    log.loc[log.index % 50 == 49, "amount"] = np.nan
    return log


ERROR_COST = {"_target_": "harness.gain.error_cost.ErrorCost", "over_prediction": 0.5, "under_prediction": 3.0, "currency": "USD"}


def test_a_regression_sweep_with_a_cost_of_error(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    own_world.log(regression_log())
    task_replay(own_world, task="regression", label="amount", tuning=None)
    for name, weights in LINEAR.items():
        write_graph(own_world.model(name), np.array(weights).reshape(-1, 1), softmax=False)
    own_world.conf("gain", "tiny", ERROR_COST)
    assert own_world.sweep("metrics=regression", *PAIR) == 0
    log = regression_log()
    rows = log[(log["at"] >= JUDGED_FROM) & log["amount"].notna()]
    features = rows[list(FEATURES)].to_numpy()
    costs = {
        name: np.array(error_costs(rule_of(ERROR_COST), features @ np.array(w, np.float32), rows["amount"])) for name, w in LINEAR.items()
    }
    table = own_world.comparison()
    for name, cost in costs.items():
        assert table.loc[name, "gain_per_1k"] == pytest.approx(mean_and_se_per_1k(list(-cost))[0], rel=1e-5)
    assert own_world.run("compare", "gain.baseline=champion") == 0
    wanted, _ = mean_and_se_per_1k(list(costs["champion"] - costs["better"]))
    assert own_world.comparison().loc["better", "gain_per_1k"] == pytest.approx(wanted, rel=1e-5)
    assert own_world.run("compare", "gain.baseline={column: last_week}") == 2
    assert "gain: column last_week was not kept" in capsys.readouterr().err
    assert own_world.sweep("metrics=regression", *PAIR, "gain.baseline={column: last_week}") == 0
    heuristic = np.array(error_costs(rule_of(ERROR_COST), rows["last_week"], rows["amount"]))
    assert own_world.comparison().loc["better", "gain_per_1k"] == pytest.approx(1000 * np.mean(heuristic - costs["better"]), rel=1e-5)


METRIC_VALUE = {
    "_target_": "harness.gain.metric_value.MetricValue",
    "metric": "auc",
    "direction": "higher",
    "value_per_1k": 2.0,
    "point": 0.01,
    "currency": "USD",
}


def test_a_sweep_that_values_a_metric(own_world: World) -> None:
    own_world.conf("gain", "tiny", METRIC_VALUE)
    assert own_world.sweep(*PAIR) == 0
    table = own_world.comparison()
    assert table.loc["better", "gain_per_1k"] == pytest.approx(200 * table.loc["better", "auc_vs_champion"], rel=1e-6)
    assert table.loc["champion", "gain_per_1k"] == 0.0
    assert own_world.run("compare", "gain.baseline=0.5") == 0
    table = own_world.comparison()
    np.testing.assert_allclose(table["gain_per_1k"], 200 * (table["auc"] - 0.5), rtol=1e-6)


def test_a_metric_of_clustered_rows_has_a_value_as_far_as_it_has_an_interval(own_world: World) -> None:
    log = make_log()
    log["user"] = log.index % 300
    own_world.log(log)
    task_replay(own_world, task="binary", label="y", tuning="reference", cluster="user")
    own_world.conf("gain", "tiny", METRIC_VALUE)
    assert own_world.sweep("metrics=[auc]", *PAIR) == 0
    table = own_world.comparison()
    assert table.loc["better", "gain_per_1k"] == pytest.approx(200 * table.loc["better", "auc_vs_champion"], rel=1e-6)


@pytest.mark.parametrize(
    ("conf", "overrides", "said"),
    [
        (ERROR_COST, (), "gain: 'ErrorCost' values errors of task regression, and replay.task is binary; use gain=none"),
        (METRIC_VALUE, ("metrics=[brier]", "review=none"), "gain.metric: 'auc' is not among the metrics: brier"),
        (METRIC_VALUE, ("gain.direction=lower",), "gain.direction: found lower, and auc is better higher; write that"),
        (
            METRIC_VALUE,
            ("model.threshold={maximise: gain}",),
            "variant 'champion' maximises gain, and 'MetricValue' gives no value to a single decision; give a number",
        ),
    ],
)
def test_a_rule_that_goes_not_with_the_rest_is_refused(
    own_world: World, conf: dict[str, Any], overrides: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own_world.conf("gain", "tiny", conf)
    assert own_world.sweep(*overrides) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not own_world.results.exists()
