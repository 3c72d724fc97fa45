from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.gates.net_gain import NetGain
from harness.gates.p99_latency import P99Latency
from harness.meters.schedule import blocks
from harness.pipeline import speed
from harness.pipeline.quality import Member
from harness.pipeline.speed import Started, crosscheck, estimate_s, run_speed
from harness.records.conf import MeasureConf
from harness.records.measurement import Measurement
from harness.records.model import ScoringPlan
from harness.records.run import Identity
from harness.records.trial import EnergyReading, Trial, WarmUp
from harness.runs import store
from harness.workers.child import Outcome

STANDARD = MeasureConf("standard", warmup_s=2.0, steady_window_s=1.0, n_blocks=5, trial_s=30.0, early_stop_width=0.05)
LONG = MeasureConf("long", warmup_s=2.0, steady_window_s=1.0, n_blocks=10, trial_s=60.0)
STEADY = WarmUp(500, 5.0, 0.1, True, (100.0, 100.0, 100.0))
UNSTEADY = WarmUp(9000, 60.2, 0.1, False, (100.0, 150.0, 100.0))
UNREAD = EnergyReading(None, "unavailable", "vm")
STARTED = Started(0.5, 0.1, 2, 1000, 0.0, (STEADY, STEADY))


class World:
    """Children that answer at once, with speeds that the test makes up; `asked` is all that they were asked."""

    def __init__(self, monkeypatch, folder: Path, **variants) -> None:
        self.folder, self.variants, self.asked, self.closed, self.said = folder, variants, [], [], []
        monkeypatch.setattr(speed, "Child", lambda work, args, log: FakeChild(self, args[0].variant))

    def run(self, measure: MeasureConf, force: bool = False) -> dict[str, Measurement]:
        members = [self.member(label) for label in self.variants]
        conf = SimpleNamespace(measure=measure, seed=3, confidence=0.95, timeout_s=60.0, force=force)
        run_speed(members, conf, SimpleNamespace(folder=self.folder), self.said.append)
        return {m.conf.label: store.read_measurement(m.folder) for m in members}

    def member(self, label: str) -> Member:
        source = "logged" if self.variants[label] == "logged" else "onnx"
        plan = ScoringPlan(label, source, f"{label}.onnx", "", (), None, "none", None, 16384, None, "cpu")
        (self.folder / label).mkdir(exist_ok=True)
        return Member(SimpleNamespace(label=label, precision="fp32"), plan, Identity(label, label), self.folder / label, "")

    def blocks_run(self) -> list[tuple[str, ...]]:
        """The order in which variants were asked for offline trials, cut into blocks of one of each."""
        order = [label for label, request in self.asked if request == ("trial", "offline")]
        n = len(set(order))
        return [tuple(order[i : i + n]) for i in range(0, len(order), n)]


class FakeChild:
    def __init__(self, world: World, label: str) -> None:
        self.world, self.label, self.script = world, label, world.variants[label]

    def ask(self, request, timeout_s: float) -> Outcome:
        self.world.asked.append((self.label, request))
        answer = self.script(request, sum(r == request and v == self.label for v, r in self.world.asked) - 1)
        return Outcome("failed", None, answer) if isinstance(answer, str) else Outcome("ok", answer, None)

    def close(self) -> None:
        self.world.closed.append(self.label)


def runs_at(*factors: float, started: Started = STARTED, breaks: tuple[str, int] | None = None, latency_ms: float = 1.0):
    """A child whose trial number i runs at factors[i], the last one for ever; it breaks at one trial of one point."""

    def script(request, i: int):
        if request == ("start",):
            return started
        if request[1:] == (breaks or ("",))[:1] and i == breaks[1]:
            return "it was ended by SIGKILL"
        factor = factors[min(i, len(factors) - 1)]
        rows, latencies = (4096, [41_000_000]) if request[1] == "offline" else (1, [round(latency_ms * 1e6)])
        return Trial(request[1], rows, 1000, rows * 1000 / (1e5 * factor), np.array(latencies), np.array([1000]), UNREAD)

    return script


def test_each_block_holds_every_variant_once_and_all_blocks_are_run(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0, 1.1), b=runs_at(1.0), c=runs_at(1.0))
    found = world.run(STANDARD)
    assert world.blocks_run() == list(blocks("abc", 5, 3))
    assert all(Counter(block) == Counter("abc") for block in world.blocks_run())
    assert [request for _, request in world.asked[:3]] == [("start",)] * 3
    trials = [request[1] for _, request in world.asked[3:]]
    assert trials == ["offline", "single"] * 15
    assert {label: len(m.point("single").trial_rows_per_s) for label, m in found.items()} == dict.fromkeys("abc", 5)
    assert sorted(world.closed) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("slowest", "n_blocks"),
    [
        ((1.0,), 3),  # all speeds equal: as soon as it may
        ((1.06, 1.0), 5),  # 9.7 % wide after four trials
        ((1.02, 1.0), 4),  # 5.8 % wide after three trials, 3.2 % after four
    ],
)
def test_standard_stops_at_the_first_block_after_which_every_speed_is_known(monkeypatch, tmp_path, slowest, n_blocks):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0), b=runs_at(*slowest))
    found = world.run(STANDARD)
    assert len(world.blocks_run()) == n_blocks
    assert {len(m.point(p).trial_rows_per_s) for m in found.values() for p in ("offline", "single")} == {n_blocks}
    assert {(m.protocol, m.status) for m in found.values()} == {("standard", "ok")}
    stopped = f"speed: done after {n_blocks} of 5 blocks: every interval is narrower than 5%"
    assert (stopped in world.said) == (n_blocks < 5)


def test_long_and_quick_run_all_their_blocks(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0))
    assert len(world.run(LONG)["a"].point("offline").trial_rows_per_s) == 10
    assert len(world.run(MeasureConf("quick"))["a"].point("offline").trial_rows_per_s) == 3


def test_a_broken_child_is_one_variant_that_was_not_measured(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0), b=runs_at(1.0, breaks=("single", 1)), c=lambda request, i: "no such file")
    found = world.run(STANDARD)
    assert (found["b"].status, found["b"].reason) == ("not_measured", "its speed child failed: it was ended by SIGKILL")
    assert (found["c"].status, found["c"].reason) == ("not_measured", "its speed child failed: no such file")
    assert (found["a"].status, len(found["a"].point("offline").trial_rows_per_s)) == ("ok", 3)  # b and c do not hold it up
    assert Counter(label for label, _ in world.asked) == {"a": 1 + 6, "b": 1 + 4, "c": 1}
    assert sorted(world.closed) == ["a", "b", "c"]


def test_when_all_children_are_broken_no_block_is_waited_for(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=lambda request, i: "no such file")
    assert world.run(LONG)["a"].status == "not_measured"
    assert world.asked == [("a", ("start",))]
    assert world.run(STANDARD)["a"].status == "not_measured"
    assert not any(line.startswith("speed: done after") for line in world.said)


def test_an_interrupt_closes_every_child(monkeypatch, tmp_path):
    def interrupted(request, i: int):
        raise KeyboardInterrupt

    world = World(monkeypatch, tmp_path, a=runs_at(1.0), b=interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.run(STANDARD)
    assert world.closed == ["a", "b"]


def test_without_a_steady_state_standard_is_noisy_and_long_invalid(monkeypatch, tmp_path):
    unsteady = replace(STARTED, warm_ups=(STEADY, UNSTEADY))
    world = World(monkeypatch, tmp_path, a=runs_at(1.0, started=unsteady), b=runs_at(1.0))
    reason = "no_steady_state: single: throughput of the last 3 windows differed by 50% after 60 s of warm-up, at most 10% wanted"
    for measure, status in ((STANDARD, "noisy"), (LONG, "invalid")):
        found = world.run(measure)
        assert (found["a"].status, found["a"].reason) == (status, reason)
        assert found["b"].status == "ok"


def test_a_logged_score_is_not_measured_and_nothing_is_run(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a="logged")
    assert world.run(STANDARD)["a"].reason == "its score stands in the log, nothing was run"


def test_without_measuring_what_was_measured_before_stays(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a="logged")
    assert world.run(MeasureConf("none"))["a"].reason == "measure=none"
    world.run(STANDARD)
    assert world.run(MeasureConf("none"))["a"].reason == "its score stands in the log, nothing was run"
    assert world.asked == []


def test_the_same_set_and_protocol_is_timed_once(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0))
    world.run(STANDARD)
    n = len(world.asked)
    world.run(STANDARD)
    assert len(world.asked) == n
    assert world.said[-1] == "speed: this set of variants was timed on this machine already (force=true runs everything again)"
    world.run(replace(STANDARD, trial_s=2.0))
    assert len(world.asked) > n
    assert "speed: shortened, so it decides nothing: trial_s is 2, standard has at least 30" in world.said


@pytest.mark.parametrize(
    ("measure", "latency_ms", "p99_status", "net_status"),
    [
        (STANDARD, 1.0, "PASS", "PASS"),
        (LONG, 1.0, "PASS", "PASS"),
        (LONG, 70.0, "FAIL", "PASS"),
        (MeasureConf("quick"), 1.0, "UNDECIDED", "UNDECIDED"),
        (replace(STANDARD, trial_s=2.0), 1.0, "UNDECIDED", "UNDECIDED"),
        (replace(STANDARD, n_blocks=4), 1.0, "UNDECIDED", "UNDECIDED"),
        (replace(LONG, trial_s=30.0), 70.0, "UNDECIDED", "UNDECIDED"),
    ],
)
def test_gates_decide_on_standard_and_long_and_on_nothing_less(monkeypatch, tmp_path, measure, latency_ms, p99_status, net_status):
    measured = World(monkeypatch, tmp_path, a=runs_at(1.0, 1.001, latency_ms=latency_ms)).run(measure)["a"]
    cost = SimpleNamespace(cost_per_1k=0.004, reason=None)
    evidence = SimpleNamespace(
        champion_measurement=None,
        variant="a",
        champion="champion",
        measurement=measured,
        gain=SimpleNamespace(currency="USD"),
        cost=cost,
        champion_cost=cost,
        net_vs_champion=1.0,
        net_vs_champion_low=0.8,
        net_vs_champion_high=1.2,
        confidence=0.95,
        missing_gain=(0.0, 0.0),
        n_unlabelled=0,
    )
    (p99,), (net,) = P99Latency(limit_ms=50).judge((evidence,)), NetGain().judge((evidence,))
    assert (p99.status, net.status) == (p99_status, net_status)


def test_the_estimate_counts_warm_ups_and_all_blocks():
    assert estimate_s(2, STANDARD) == pytest.approx(2 * (0.5 + 2 * (2 + 3) + 2 * 5 * 30))
    assert estimate_s(6, MeasureConf("quick")) <= 45.0


class CentresByBatch:
    """Like dynamic quantisation: what a row gets depends on the rows beside it."""

    def score(self, tensors):
        return (tensors[0][:, 0] - tensors[0].mean()).astype(np.float32)


@pytest.mark.parametrize(("n_rows", "share", "n_compared"), [(23, 1.0, 23), (20, 0.4, 10), (3, 0.01, 3)])
def test_the_cross_check_repeats_whole_batches_of_the_same_grid(n_rows, share, n_compared):
    model, tensor = CentresByBatch(), np.arange(n_rows, dtype=np.float32)[:, None] ** 2
    plan = SimpleNamespace(batch_rows=5)
    kept = np.concatenate([model.score([tensor[i : i + 5]]) for i in range(0, n_rows, 5)])
    assert crosscheck(model, plan, [tensor], kept, share, 1) == (n_compared, 0.0)
    assert crosscheck(model, SimpleNamespace(batch_rows=4), [tensor], kept, 1.0, 1)[1] > 0.1 or n_rows <= 4
    assert crosscheck(model, plan, [tensor], kept + np.float32(0.25), share, 1) == (n_compared, 0.25)


def test_the_cross_check_keeps_a_nan():
    tensor = np.arange(10, dtype=np.float32)[:, None]
    kept = np.concatenate([CentresByBatch().score([tensor[i : i + 5]]) for i in (0, 5)])
    kept[2] = np.nan
    assert math.isnan(crosscheck(CentresByBatch(), SimpleNamespace(batch_rows=5), [tensor], kept, 1.0, 0)[1])
