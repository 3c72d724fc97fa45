from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.meters.open_loop import ServedTimes, n_late, open_loop
from harness.records.load import Schedule
from tests.oracles.queue_oracle import lindley

MS = 1_000_000


class World:
    """A virtual clock that goes on by `tick_ns` when it is read, a sleep that comes back `oversleep_ns` late, and a model of given times."""

    def __init__(self, services_ns=(0,), tick_ns=1_000, oversleep_ns=0, now_ns=5_000_000_000):
        self.services_ns, self.tick_ns, self.oversleep_ns, self.now_ns = services_ns, tick_ns, oversleep_ns, now_ns
        self.ran, self.slept_s = [], []

    def clock(self):
        self.now_ns += self.tick_ns
        return self.now_ns

    def sleep(self, seconds):
        self.slept_s.append(seconds)
        self.now_ns += round(seconds * 1e9) + self.oversleep_ns

    def serve(self, request_id):
        self.now_ns += self.services_ns[len(self.ran) % len(self.services_ns)]
        self.ran.append(request_id)

    def run(self, due_ns, n_distinct=3, **options):
        schedule = Schedule("log", np.array(due_ns, np.int64), 12.5)
        return open_loop(self.serve, n_distinct, schedule, self.clock, self.sleep, **options)


@given(
    st.lists(st.integers(0, 20 * MS), min_size=1, max_size=23),
    st.lists(st.integers(0, 9 * MS), min_size=1, max_size=5),
    st.integers(0, 900_000),
)
def test_latencies_are_those_of_lindleys_recursion(gaps_ns, services_ns, oversleep_ns):
    due = np.cumsum(gaps_ns)
    trial = World(services_ns, tick_ns=100, oversleep_ns=oversleep_ns).run(due)
    _, ends = lindley(due, [services_ns[i % len(services_ns)] for i in range(len(due))])
    expected = np.array(ends) - due
    assert trial.latencies_ns.dtype == np.int64
    assert (trial.latencies_ns >= expected).all()
    assert (trial.latencies_ns - expected).max() <= 400 * len(due)  # a few readings of the clock for each request
    assert (trial.n_late, trial.n_unserved, trial.clock_went_back) == (0, 0, False)


def test_latency_runs_from_the_scheduled_time_not_from_the_begin():
    trial = World([100 * MS, MS], tick_ns=1).run(np.array([0, 1, 2]) * MS)
    assert (trial.latencies_ns / MS).round(3).tolist() == [100.0, 100.0, 199.0]  # from the begin they would be 100, 1, 100
    assert trial.elapsed_s == pytest.approx(0.201, rel=1e-6)


def test_requests_are_taken_in_turn_and_the_record_says_what_was_asked_for():
    world = World()
    trial = world.run([0] * 5)
    assert world.ran == [0, 1, 2, 0, 1]
    assert (trial.kind, trial.generator, trial.rate_per_s, trial.n_requests) == ("log", "harness", 12.5, 5)


def test_it_sleeps_until_shortly_before_the_time_and_reads_the_clock_from_there_on():
    world = World(tick_ns=500)
    trial = world.run([50 * MS])
    assert world.slept_s == [pytest.approx(0.049, abs=1e-5)]
    assert trial.latencies_ns[0] <= 1_000


def test_a_sleep_that_comes_back_too_late_is_late_and_counted_in_the_latency():
    trial = World([2 * MS], oversleep_ns=4 * MS).run(np.array([0, 50, 52, 100]) * MS)
    assert trial.n_late == 2  # the third waited for the second
    assert (trial.latencies_ns / MS).round(1).tolist() == [2.0, 5.0, 5.0, 5.0]


def test_a_wait_behind_a_busy_model_is_not_late():
    assert World([30 * MS]).run(np.arange(5) * MS).n_late == 0


@pytest.mark.parametrize(
    ("service_ns", "late_ns", "late"), [(10**7, 10**6, 0), (10**7, 10**6 + 1, 1), (1000, 100_000, 0), (1000, 100_001, 1)]
)
def test_the_tolerance_is_a_tenth_of_the_models_time_and_at_least_a_tenth_of_a_millisecond(service_ns, late_ns, late):
    due = np.array([0, 10**9])
    began = due + np.array([0, late_ns])
    assert n_late(ServedTimes(due, began, began + service_ns)) == late


def test_a_first_request_can_be_late_too():
    due, began = np.array([10**6]), np.array([10**7])
    assert n_late(ServedTimes(due, began, began + 1)) == 1


def test_an_empty_schedule_has_no_request():
    trial = World().run([])
    assert (trial.n_requests, trial.n_late, trial.latencies_ns.dtype) == (0, 0, np.int64)


def test_what_comes_after_the_longest_time_allowed_is_counted_as_never_sent():
    world = World([10 * MS], tick_ns=0)
    trial = world.run([0] * 8, at_most_s=0.035)
    assert (trial.n_requests, trial.n_unserved, len(world.ran)) == (4, 4, 4)
    assert trial.latencies_ns.tolist() == [10 * MS, 20 * MS, 30 * MS, 40 * MS]


def test_a_clock_that_goes_back_during_a_request_flags_the_trial_and_ends_it():
    world = World([10, 10, -50_000, 10])
    trial = world.run([0] * 6)
    assert trial.clock_went_back
    assert (trial.n_requests, len(world.ran)) == (3, 3)


@pytest.mark.parametrize("readings", [[0, -5], [0, 1, 2, 1], [100, 101, 102, 101]])
def test_a_clock_that_goes_back_while_waiting_is_seen(readings):
    clock, ran = iter([*readings, *range(10**6)]), []
    schedule = Schedule("poisson", np.array([500]), 1.0)
    trial = open_loop(ran.append, 1, schedule, lambda: next(clock), lambda seconds: None)
    assert trial.clock_went_back
    assert ran == []


def test_the_collector_rests_during_a_trial_and_comes_back_after_an_error():
    seen = []

    def serve(_):
        seen.append(gc.isenabled())
        raise RuntimeError("model broke")

    with pytest.raises(RuntimeError, match="model broke"):
        open_loop(serve, 1, Schedule("log", np.array([0]), 1.0))
    assert seen == [False]
    assert gc.isenabled()


def test_no_request_at_all_is_refused():
    with pytest.raises(ValueError, match="n_requests_distinct is 0"):
        World().run([0], n_distinct=0)


def test_with_the_real_clock_every_request_is_served_after_its_time():
    schedule = Schedule("poisson", np.array([0, 2, 3]) * MS, 1000.0)
    trial = open_loop(lambda i: None, 2, schedule)
    assert trial.n_requests == 3
    assert (trial.latencies_ns > 0).all()
    assert trial.elapsed_s >= 0.003
