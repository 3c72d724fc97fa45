from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.meters.rate_search import N_REQUESTS, highest_rate, holds
from harness.meters.schedules import poisson_requests
from harness.records.load import LoadTrial
from tests.oracles.queue_oracle import lindley, md1_rate, md1_share_within, mm1_rate

MS = 1_000_000


def all_ends(due, services):
    """Unfold Lindley's recursion: E_i is the largest of D_j + S_j + … + S_i."""
    total = np.cumsum(services)
    return np.maximum.accumulate(due - total + services) + total


class Server:
    """A simulated server of 1,000 requests a second, exponential or constant service times, that remembers what it was asked."""

    def __init__(self, kind, seed=0):
        self.kind, self.rng, self.asked = kind, np.random.default_rng(seed), []

    def __call__(self, rate_per_s, n_requests):
        self.asked.append((rate_per_s, n_requests))
        due = poisson_requests(rate_per_s, n_requests, self.rng).send_ns
        services = np.full(n_requests, MS) if self.kind == "md1" else self.rng.exponential(MS, n_requests).astype(np.int64)
        ends = all_ends(due, services)
        return LoadTrial("poisson", "harness", rate_per_s, 0, ends[-1] / 1e9, ends - due)


def stepped(limit_per_s, **changes):
    """Return a run_at that takes 1 ms up to a rate and 9 ms above."""

    def run_at(rate_per_s, n_requests):
        latencies_ns = np.full(n_requests, MS if rate_per_s <= limit_per_s else 9 * MS)
        return replace(LoadTrial("poisson", "harness", rate_per_s, 0, n_requests / rate_per_s, latencies_ns), **changes)

    return run_at


def test_the_simulated_server_is_lindleys_and_its_percentiles_are_those_of_theory():
    rng = np.random.default_rng(1)
    due, services = np.cumsum(rng.integers(0, 9, 200)), rng.integers(0, 9, 200)
    assert all_ends(due, services).tolist() == lindley(due, services)[1]
    for kind, share in (("mm1", 1 - np.exp(-0.3 * 6)), ("md1", md1_share_within(700.0, 1e-3, 6e-3))):
        found = np.mean(Server(kind)(700.0, 400_000).latencies_ns <= 6 * MS)
        assert found == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "slo_ms", "truth"),
    [
        ("mm1", 20.0, mm1_rate(0.020, 1000.0)),
        ("mm1", 10.0, mm1_rate(0.010, 1000.0)),
        ("md1", 6.0, md1_rate(0.006, 1000.0)),
        ("md1", 3.0, md1_rate(0.003, 1000.0)),
    ],
)
def test_the_rate_found_is_that_of_queues_with_known_percentiles(kind, slo_ms, truth):
    found = [highest_rate(Server(kind, seed), slo_ms, 1000.0, n_requests=100_000) for seed in range(5)]
    assert np.mean([f.rate_per_s for f in found]) == pytest.approx(truth, rel=0.06)
    assert all(f.p99_ms <= slo_ms for f in found)
    short = [highest_rate(Server(kind, seed), slo_ms, 1000.0).rate_per_s / truth for seed in range(40)]
    assert 0.75 < np.median(short) < 1.02  # fewer requests, more caution


def test_a_rate_holds_when_the_binomial_bound_says_so():
    for n in (661, 662, 2648):
        for over in range(40):
            latencies_ns = np.array([9 * MS] * over + [5 * MS] * (n - over))  # exactly the level is not above it
            said = holds(LoadTrial("poisson", "harness", 1.0, 0, 1.0, latencies_ns), 5.0)
            assert said == (stats.binomtest(over, n, 0.01, alternative="less").pvalue <= 0.01)


def test_the_fewest_requests_allow_one_over_the_level():
    trial = LoadTrial("poisson", "harness", 1.0, 0, 1.0, np.array([9 * MS] + [MS] * 661))
    assert holds(trial, 5.0)
    assert not holds(replace(trial, latencies_ns=trial.latencies_ns[:-1]), 5.0)
    assert not holds(replace(trial, n_unserved=1), 5.0)


@pytest.mark.parametrize("limit", [55.0, 123.0, 500.0, 777.0, 950.0])
def test_bisection_ends_within_its_resolution_below_the_limit(limit):
    found = highest_rate(stepped(limit), 5.0, 1000.0, resolution=0.01)
    assert limit - 10.0 <= found.rate_per_s <= limit
    assert found.p99_ms == 1.0
    assert found.n_tried == 7  # 1/128 is the first bracket under 1 %
    assert found.slo_ms == 5.0


def test_the_search_is_the_same_given_what_the_trials_return():
    first, second = Server("mm1", 3), Server("mm1", 3)
    assert highest_rate(first, 10.0, 1000.0) == highest_rate(second, 10.0, 1000.0)
    assert first.asked == second.asked
    assert first.asked[0] == (500.0, N_REQUESTS)


def test_a_level_that_a_single_request_cannot_meet_is_not_searched_for():
    server = Server("md1")
    found = highest_rate(server, 0.5, 1000.0)
    assert (found.rate_per_s, found.p99_ms, found.n_tried, server.asked) == (None, None, 0, [])
    assert found.reason == "slo_unreachable: a request takes 1 ms with nothing before it, 0.5 allowed"


def test_a_level_that_no_rate_holds_has_none():
    found = highest_rate(stepped(0.0), 5.0, 1000.0, resolution=0.1)
    assert (found.rate_per_s, found.p99_ms, found.n_tried) == (None, None, 4)
    assert found.reason == "slo_unreachable: no rate down to 62.5/s holds 5 ms, where the p99 was 9 ms"


def test_trials_are_limited_in_number_and_in_time():
    found = highest_rate(stepped(300.0), 5.0, 1000.0, max_trials=3)
    assert (found.rate_per_s, found.n_tried) == (250.0, 3)
    assert found.reason.startswith("cut_short: after 3 trials")
    found = highest_rate(stepped(300.0, elapsed_s=40.0), 5.0, 1000.0, at_most_s=60.0)
    assert (found.rate_per_s, found.n_tried) == (250.0, 2)
    assert found.reason == "cut_short: after 2 trials and 80 s, below 500/s nothing else was tried"
    found = highest_rate(stepped(300.0), 5.0, 1000.0, max_trials=1)
    assert (found.rate_per_s, found.reason[:9]) == (None, "cut_short")


def test_an_unfit_trial_is_run_once_more_and_then_ends_the_search():
    n_runs = [0]

    def unfit_at(*numbers):
        def run_at(rate_per_s, n_requests):
            n_runs[0] += 1
            trial = stepped(300.0)(rate_per_s, n_requests)
            return replace(trial, n_late=n_requests // 2) if n_runs[0] in numbers else trial

        return run_at

    found = highest_rate(unfit_at(2), 5.0, 1000.0)
    assert (found.rate_per_s, found.n_tried, found.reason) == (296.875, 7, None)
    n_runs[0] = 0
    found = highest_rate(unfit_at(3, 4), 5.0, 1000.0)
    assert (found.rate_per_s, found.n_tried) == (250.0, 4)
    assert found.reason.startswith("ended at 375/s: late_sends")
    n_runs[0] = 0
    assert highest_rate(unfit_at(1, 2), 5.0, 1000.0).rate_per_s is None


def test_requests_that_were_never_sent_mean_that_the_rate_is_too_high():
    def run_at(rate_per_s, n_requests):
        return replace(stepped(999.0)(rate_per_s, n_requests), n_unserved=0 if rate_per_s < 600 else 100)

    assert 580.0 < highest_rate(run_at, 5.0, 1000.0).rate_per_s < 600.0


def test_near_the_service_rate_it_says_that_the_queue_had_not_settled():
    found = highest_rate(stepped(1e9), 5.0, 1000.0)
    assert found.rate_per_s == 984.375
    assert found.reason.startswith("too_short: a queue at 98% load settles in some 16,")
    assert highest_rate(stepped(700.0), 5.0, 1000.0).reason is None


@pytest.mark.parametrize(
    ("slo_ms", "rate", "n", "message"), [(0.0, 1.0, 662, "positive"), (1.0, 0.0, 662, "positive"), (1.0, 1.0, 661, "needs 662")]
)
def test_what_cannot_be_searched_is_refused(slo_ms, rate, n, message):
    with pytest.raises(ValueError, match=message):
        highest_rate(stepped(1.0), slo_ms, rate, n_requests=n)
