from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.meters.schedules import log_schedule, poisson_requests, poisson_schedule
from tests.oracles.queue_oracle import busiest_stretch

S = 1_000_000  # microseconds


def rng(seed=0):
    return np.random.default_rng(seed)


def test_poisson_counts_are_poisson():
    counts = [poisson_schedule(40.0, 0.5, rng(seed)).send_ns.size for seed in range(400)]
    assert np.mean(counts) == pytest.approx(20.0, abs=4 * np.sqrt(20 / 400))
    assert 0.8 < np.var(counts, ddof=1) / 20.0 < 1.2  # an evenly spaced schedule has 0


@pytest.mark.parametrize("draw", [lambda g: poisson_schedule(1000.0, 20.0, g), lambda g: poisson_requests(1000.0, 20_000, g)])
def test_gaps_are_exponential_and_independent(draw):
    schedule = draw(rng(3))
    gaps_s = np.diff(schedule.send_ns, prepend=0) / 1e9
    assert schedule.send_ns.dtype == np.int64
    assert (gaps_s >= 0).all()
    assert stats.kstest(gaps_s, stats.expon(scale=1e-3).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(gaps_s[1:], gaps_s[:-1])[0, 1]) < 4 / np.sqrt(20_000)
    assert (schedule.kind, schedule.rate_per_s, schedule.start_us) == ("poisson", 1000.0, None)


def test_arrivals_lie_within_the_time_asked_for():
    send_ns = poisson_schedule(500.0, 3.0, rng()).send_ns
    assert 0 <= send_ns[0] < 0.1e9
    assert 2.9e9 < send_ns[-1] < 3e9


def test_a_generator_in_the_same_state_gives_the_same_schedule():
    first, second = (poisson_schedule(100.0, 1.0, rng(7)).send_ns for _ in range(2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != poisson_schedule(100.0, 1.0, rng(8)).send_ns.tolist()


def test_no_arrival_is_a_schedule_too():
    assert poisson_schedule(1e-9, 1.0, rng()).send_ns.size == 0


def test_as_many_requests_as_asked_for():
    assert poisson_requests(10.0, 662, rng()).send_ns.size == 662
    assert poisson_requests(10.0, 700, rng()).send_ns[:662].tolist() == poisson_requests(10.0, 662, rng()).send_ns.tolist()
    with pytest.raises(ValueError, match="at least one"):
        poisson_requests(10.0, 0, rng())


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_rate_or_time_is_refused(value):
    for call in (
        lambda: poisson_schedule(value, 1.0, rng()),
        lambda: poisson_schedule(1.0, value, rng()),
        lambda: poisson_requests(value, 1, rng()),
        lambda: log_schedule(np.array([0]), value, 1.0),
        lambda: log_schedule(np.array([0]), 1.0, value),
    ):
        with pytest.raises(ValueError, match="positive, finite"):
            call()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=23), st.integers(1, 30), st.sampled_from([0.5, 1.0, 4.0]))
def test_the_busiest_stretch_is_that_of_the_definition(seconds_of_day, span_s, speed_up):
    arrivals = [x * S + 2**53 + 1 for x in seconds_of_day]  # beyond what float64 holds
    start, inside = busiest_stretch(arrivals, span_s * S)
    schedule = log_schedule(np.array(arrivals), speed_up, span_s / speed_up)
    assert schedule.start_us == start
    assert schedule.send_ns.tolist() == [round((a - start) * 1000 / speed_up) for a in inside]


def test_microseconds_beyond_what_a_float_holds_are_exact():
    arrivals = np.array([2**60, 2**60 + 1, 2**60 + 3])
    assert log_schedule(arrivals, 1.0, 1.0).send_ns.tolist() == [0, 1000, 3000]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=23), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_is_free(arrivals, random):
    shuffled = random.sample(arrivals, len(arrivals))
    first, second = (log_schedule(np.array(a), 1.0, 0.5) for a in (arrivals, shuffled))
    assert (first.send_ns.tolist(), first.start_us, first.rate_per_s) == (second.send_ns.tolist(), second.start_us, second.rate_per_s)


def test_a_stated_stretch_keeps_its_silence_before_the_first_request():
    log = np.array([0, 3, 5, 9, 12]) * S
    schedule = log_schedule(log, 2.0, 4.0, start_us=2 * S)  # [2 s, 10 s)
    assert schedule.send_ns.tolist() == [0.5e9, 1.5e9, 3.5e9]
    assert (schedule.start_us, schedule.rate_per_s, schedule.kind) == (2 * S, 3 / 4.0, "log")


def test_requests_of_one_timestamp_are_sent_at_once():
    schedule = log_schedule(np.array([7 * S] * 3), 1.0, 2.0)
    assert schedule.send_ns.tolist() == [0, 0, 0]
    assert schedule.rate_per_s == 1.5


def test_a_log_that_ends_sooner_has_the_rate_until_then():
    assert log_schedule(np.array([0, 1, 2]) * S, 1.0, 100.0).rate_per_s == 1.5


@pytest.mark.parametrize(
    ("arrivals", "start_us", "message"),
    [
        ([], None, "no request of the log"),
        ([], 0, "no request of the log"),
        ([0, 10 * S], 2 * S, r"no request of the log lies in the 1 s from 2000000 us on: choose another stretch"),
        ([np.iinfo(np.int64).min, 0], None, "missing time"),
    ],
)
def test_what_cannot_be_replayed_is_refused(arrivals, start_us, message):
    with pytest.raises(ValueError, match=message):
        log_schedule(np.array(arrivals, np.int64), 1.0, 1.0, start_us)
