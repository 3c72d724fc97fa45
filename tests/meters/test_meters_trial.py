from __future__ import annotations

import gc
from itertools import pairwise

import numpy as np
import pytest

from harness.meters import trial as module
from harness.meters.trial import timed_trial, warm_up
from harness.records.trial import EnergyReading


class FakeClock:
    """Goes on only when a batch is run, or when it is told to."""

    def __init__(self, now_ns: int = 1_000) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


class FakeModel:
    """Takes `cost_ns` per run of the clock that it is given, and remembers which batches it ran."""

    def __init__(self, clock: FakeClock, *costs_ns: int) -> None:
        self.clock, self.costs_ns, self.ran = clock, costs_ns, []

    def __call__(self, batch_id: int) -> None:
        self.clock.now_ns += self.costs_ns[len(self.ran) % len(self.costs_ns)]
        self.ran.append(batch_id)


def test_latencies_and_throughput_are_those_of_the_clock():
    clock = FakeClock()
    model = FakeModel(clock, 10, 30)
    trial = timed_trial(model, 3, 500, 100e-9, clock, point="offline")
    assert trial.latencies_ns.tolist() == [10, 30]
    assert trial.latency_counts.tolist() == [3, 3]  # 80 ns are not up, 120 are
    assert trial.latencies_ns.dtype == trial.latency_counts.dtype == np.int64
    assert model.ran == [0, 1, 2, 0, 1, 2]
    assert (trial.n_runs, trial.elapsed_s, trial.batch_rows, trial.point) == (6, pytest.approx(120e-9), 500, "offline")
    assert trial.rows_per_s == pytest.approx(6 * 500 / 120e-9)
    assert not trial.clock_went_back


def test_a_run_longer_than_the_trial_is_one_run():
    clock = FakeClock()
    trial = timed_trial(FakeModel(clock, 10**10), 1, 1, 1.0, clock, point="single")
    assert (trial.n_runs, trial.elapsed_s) == (1, 10.0)


@pytest.mark.parametrize("n_runs", [9, 10, 11, 20, 23])
def test_latencies_that_fill_an_array_go_on_in_the_next(monkeypatch, n_runs):
    monkeypatch.setattr(module, "_CHUNK_RUNS", 10)
    clock = FakeClock()
    costs = list(range(1, n_runs + 1))
    trial = timed_trial(FakeModel(clock, *costs), 2, 1, sum(costs) * 1e-9, clock, point="single")
    assert trial.latencies_ns.tolist() == costs
    assert trial.n_runs == trial.latency_counts.sum() == n_runs


def test_a_clock_that_goes_back_flags_the_trial_and_ends_it():
    clock = FakeClock()
    trial = timed_trial(FakeModel(clock, 10, 10, -5, 10), 1, 1, 1.0, clock, point="single")
    assert trial.clock_went_back
    assert trial.n_runs == 3


def test_a_clock_that_goes_back_between_runs_is_seen():
    readings = iter([0, 0, 10, 5, 15, 20, 30])
    assert timed_trial(lambda i: None, 1, 1, 1.0, lambda: next(readings), point="single").clock_went_back


def test_the_collector_rests_during_a_trial_and_comes_back_after_an_error():
    clock = FakeClock()
    seen = []

    def run(_: int) -> None:
        seen.append(gc.isenabled())
        raise RuntimeError("model broke")

    with pytest.raises(RuntimeError, match="model broke"):
        timed_trial(run, 1, 1, 1.0, clock, point="single")
    assert seen == [False]
    assert gc.isenabled()


def test_energy_is_read_around_the_same_window():
    clock = FakeClock()
    model = FakeModel(clock, 10)
    events = []

    class Meter:
        def start(self) -> None:
            events.append(len(model.ran))

        def stop(self) -> EnergyReading:
            events.append(len(model.ran))
            return EnergyReading(2.5, "measured_counter", None)

    trial = timed_trial(model, 1, 1, 30e-9, clock, point="offline", meter=Meter())
    assert events == [0, 3]
    assert trial.energy.energy_j == 2.5
    assert timed_trial(model, 1, 1, 0.0, clock, point="offline").energy.energy_j is None


def test_warm_up_lasts_for_its_runs_and_its_seconds():
    clock = FakeClock()
    model = FakeModel(clock, 70, 10)
    warm = warm_up(model, 4, 300e-9, min_runs=3, clock_ns=clock)
    assert warm.n_runs == 7  # 240 ns after six runs, 310 after seven
    assert warm.first_run_s == pytest.approx(70e-9)
    assert all((b - a) % 4 == 1 for a, b in pairwise(model.ran))
    assert warm_up(model, 4, 0.0, min_runs=12, clock_ns=clock).n_runs == 12


def test_warm_up_ends_with_a_clock_that_goes_back():
    clock = FakeClock()
    assert warm_up(FakeModel(clock, -1), 1, 1.0, clock_ns=clock).n_runs == 10


@pytest.mark.parametrize("measure", [lambda: warm_up(print, 0, 1.0), lambda: timed_trial(print, 0, 1, 1.0, point="single")])
def test_no_batch_is_refused(measure):
    with pytest.raises(ValueError, match="at least one batch"):
        measure()
