from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from harness.meters.percentiles import latency_percentiles, n_needed

MS = 1_000_000


@pytest.mark.parametrize(("q", "n"), [(50, 11), (90, 64), (95, 130), (99, 662), (99.9, 6636)])
def test_the_fewest_requests_are_those_of_the_early_stopping_rule(q, n):
    assert n_needed(q) == n  # 64, 130, 662 and 6,636: LoadGen's early stopping with one request over the bound
    above = 1 - q / 100

    def at_most_one(n: int) -> float:
        return sum(comb(n, k) * above**k * (1 - above) ** (n - k) for k in (0, 1))

    assert at_most_one(n) <= 0.01 < at_most_one(n - 1)


@pytest.mark.parametrize("q", [0.0, 100.0, -1.0, float("nan")])
def test_what_is_no_percentile_is_refused(q):
    with pytest.raises(ValueError, match="between 0 and 100"):
        n_needed(q)


def test_below_the_fewest_there_is_no_number():
    (p99,) = latency_percentiles(np.full(661, MS), percentiles=[99.0])
    assert (p99.value_ms, p99.low_ms, p99.high_ms, p99.n, p99.n_needed) == (None, None, None, 661, 662)
    (p99,) = latency_percentiles(np.full(662, MS), percentiles=[99.0])
    assert (p99.value_ms, p99.low_ms, p99.high_ms, p99.n) == (1.0, 1.0, 1.0, 662)


def test_no_request_at_all():
    assert [p.value_ms for p in latency_percentiles(np.empty(0, np.int64))] == [None] * 5


def test_the_interval_is_the_narrowest_pair_of_order_statistics_by_definition():
    n, q, tail = 100, 90.0, 0.025
    latencies = np.random.default_rng(0).permutation(np.arange(1, n + 1)) * MS  # the k-th smallest is k ms
    below = [sum(comb(n, k) * 0.9**k * 0.1 ** (n - k) for k in range(j)) for j in range(n + 2)]  # below[j] = P(B < j)
    low = max(j for j in range(1, n + 1) if below[j] <= tail)
    high = min(j for j in range(1, n + 1) if 1 - below[j] <= tail)
    (p90,) = latency_percentiles(latencies, percentiles=[q])
    assert (p90.low_ms, p90.high_ms) == (low, high)
    assert p90.value_ms == pytest.approx(np.percentile(np.arange(1, n + 1), q))


def test_a_bound_that_no_order_statistic_reaches_is_none():
    (p99,) = latency_percentiles(np.arange(662) * MS, confidence=0.999, percentiles=[99.0])
    assert p99.high_ms is None
    assert p99.low_ms is not None


@pytest.mark.parametrize(("q", "n"), [(50.0, 40), (90.0, 100), (99.0, 700)])
@pytest.mark.parametrize("dist", [stats.lognorm(0.5), stats.expon(), stats.randint(1, 5)])
def test_the_interval_covers_whatever_the_distribution(q, n, dist):
    rng = np.random.default_rng([int(q), n])
    truth = float(dist.ppf(q / 100))
    covered = 0
    for _ in range(400):
        latencies = np.asarray(dist.rvs(n, random_state=rng) * MS, np.int64)
        (p,) = latency_percentiles(latencies, percentiles=[q])
        covered += p.low_ms <= truth + 1e-6 and p.high_ms >= truth - 1e-6
    assert covered / 400 >= 0.95 - 2.33 * np.sqrt(0.95 * 0.05 / 400)  # one-sided 1 % point of a share of exactly .95


@pytest.mark.parametrize("n", [11, 64, 700, 4001])
def test_counted_times_say_the_same_as_single_ones(n):
    rng = np.random.default_rng(n)
    latencies = rng.integers(1, 40, n) * MS // 7
    distinct, counts = np.unique(latencies, return_counts=True)
    expected = latency_percentiles(latencies)
    assert latency_percentiles(distinct, counts=counts) == expected
    again = rng.permutation(2 * distinct.size) % distinct.size  # each time twice, in any order: as from two trials
    twice = latency_percentiles(distinct[again], counts=counts[again])
    assert twice == latency_percentiles(np.repeat(latencies, 2))
    for found in expected:
        if found.value_ms is not None:
            assert found.value_ms == pytest.approx(np.percentile(latencies / 1e6, found.q), rel=1e-12)
