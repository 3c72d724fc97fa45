from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.errors import ConfigError
from harness.gates.net_gain import NetGain
from harness.gates.p99_latency import P99Latency
from harness.meters.schedule import blocks
from harness.pipeline import speed, timed_variant
from harness.pipeline.quality import Member
from harness.pipeline.speed import check_measure, estimate_s, run_speed
from harness.pipeline.speed_child import Point, Started, crosscheck, operating_points
from harness.records.conf import MeasureConf
from harness.records.load import LoadTrial, Schedule
from harness.records.measurement import Measurement, ProviderCheck
from harness.records.model import CardPlan, ScoringPlan
from harness.records.replay import JUDGED
from harness.records.run import Identity
from harness.records.trial import EnergyReading, Trial, WarmUp
from harness.runs import store
from harness.workers.child import Outcome

STANDARD = MeasureConf("standard", warmup_s=2.0, steady_window_s=1.0, n_blocks=5, trial_s=30.0, early_stop_width=0.05)
LONG = MeasureConf("long", warmup_s=2.0, steady_window_s=1.0, n_blocks=10, trial_s=60.0)
STEADY = WarmUp(500, 5.0, 0.1, True, (100.0, 100.0, 100.0))
UNSTEADY = WarmUp(9000, 60.2, 0.1, False, (100.0, 150.0, 100.0))
UNREAD = EnergyReading(None, "unavailable", "vm")
ON_CPU = ProviderCheck("CPUExecutionProvider", "CPUExecutionProvider", 3, 1.0, 1.0)
STARTED = Started(0.5, 0.1, 2, 1000, 0.0, 0.9, (STEADY, STEADY), ON_CPU)
SINGLE, OFFLINE = ("trial", 0), ("trial", 1)  # and the seconds of a turn


TIMES_US = np.arange(3000, dtype=np.int64)[::-1] * 1_000_000


def sweep_conf(measure: MeasureConf, force: bool = False, rows_per_request: float = 1.0, timestamp: str | None = "t") -> SimpleNamespace:
    replay = SimpleNamespace(rows_per_request=rows_per_request, timestamp=timestamp)
    return SimpleNamespace(measure=measure, seed=3, confidence=0.95, timeout_s=60.0, force=force, replay=replay)


def plan_of(label: str, source: str = "onnx", fixed_batch: int | None = None) -> ScoringPlan:
    return ScoringPlan(label, source, f"{label}.onnx", "", (), None, "none", fixed_batch, 16384, None, "cpu")


PLAN = plan_of("a")


class World:
    """Children that answer at once, with speeds that the test makes up; `asked` is all that they were asked."""

    def __init__(self, monkeypatch, folder: Path, **variants) -> None:
        self.folder, self.variants, self.asked, self.closed, self.said = folder, variants, [], [], []
        monkeypatch.setattr(timed_variant, "Child", lambda work, args, log: FakeChild(self, args[0].variant))

    def run(self, measure: MeasureConf, force: bool = False) -> dict[str, Measurement]:
        members = [self.member(label) for label in self.variants]
        conf = sweep_conf(measure, force)
        run_speed(
            members,
            conf,
            SimpleNamespace(folder=self.folder, n_rows=100_000, timestamps_us=TIMES_US, roles=np.full(TIMES_US.size, JUDGED)),
            self.said.append,
        )
        return {m.conf.label: store.read_measurement(m.folder) for m in members}

    def member(self, label: str) -> Member:
        source = "logged" if self.variants[label] == "logged" else "onnx"
        plan = plan_of(label, source)
        (self.folder / label).mkdir(exist_ok=True)
        return Member(
            SimpleNamespace(label=label, precision="fp32", deploy=SimpleNamespace(batch_rows=None)),
            plan,
            Identity(label, label),
            self.folder / label,
            "",
        )

    def blocks_run(self) -> list[tuple[str, ...]]:
        """The order in which variants were asked for offline trials, cut into blocks of one of each."""
        order = [label for label, request in self.asked if request[:2] == OFFLINE]
        n = len(set(order))
        return [tuple(order[i : i + n]) for i in range(0, len(order), n)]


class FakeChild:
    def __init__(self, world: World, label: str) -> None:
        self.world, self.label, self.script = world, label, world.variants[label]

    def ask(self, request, timeout_s: float) -> Outcome:
        self.world.asked.append((self.label, request))
        answer = self.script(request, sum(r[:2] == request[:2] and v == self.label for v, r in self.world.asked if r[0] != "load") - 1)
        return Outcome("failed", None, answer) if isinstance(answer, str) else Outcome("ok", answer, None)

    def close(self) -> None:
        self.world.closed.append(self.label)


def runs_at(*factors: float, started: Started = STARTED, breaks: tuple[int, int] | None = None, latency_ms: float = 1.0):
    """A child whose trial number i runs at factors[i], the last one for ever; it breaks at one trial of one point."""

    def script(request, i: int):
        if request == ("start",):
            return started
        if breaks is not None and request[:2] == ("trial", breaks[0]) and i == breaks[1]:
            return "it was ended by SIGKILL"
        factor = factors[min(i, len(factors) - 1)]
        rows, latencies = (4096, [41_000_000]) if request[:2] == OFFLINE else (1, [round(latency_ms * 1e6)])
        return Trial(
            "offline" if request[:2] == OFFLINE else "single",
            rows,
            1000,
            rows * 1000 / (1e5 * factor),
            np.array(latencies),
            np.array([1000]),
            UNREAD,
        )

    return script


def test_each_block_holds_every_variant_once_and_all_blocks_are_run(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0, 1.1), b=runs_at(1.0), c=runs_at(1.0))
    found = world.run(STANDARD)
    assert world.blocks_run() == list(blocks("abc", 5, 3))
    assert all(Counter(block) == Counter("abc") for block in world.blocks_run())
    assert [request for _, request in world.asked[:3]] == [("start",)] * 3
    assert [request for _, request in world.asked[3:]] == [(*SINGLE, 30.0), (*OFFLINE, 30.0)] * 15
    assert {label: len(m.point("single").trial_rows_per_s) for label, m in found.items()} == dict.fromkeys("abc", 5)
    assert sorted(world.closed) == ["a", "b", "c"]


def test_variants_take_turns_within_a_block_and_the_turns_are_one_trial(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=runs_at(1.0), b=runs_at(1.0))
    found = world.run(replace(STANDARD, turn_s=10.0, early_stop_width=None))
    assert world.blocks_run() == list(blocks("ab", 5 * 3, 3))
    assert {request for _, request in world.asked[2:]} == {(*SINGLE, 10.0), (*OFFLINE, 10.0)}
    for m in found.values():
        assert m.point("offline").blocks == (0, 1, 2, 3, 4)
        assert m.point("offline").n_requests == 5 * 3 * 1000


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
    world = World(monkeypatch, tmp_path, a=runs_at(1.0), b=runs_at(1.0, breaks=(0, 1)), c=lambda request, i: "no such file")
    found = world.run(STANDARD)
    assert (found["b"].status, found["b"].reason) == ("not_measured", "its speed child failed: it was ended by SIGKILL")
    assert (found["c"].status, found["c"].reason) == ("not_measured", "its speed child failed: no such file")
    assert (found["a"].status, len(found["a"].point("offline").trial_rows_per_s)) == ("ok", 3)  # b and c do not hold it up
    assert Counter(label for label, _ in world.asked) == {"a": 1 + 6, "b": 1 + 3, "c": 1}
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
    unsteady = replace(STARTED, warm_ups=(UNSTEADY, STEADY))
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
    cost = SimpleNamespace(cost_per_1k=0.004, reason=None, power_is_estimated=False)
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
    two, six = [plan_of("a")] * 2, [plan_of("a")] * 6
    assert estimate_s(two, sweep_conf(STANDARD)) == pytest.approx(2 * (0.5 + 2 * (2 + 3) + 2 * 5 * 30))
    assert estimate_s(two, sweep_conf(replace(STANDARD, arrivals="poisson"))) == pytest.approx(2 * (0.5 + 2 * (2 + 3) + 3 * 5 * 30))
    assert estimate_s(two, sweep_conf(replace(STANDARD, offline_batch_rows=(256, 4096)))) == pytest.approx(
        2 * (0.5 + 3 * (2 + 3) + 3 * 5 * 30)
    )
    assert estimate_s(six, sweep_conf(MeasureConf("quick"))) <= 45.0
    assert estimate_s(two, sweep_conf(MeasureConf("none"))) == 0.0


def test_operating_points_are_every_batch_size_at_every_thread_count():
    measure = replace(STANDARD, offline_batch_rows=(64, 4096, 1 << 20), threads=(1, 2))
    found = operating_points(plan_of("a"), measure, 25, 100_000)
    assert found == tuple(
        Point(name, rows, n)
        for n in (1, 2)
        for name, rows in (("single", 25), ("offline", 64), ("offline", 4096), ("offline", 16384))  # no larger than the quality pass's
    )
    assert operating_points(plan_of("a"), STANDARD, 1, 100_000, deployed_rows=100)[1:] == (
        Point("offline", 100, None),
        Point("offline", 4096, None),
    )
    assert [point.batch_rows for point in operating_points(plan_of("a"), measure, 25, 1000)] == [25, 64, 1000] * 2  # a short log
    small = replace(plan_of("a"), batch_rows=64)  # what deploy.batch_rows gives the quality pass caps no other size
    assert [point.batch_rows for point in operating_points(small, STANDARD, 1, 100_000, deployed_rows=64)] == [1, 64, 4096]
    assert operating_points(plan_of("a", fixed_batch=8), measure, 1, 100_000)[:2] == (Point("single", 8, 1), Point("offline", 8, 1))


def test_a_throttled_trial_is_run_again_three_times_at_most(monkeypatch, tmp_path):
    def hot_at(*throttled: int):
        cool = runs_at(1.0)

        def script(request, i: int):
            found = cool(request, i)
            hot = request[:2] == OFFLINE and i in throttled
            return (
                replace(found, energy=replace(UNREAD, n_samples=100, throttled_share=0.5, events=("hw_thermal_slowdown",)))
                if hot
                else found
            )

        return script

    world = World(monkeypatch, tmp_path, a=hot_at(0, 3), b=hot_at(*range(99)))
    found = world.run(MeasureConf("quick"))
    assert (found["a"].status, found["a"].n_discarded) == ("ok", 2)
    assert len(found["a"].point("offline").trial_rows_per_s) == 3
    assert (found["b"].status, found["b"].n_discarded) == (
        "invalid",
        3,
    )  # three of its first trial; a lost variant is not cooled for any more
    assert "throttled" in found["b"].reason
    assert "hw_thermal_slowdown" in found["b"].reason


def serving(request, i: int):
    """A child of 1,000 requests a second whose open-loop answers all take 2 ms."""
    if request[0] != "load":
        return runs_at(1.0, latency_ms=1.0)(request, i)
    arrivals = request[1]
    assert isinstance(arrivals, Schedule)
    return LoadTrial(arrivals.kind, "harness", arrivals.rate_per_s, 0, 1.0, np.full(arrivals.send_ns.size, 2_000_000, np.int64))


def test_poisson_arrivals_come_at_half_of_the_own_rate_unless_a_rate_is_given(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=serving)
    for rate, offered in ((None, 0.5 * 1e5), (40.0, 40.0)):
        (load,) = world.run(replace(STANDARD, arrivals="poisson", rate_per_s=rate))["a"].loads
        assert (load.kind, load.n_trials, load.rate_per_s, load.status) == ("poisson", 3, pytest.approx(offered), "ok")
        assert next(p for p in load.latency if p.q == 99.0).value_ms == pytest.approx(2.0)
    seeds = [request[3] for _, request in world.asked if request[0] == "load"]
    assert len(set(seeds[:3])) == 3  # other arrivals in every block


def test_the_logs_own_arrivals_are_replayed_in_time_order_and_faster(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=serving)
    (load,) = world.run(replace(STANDARD, arrivals="log", speed_up=10.0, trial_s=30.0))["a"].loads
    schedule = next(request[1] for _, request in world.asked if request[0] == "load")
    assert np.all(np.diff(schedule.send_ns) == 100_000_000)  # one a second, ten times faster
    assert load.rate_per_s == pytest.approx(10.0, rel=0.02)


def test_the_highest_rate_is_searched_where_a_service_level_is_given(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, a=serving)
    found = world.run(replace(STANDARD, slo_ms=5.0))["a"].rate_limit
    assert (found.slo_ms, found.rate_per_s is not None) == (5.0, True)
    assert world.run(replace(STANDARD, slo_ms=1.0))["a"].rate_limit.rate_per_s is None
    assert any("p99 <= 5 ms: holds it up to" in line for line in world.said)


@pytest.mark.parametrize(
    ("measure", "timestamp", "message"),
    [
        (MeasureConf("quick", arrivals="log"), None, "measure.arrivals: found log, and the log has no time column"),
        (MeasureConf("quick", arrivals="log", generator="loadgen"), "t", "sends Poisson arrivals only"),
    ],
)
def test_what_the_speed_phase_could_not_do_is_refused(measure, timestamp, message):
    with pytest.raises(ConfigError, match=message):
        check_measure(sweep_conf(measure, timestamp=timestamp))


def test_a_load_generator_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setattr(speed, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'replay-harness\[loadgen\]'"):
        check_measure(sweep_conf(MeasureConf("quick", arrivals="poisson", generator="loadgen")))


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


def test_a_regressions_scores_are_compared_on_their_own_scale(monkeypatch, tmp_path):
    rounding = replace(STARTED, crosscheck_max_difference=0.06, largest_score=1e6)
    world = World(monkeypatch, tmp_path, a=runs_at(1.0, started=rounding))
    assert world.run(STANDARD)["a"].status == "invalid"  # of a probability that is another model
    monkeypatch.setattr(sys.modules[__name__], "plan_of", lambda label, source="onnx": replace(PLAN, variant=label, task="regression"))
    assert world.run(STANDARD, force=True)["a"].status == "ok"
    tiny = replace(STARTED, crosscheck_max_difference=1e-6, largest_score=1e-5)
    assert World(monkeypatch, tmp_path, a=runs_at(1.0, started=tiny)).run(STANDARD, force=True)["a"].status == "invalid"


def test_turns_on_a_card_are_ten_seconds_and_longer():
    long = replace(LONG, turn_s=1.0)
    assert [speed.turns_of(conf, on_card=on_card) for conf in (long, LONG) for on_card in (False, True)] == [60, 6, 1, 1]


def test_arrivals_are_served_at_the_first_thread_count_and_at_half_of_its_rate(monkeypatch, tmp_path):
    def by_threads(request, i: int):
        if request == ("start",):
            return replace(STARTED, warm_ups=(STEADY,) * 4)
        if request[0] == "load":
            return serving(request, i)
        n = 2 if request[1] < 2 else 4  # points 0 and 1 are of the first thread count
        return replace(runs_at(1.0 if n == 2 else 3.0)((*request[:1], request[1] % 2, *request[2:]), i), threads=n)

    world = World(monkeypatch, tmp_path, a=by_threads)
    (load,) = world.run(replace(STANDARD, arrivals="poisson", threads=(2, 4)))["a"].loads
    assert load.rate_per_s == pytest.approx(0.5 * 1e5)


@pytest.mark.parametrize(("allow_cpu_nodes", "status"), [(False, "invalid"), (True, "ok")])
def test_nodes_on_the_cpu_spoil_a_card_unless_the_variant_allows_them(monkeypatch, tmp_path, allow_cpu_nodes, status):
    elsewhere = ProviderCheck("CUDAExecutionProvider", "CUDAExecutionProvider", 10, 0.9, 0.8, ("Gather",))
    card = replace(PLAN, device="cuda", card=CardPlan("cuda", False, allow_cpu_nodes))
    monkeypatch.setattr(sys.modules[__name__], "plan_of", lambda label, source="onnx": replace(card, variant=label))
    world = World(monkeypatch, tmp_path, a=runs_at(1.0, started=replace(STARTED, provider=elsewhere)))
    assert world.run(STANDARD)["a"].status == status
