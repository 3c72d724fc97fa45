"""A whole sweep whose front hangs on the pair of two challengers: against the definition row by row, and without what is kept of the pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.pipeline.pairs import _stored_keys
from harness.runs import store
from tests.oracles.pareto_oracle import mean_and_se, pair_cases
from tests.oracles.row_values import value
from tests.sweep.test_gain import decisions, judged, rule_of
from tests.sweep.world import World, copy_world, gain_conf, make_log

FAST = ("measure=quick", "measure.trial_s=0.1", "measure.warmup_s=0.02", "measure.n_blocks=2", "measure.offline_batch_rows=64")
ARGUMENTS = ("params.model=[champion,better,early]", "review=none", *FAST)
EARLIER = 0.475  # the same model flags a few rows more, each of which is worth something on average


@pytest.fixture(scope="module")
def front_template(template: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = copy_world(template, tmp_path_factory.mktemp("front") / "world")
    for name, model, threshold, sku in (("better", "better", 0.5, "large"), ("early", "better", EARLIER, "small")):
        conf = {"name": name, "path": f"models/{model}.onnx", "trained_until": "2024-01-11", "threshold": threshold, "deploy": {"sku": sku}}
        world.conf("model", name, conf)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.chdir(world.root)
        assert world.sweep(*ARGUMENTS) == 0
    return world


@pytest.fixture
def world(front_template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = copy_world(front_template, tmp_path / "world")
    monkeypatch.chdir(world.root)
    return world


def worths(rule_conf: dict, threshold: float) -> list[float]:
    rows, rule = judged(make_log()), rule_of(rule_conf)
    return [value(rule, y, p) for y, p in zip(rows["y"].astype(int), decisions(rows, "better", threshold), strict=True)]


def note_of(world: World) -> bool:
    return "compared as if they were independent" in (world.results / "comparison.md").read_text()


def test_the_pair_that_is_kept_is_that_of_the_log(world: World) -> None:
    (columns,) = _stored_keys(world.results / "replay" / store.PAIRS).values()
    rows = judged(make_log())
    labels = rows["y"].astype(int)
    wanted = np.zeros(8, int)
    cases = pair_cases(labels, decisions(rows, "better"), decisions(rows, "better", EARLIER), ["all"] * len(rows), [0.0] * len(rows))
    for (_, label, own, other), (n, _, _) in cases.items():
        wanted[4 * label + 2 * own + other] = n
    assert columns["n"][0].tolist() == wanted.tolist()


def test_a_small_difference_of_two_challengers_decides_who_is_on_the_front(world: World) -> None:
    table = world.comparison()
    mean, se = mean_and_se(worths(gain_conf(2.0), EARLIER), worths(gain_conf(2.0), 0.5))
    assert mean > 3 * se, "the rows of both say so"
    assert table.loc["early", "gain_per_1k"] - table.loc["better", "gain_per_1k"] == pytest.approx(1000 * mean)
    assert table.loc["early", "cost_per_1k"] < table.loc["better", "cost_per_1k"]
    assert table["pareto"].to_dict()["early"]
    assert not table["pareto"].to_dict()["better"]
    assert not note_of(world)
    (world.results / "replay" / store.PAIRS).unlink()
    assert world.run("compare") == 0
    assert world.comparison()["pareto"].to_dict()["better"], "their differences to the champion cannot tell the two apart"
    assert note_of(world)


def test_another_rule_needs_no_log(world: World) -> None:
    (world.root / "log" / "part-0.parquet").unlink()
    assert world.run("compare", "gain.true_positive=0.6") == 0
    mean, se = mean_and_se(worths(gain_conf(0.6), EARLIER), worths(gain_conf(0.6), 0.5))
    assert abs(mean) < 1.5 * se, "a flag that is right as often as wrong is worth nothing"
    assert world.comparison()["pareto"].to_dict()["better"]
    assert not note_of(world)


def test_a_pair_is_kept_until_one_of_the_two_changes(world: World) -> None:
    file = world.results / "replay" / store.PAIRS
    before, keys = file.stat().st_mtime_ns, set(_stored_keys(file))
    assert world.sweep(*ARGUMENTS) == 0
    assert file.stat().st_mtime_ns == before
    world.conf("model", "early", {"name": "early", "path": "models/better.onnx", "trained_until": "2024-01-11", "threshold": 0.4})
    assert world.sweep(*ARGUMENTS) == 0
    assert len(_stored_keys(file)) == 1
    assert not set(_stored_keys(file)) & keys
