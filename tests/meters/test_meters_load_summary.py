from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.meters.load_summary import load_point, why_unusable
from harness.records.load import LoadTrial
from tests.oracles.queue_oracle import student_t

MS = 1_000_000


def trial(latencies_ms, **changes):
    latencies_ns = (np.asarray(latencies_ms, float) * MS).astype(np.int64)
    return replace(LoadTrial("poisson", "harness", 50.0, 0, 1.0, latencies_ns), **changes)


def of(point, q):
    (found,) = [p for p in point.latency if p.q == q]
    return found


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n_trials", [2, 3, 5])
def test_percentiles_are_means_over_trials_with_students_t(n_trials, confidence):
    rng = np.random.default_rng(n_trials)
    latencies = [rng.gamma(2.0, 3.0, 700 + 10 * i).round(6) for i in range(n_trials)]
    point = load_point([trial(x) for x in latencies], confidence)
    for q in (50.0, 90.0, 95.0, 99.0):
        mean, low, high = student_t([float(np.percentile(x, q)) for x in latencies], confidence)
        found = of(point, q)
        assert (found.value_ms, found.low_ms, found.high_ms) == pytest.approx((mean, max(low, 0.0), high), rel=1e-5)
    assert (point.status, point.reason, point.n_trials) == ("ok", None, n_trials)
    assert point.n_requests == sum(x.size for x in latencies)


def test_trials_whose_requests_hang_together_have_a_wide_interval():
    equal_within = [trial(np.full(1000, ms)) for ms in (5.0, 10.0, 15.0)]  # over the requests it would be narrow
    p50 = of(load_point(equal_within, 0.95), 50.0)
    assert p50.high_ms - p50.low_ms > 20.0
    assert p50.low_ms == 0.0  # 10 - 12.4: no latency is negative


@pytest.mark.parametrize(("q", "needed"), [(50.0, 11), (90.0, 64), (95.0, 130), (99.0, 662), (99.9, 6636)])
def test_every_trial_needs_enough_requests_for_a_percentile(q, needed):
    enough, few = trial(np.ones(needed)), trial(np.ones(needed - 1))
    assert of(load_point([enough, enough], 0.95), q).value_ms == 1.0
    found = of(load_point([enough, few, enough], 0.95), q)
    assert (found.value_ms, found.low_ms, found.high_ms, found.n, found.n_needed) == (None, None, None, needed - 1, needed)


def test_one_trial_has_no_interval():
    point = load_point([trial(np.ones(100))], 0.95)
    p50 = of(point, 50.0)
    assert (p50.value_ms, p50.low_ms, p50.high_ms, point.status) == (1.0, None, None, "ok")


@pytest.mark.parametrize(("n_late", "status"), [(0, "ok"), (20, "ok"), (21, "invalid")])
def test_more_than_one_in_a_hundred_late_sends_is_invalid(n_late, status):
    point = load_point([trial(np.ones(1000), n_late=n_late), trial(np.ones(1000))], 0.95)
    assert (point.status, point.n_late) == (status, n_late)
    assert of(point, 50.0).value_ms == 1.0  # figures stand beside every status
    if n_late == 21:
        assert point.reason == "late_sends: 21 of 2,000 sends (1.1%) were late although the model was free, at most 1% allowed"


def test_requests_that_were_never_sent_are_an_overload():
    point = load_point([trial(np.ones(1000), n_unserved=3000), trial(np.ones(1000))], 0.95)
    assert (point.status, point.reason) == ("invalid", "overloaded: 3,000 of 5,000 requests were not sent before the trial had to end")


def test_a_clock_that_went_back_gives_no_figure_and_is_said():
    point = load_point([trial(np.full(100, 9.0), clock_went_back=True, rate_per_s=1.0), trial(np.ones(100))], 0.95)
    assert (of(point, 50.0).value_ms, point.n_trials, point.n_requests, point.rate_per_s) == (1.0, 1, 100, 50.0)
    assert (point.status, point.reason) == ("invalid", "clock_went_back: in 1 of 2 trials")
    none_left = load_point([trial(np.ones(100), clock_went_back=True)], 0.95)
    assert (none_left.status, none_left.n_trials, {p.value_ms for p in none_left.latency}) == ("invalid", 0, {None})


def test_a_schedule_without_requests_is_no_measurement():
    point = load_point([trial([]), trial([])], 0.95)
    assert (point.status, point.n_requests, of(point, 50.0).n) == ("invalid", 0, 0)
    assert point.reason.startswith("no_requests")


def test_the_rate_is_the_mean_of_the_trials():
    assert load_point([trial(np.ones(9), rate_per_s=r) for r in (10.0, 20.0)], 0.95).rate_per_s == 15.0


@given(st.permutations(range(4)))
def test_the_order_of_trials_and_of_requests_is_free(order):
    rng = np.random.default_rng(0)
    trials = [trial(rng.gamma(2.0, 3.0, 100)) for _ in range(4)]
    shuffled = [replace(trials[i], latencies_ns=rng.permutation(trials[i].latencies_ns)) for i in order]
    first, second = load_point(trials, 0.95), load_point(shuffled, 0.95)
    for one, other in zip(first.latency, second.latency, strict=True):
        assert one.value_ms == pytest.approx(other.value_ms, rel=1e-12) if one.value_ms else other.value_ms is None


@pytest.mark.parametrize("trials", [[], [trial([1.0]), trial([1.0], generator="loadgen")], [trial([1.0]), trial([1.0], kind="log")]])
def test_trials_of_two_kinds_make_no_point(trials):
    with pytest.raises(ValueError, match="one kind and generator"):
        load_point(trials, 0.95)


def test_a_good_trial_may_be_used():
    assert why_unusable([trial(np.ones(5))]) is None
