"""Fleets sized by replayed arrivals: against the definition hour by hour, and on a public trace."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.cost.hourly_queues as module
from harness.cost import fleet_plan
from harness.cost.batch_times import NoFleetError
from harness.cost.fleet_plan import _kth_largest, p99_ms, plan_fleet, queues_of
from harness.cost.replicas import fleet_for
from harness.cost.service_times import ServiceTimes
from harness.cost.traffic import scaled, traffic_from
from harness.records.conf import PriceConf
from harness.records.money import Traffic
from tests.oracles import replica_queue as oracle

DATA = Path(os.environ.get("REPLAY_HARNESS_DATA") or Path(__file__).parents[3] / "shared" / "data")
SECOND_US, HOUR_US = 1_000_000, 3_600_000_000
CONF = PriceConf("p", "sheet.csv", "sku", slo_ms=1000.0)


def alone(seconds):
    return ServiceTimes(np.array([1]), np.array([seconds]), max_batch_rows=1)


def replay_of(traffic, service, conf, n_replicas):
    """Return the p99 of a log in ms when every hour has so many replicas."""
    queues = queues_of(traffic, service, conf, 1.0)
    return p99_ms(queues, queues.serve_all(lambda i, before: queues.with_replicas(i, before, n_replicas))) / traffic.scale


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_hours=st.integers(1, 4),
    n_requests=st.integers(1, 150),
    service_s=st.sampled_from([60, 900]),
    max_batch=st.sampled_from([1, 1, 3]),
    slo_services=st.sampled_from([1, 2, 5]),
    delay_s=st.sampled_from([0, 0, 20]),
    min_replicas=st.integers(0, 2),
)
def test_every_hour_has_the_fewest_replicas_that_hold(seed, n_hours, n_requests, service_s, max_batch, slo_services, delay_s, min_replicas):
    rng = np.random.default_rng(seed)
    # requests crowd before the end of an hour, so that its replicas are busy when the next begins
    seconds = np.sort(rng.integers(0, n_hours, n_requests) * 3600 + (3600 * rng.random(n_requests) ** 0.2).astype(int))
    seconds = seconds + 0.5  # half seconds: timestamps of whole ones would be spread over theirs
    sizes = list(range(1, max_batch + 1))
    batch_s = [service_s * (1 + 0.25 * (size - 1)) for size in sizes]
    slo_s = service_s * slo_services + delay_s
    service = ServiceTimes(np.array(sizes), np.array(batch_s), max_batch_rows=max_batch)
    conf = replace(CONF, slo_ms=slo_s * 1000.0, batch_delay_ms=delay_s * 1000.0, min_replicas=min_replicas)
    fleet = plan_fleet(traffic_from((seconds * SECOND_US).astype(np.int64), 1, None), service, conf, 1.0)
    in_time = [s for s in batch_s if s + delay_s <= slo_s]
    replicas = dict(zip(fleet.hours.hour.tolist(), fleet.hours.replicas.tolist(), strict=True))
    free, latency = [], []
    for hour, n in replicas.items():
        own = [s for s in seconds.tolist() if int(s) // 3600 == hour]
        if own:
            found, after = oracle.simulate(own, oracle.at_the_hour(free, n, hour * 3600), in_time, delay_s)
            assert oracle.holds(found, slo_s)
            if max_batch == 1:
                assert n == oracle.fewest(own, free, hour * 3600, in_time, delay_s, slo_s, max(min_replicas, 1))
            elif n > max(min_replicas, 1):
                fewer = oracle.at_the_hour(free, n - 1, hour * 3600)
                assert not oracle.holds(oracle.simulate(own, fewer, in_time, delay_s)[0], slo_s)
            latency += found
        else:
            assert n == min_replicas
            after = oracle.at_the_hour(free, n, hour * 3600)
        free = after
    assert fleet.p99_ms == pytest.approx(1000.0 * sorted(latency)[-(len(latency) // 100 + 1)])
    assert fleet.predictions == n_requests


def test_a_replica_that_is_still_busy_is_not_free_in_the_next_hour():
    stamps = np.array([HOUR_US - SECOND_US, HOUR_US])  # the second comes while the first is served
    fleet = plan_fleet(traffic_from(stamps, 1, None), alone(30.0), replace(CONF, slo_ms=40_000.0), 1.0)
    assert fleet.hours.replicas.tolist() == [1, 2]
    later = plan_fleet(traffic_from(stamps + np.array([0, 60 * SECOND_US]), 1, None), alone(30.0), replace(CONF, slo_ms=40_000.0), 1.0)
    assert later.hours.replicas.tolist() == [1, 1]


def test_the_plan_does_not_depend_on_threads_or_on_how_many_hours_one_takes(monkeypatch):
    rng = np.random.default_rng(4)
    stamps = np.sort(np.concatenate([rng.integers(0, 40 * HOUR_US, 900), 5 * HOUR_US - rng.integers(0, 60 * SECOND_US, 300)]))
    queues = queues_of(traffic_from(stamps, 1, None), alone(30.0), replace(CONF, slo_ms=60_000.0), 1.0)
    whole = queues.plan(n_threads=1)
    latency = np.concatenate(list(queues.latencies_ns(whole, n_threads=1)))
    monkeypatch.setattr(module, "_HOURS_PER_PIECE", 3)
    monkeypatch.setattr(module, "_LATENCIES_BITS", 6)
    pieces = queues.plan(n_threads=3)
    assert [one.n_replicas for one in pieces] == [one.n_replicas for one in whole]
    found = list(queues.latencies_ns(pieces, n_threads=3))
    assert len(found) > 5
    assert np.concatenate(found).tolist() == latency.tolist()
    assert latency.size == stamps.size


def test_of_busy_replicas_those_go_that_are_free_first():
    seconds = np.array([3500, 3590, 3710])  # served for 200 s: free at 3700 and 3790, and the one that stays is free at 3790
    fleet = plan_fleet(traffic_from(seconds * SECOND_US, 1, None), alone(200.0), replace(CONF, slo_ms=250_000.0), 1.0)
    assert fleet.hours.replicas.tolist() == [2, 2]


def test_a_replica_that_went_in_an_hour_without_requests_does_not_come_back_busy():
    seconds = np.array([3500, 3500, 3500, 7300])  # three are busy until 10700; the hour between keeps one of them
    fleet = plan_fleet(traffic_from(seconds * SECOND_US, 1, None), alone(7200.0), replace(CONF, slo_ms=7_200_000.0), 1.0)
    assert fleet.hours.replicas.tolist() == [3, 1, 2]


def test_under_a_hundred_requests_none_may_be_late_and_of_a_hundred_one():
    pairs = np.sort(np.append(np.arange(98) * 10 * SECOND_US + 7, 7))  # one pair at once, the others apart
    conf = replace(CONF, slo_ms=1500.0)
    assert plan_fleet(traffic_from(pairs, 1, None), alone(1.0), conf, 1.0).peak == 2
    hundred = np.append(pairs, 2000 * SECOND_US + 7)
    assert plan_fleet(traffic_from(hundred, 1, None), alone(1.0), conf, 1.0).peak == 1


def test_batches_save_replicas():
    stamps = np.repeat(np.arange(50) * SECOND_US + 7, 8)
    sizes, seconds = np.array([1, 8]), np.array([0.5, 0.6])
    peaks = [plan_fleet(traffic_from(stamps, 1, None), ServiceTimes(sizes, seconds, most), CONF, 1.0).peak for most in (1, 8)]
    assert peaks == [4, 1]


def test_waiting_for_a_batch_takes_longer_than_the_first_request_would():
    stamps = np.arange(10) * SECOND_US + 7
    service = ServiceTimes(np.array([1, 8]), np.array([0.1, 0.2]), max_batch_rows=8)
    now, waits = (
        plan_fleet(traffic_from(stamps, 1, None), service, replace(CONF, batch_delay_ms=delay), 1.0).p99_ms for delay in (0.0, 50.0)
    )
    assert (now, waits) == pytest.approx((100.0, 150.0))


def test_a_request_of_several_rows_takes_as_long_as_they_do():
    service = ServiceTimes(np.array([1, 10]), np.array([0.1, 1.0]), max_batch_rows=10)
    traffic = traffic_from(np.repeat(np.array([0, 5, 9]) * SECOND_US, 4), 4, None)
    assert plan_fleet(traffic, service, CONF, 4.0).p99_ms == pytest.approx(400.0)


def test_traffic_scaled_down_is_the_log_with_its_gaps_divided():
    factor = 0.5
    stamps = np.sort(np.random.default_rng(2).integers(0, 60 * SECOND_US, 300))
    traffic = traffic_from(stamps, 1, None)
    per_day = 300 * 24 * 60 * factor
    squeezed = traffic_from(np.rint(stamps / factor).astype(np.int64), 1, None)
    found, wanted = (plan_fleet(t, alone(0.4), CONF, 1.0) for t in (scaled(traffic, per_day), squeezed))
    assert found.peak == wanted.peak
    assert found.p99_ms == pytest.approx(wanted.p99_ms, rel=1e-4)
    assert found.predictions == pytest.approx(300 * factor)
    assert found.n_hours == traffic.n_hours
    assert found.replica_hours == pytest.approx(found.peak / 60)
    assert found.peak != plan_fleet(traffic, alone(0.4), CONF, 1.0).peak


@pytest.mark.parametrize("per_day", [5e6, 5e8, 5e10])
def test_traffic_scaled_up_never_asks_a_replica_for_more_than_it_can_do(per_day):
    """Two hundred requests an hour by day, few by night, as a small log of a large service has them."""
    rng = np.random.default_rng(5)
    hours = [np.sort(rng.integers(0, HOUR_US, 200 if 8 <= h % 24 < 20 else 9)) + h * HOUR_US for h in range(48)]
    traffic = scaled(traffic_from(np.concatenate(hours), 1, None), per_day)
    fleet = plan_fleet(traffic, alone(0.025), replace(CONF, slo_ms=500.0), 1.0)
    could_serve = fleet.hours.replicas * 3600 / 0.025
    assert (fleet.hours.requests <= could_serve * (1 + 0.5 / 3600)).all()  # but for half a second's queue at the end
    assert fleet.utilisation_share < 1
    assert fleet.utilisation_share > 0.3 or fleet.peak == 1, "nor for much less"
    assert fleet.p99_ms is None
    assert "planned as a flow" in fleet.note


def test_from_sixty_times_the_log_on_the_flow_is_taken_alone(monkeypatch):
    stamps = np.sort(np.random.default_rng(3).integers(0, HOUR_US, 500))
    logged = traffic_from(stamps, 1, None)
    replayed = []
    monkeypatch.setattr(fleet_plan, "queues_of", lambda *given: replayed.append(given) or queues_of(*given))
    for factor, n in ((59.0, 1), (60.0, 1), (1e9, 1)):
        plan_fleet(scaled(logged, 500 / logged.n_hours * 24 * factor), alone(0.01), CONF, 1.0)
        assert len(replayed) == n


def test_a_huge_volume_stays_within_64_bits():
    traffic = scaled(traffic_from(np.arange(50) * SECOND_US + 7, 1, None), 1e15)
    fleet = plan_fleet(traffic, alone(0.01), replace(CONF, slo_ms=1e7), 1.0)
    assert fleet.peak >= 0.01 * traffic.scale * 50 / (3600 + 1e4)


def test_replicas_come_up_before_the_hour_that_needs_them():
    stamps = np.concatenate([[0], np.full(5, HOUR_US + 1), [2 * HOUR_US - 1]])
    plans = [
        plan_fleet(traffic_from(stamps, 1, None), alone(0.9), replace(CONF, scale_up_delay_s=delay_s), 1.0) for delay_s in (0.0, 180.0)
    ]
    assert plans[0].hours.replicas.tolist() == plans[1].hours.replicas.tolist() == [1, 5]
    assert plans[1].replica_hours == pytest.approx(plans[0].replica_hours + 4 * 0.05)


def test_hours_between_keep_the_fewest():
    stamps = np.concatenate([np.full(5, 1), [3 * HOUR_US + 1]])
    fleet = plan_fleet(traffic_from(stamps, 1, None), alone(0.9), replace(CONF, min_replicas=2), 1.0)
    assert fleet.hours.replicas.tolist() == [5, 2, 2, 2]
    assert fleet.idle_hours == 2


def test_without_an_slo_the_busiest_minute_sizes_the_fleet():
    traffic = Traffic(np.array([0, 70]), np.array([600.0, 60.0]), 71 / 60)
    conf = replace(CONF, slo_ms=None, target_utilisation=0.5, min_replicas=0, scale_up_delay_s=60.0)
    found, wanted = plan_fleet(traffic, alone(0.5), conf, 3.0), fleet_for(traffic, 3.0, 2.0, 0.5, 0, 60.0)
    assert (found.replica_hours, found.peak, found.utilisation_share) == (wanted.replica_hours, wanted.peak, wanted.utilisation_share)
    assert found.p99_ms is None


@pytest.mark.parametrize(
    ("arrivals", "slo_ms", "text"),
    [(None, 1000.0, "arrivals of single requests were not kept"), (np.array([0]), 100.0, "an SLO that no batch meets")],
)
def test_no_fleet_has_a_reason(arrivals, slo_ms, text):
    with pytest.raises(NoFleetError, match=text):
        plan_fleet(Traffic(np.array([0]), np.array([1.0]), 1 / 60, arrivals), alone(0.5), replace(CONF, slo_ms=slo_ms), 1.0)


def test_coarse_timestamps_and_smaller_batches_are_said():
    service = ServiceTimes(np.array([1, 8]), np.array([0.5, 4.0]), max_batch_rows=8)
    seconds = plan_fleet(traffic_from(np.array([0, 7]) * SECOND_US, 1, None), service, CONF, 1.0).note
    assert "timestamps are whole seconds: the requests of one second are spread evenly over it" in seconds
    assert "batches of at most 2 requests: larger ones, up to 8, would take longer than price.slo_ms" in seconds
    assert plan_fleet(traffic_from(np.array([1, 7]), 1, None), alone(0.1), CONF, 1.0).note is None


def test_requests_that_count_as_arriving_together_may_also_ask_for_too_few():
    service = ServiceTimes(np.array([1, 2, 3]), np.array([0.4, 0.45, 0.5]), max_batch_rows=3)
    conf = replace(CONF, slo_ms=550.0)
    together, apart = (plan_fleet(traffic_from(np.array([0, gap, 2 * gap]), 1, None), service, conf, 1.0) for gap in (0, 100_000))
    assert (together.peak, apart.peak) == (1, 3)


@given(st.lists(st.lists(st.integers(-5, 5), max_size=9), min_size=1, max_size=9).filter(any), st.integers(1, 5))
def test_the_kth_largest_of_parts_is_that_of_all(parts, k):
    everything = sorted((value for part in parts for value in part), reverse=True)
    k = min(k, len(everything))
    assert _kth_largest([np.array(part, np.int64) for part in parts], k) == everything[k - 1]


@pytest.fixture(scope="module")
def trace() -> Traffic:
    """Arrivals of 8,819 requests for code completions (Azure public dataset, LLM inference traces of 2023)."""
    file = DATA / "AzureLLMInferenceTrace_code.csv"
    if not file.is_file():
        pytest.skip(f"no public trace at {file}; set REPLAY_HARNESS_DATA to the folder that holds it")
    stamps = np.loadtxt(
        file, dtype="datetime64[us]", delimiter=",", skiprows=1, usecols=0, converters=lambda text: text.replace(" ", "T")[:26]
    )
    return traffic_from(stamps.astype(np.int64), 1, None)


def test_the_trace_is_the_published_one(trace):
    since_first_us = trace.arrivals_us - trace.arrivals_us[0]
    assert since_first_us.size == 8819
    assert since_first_us.size / (since_first_us[-1] / SECOND_US) == pytest.approx(2.57, abs=0.005)
    assert np.bincount(since_first_us // SECOND_US).max() == 67


def test_hourly_means_leave_a_p99_of_94_seconds_where_the_replayed_plan_holds_one(trace):
    service = alone(0.2)  # 2.57 requests/s keep one such replica busy for half of the time
    assert replay_of(trace, service, CONF, 1) == pytest.approx(94_000.0, abs=500.0)
    fleet = plan_fleet(trace, service, CONF, 1.0)
    assert fleet.p99_ms <= 1000.0
    assert fleet.hours.replicas.tolist() == [10, 5]
    assert replay_of(trace, service, CONF, 9) > 1000.0


def test_busiest_minutes_do_not_hold_it_either(trace):
    by_minutes = fleet_for(trace, 1.0, 5.0, target_utilisation=0.6, min_replicas=1)
    assert by_minutes.peak < plan_fleet(trace, alone(0.2), CONF, 1.0).peak
    assert replay_of(trace, alone(0.2), CONF, by_minutes.peak) > 1000.0
