from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cost.rates import Rates, fleet_h_per_1k
from harness.cost.replicas import coming_up_hours, fleet_for
from harness.cost.traffic import traffic_from
from harness.records.money import Traffic
from tests.oracles import replica_queue
from tests.oracles.cost_from_log import cost_from_log

MINUTE_US = 60_000_000


@settings(max_examples=30, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 200), min_size=1, max_size=100),
    start=st.integers(0, 59),
    rows_per_request=st.sampled_from([1, 3]),
    rows_per_s=st.integers(1, 3),
    min_replicas=st.integers(1, 3),
)
def test_the_fleet_is_that_of_the_minute_by_minute_oracle(minutes, start, rows_per_request, rows_per_s, min_replicas):
    stamps = [(start + minute) * MINUTE_US for minute in minutes for _ in range(1 + minute % 60)]
    wanted = cost_from_log(stamps, rows_per_request, rows_per_s, Fraction(3, 5), min_replicas, Fraction(17, 200))
    fleet = fleet_for(traffic_from(np.array(stamps), rows_per_request, None), rows_per_request, rows_per_s, 0.6, min_replicas)
    found = (Rates(0.085, 0.0, 0.0).cost_per_1k(fleet_h_per_1k(fleet)), fleet.peak, fleet.utilisation_share)
    assert found == pytest.approx(wanted, rel=1e-9)


def test_hours_without_arrivals_are_paid_and_counted():
    fleet = fleet_for(Traffic(np.array([0, 239]), np.array([60.0, 60.0]), 4.0), 1.0, 10.0, 0.6, min_replicas=2)
    assert (fleet.replica_hours, fleet.idle_hours, fleet.peak) == (8.0, 2, 2)


def test_the_busiest_minute_decides_not_the_mean_of_the_hour():
    calm = fleet_for(Traffic(np.arange(60), np.full(60, 10.0), 1.0), 1.0, 1.0, 0.5, 1)
    bursty = fleet_for(Traffic(np.array([0, 59]), np.array([590.0, 10.0]), 1.0), 1.0, 1.0, 0.5, 1)
    assert calm.predictions == bursty.predictions
    assert (calm.peak, bursty.peak) == (1, 20)


def test_exactly_full_does_not_buy_one_more():
    # 0.1 + 0.2 style rounding: 3 requests/s at 1 row/s and 60 % is 5 replicas, not 6
    assert fleet_for(Traffic(np.array([0]), np.array([180.0]), 1 / 60), 1.0, 1.0, 0.6, 1).peak == 5


def test_an_hour_with_arrivals_has_a_replica_even_when_none_is_kept():
    fleet = fleet_for(Traffic(np.array([0, 179]), np.array([1e-9, 1e-9]), 3.0), 1.0, 1e6, 0.6, min_replicas=0)
    assert fleet.replica_hours == 2.0


def test_the_hours_add_up_to_the_fleet():
    fleet = fleet_for(Traffic(np.array([30, 31, 239]), np.array([600.0, 60.0, 60.0]), 3.5), 2.0, 10.0, 0.5, min_replicas=1)
    hours = fleet.hours
    assert hours.hour.tolist() == [0, 1, 2, 3]
    assert hours.replicas.tolist() == [4, 1, 1, 1]  # 20 rows/s at 5 a replica
    assert hours.paid_hours.tolist() == [2.0, 1.0, 1.0, 1.0]  # the first hour is covered by half
    assert hours.requests.tolist() == [660.0, 0.0, 0.0, 60.0]
    assert fleet.replica_hours == hours.paid_hours.sum()
    assert (fleet.p99_ms, fleet.note) == (None, None)


@settings(max_examples=60, deadline=None)
@given(
    replicas=st.lists(st.integers(0, 4), min_size=1, max_size=12).filter(max),
    delay_quarters=st.integers(0, 20),
)
def test_a_replica_is_paid_from_its_start(replicas, delay_quarters):
    delay_h = delay_quarters / 4
    found = sum(replicas) + coming_up_hours(np.array(replicas), delay_h).sum()
    assert found == pytest.approx(replica_queue.paid_hours(replicas, [1.0] * len(replicas), delay_h))


def test_replicas_of_the_peak_are_started_before_it():
    traffic = Traffic(np.array([0, 60, 120]), np.array([60.0, 300.0, 60.0]), 2 + 1 / 60)
    at_once, ahead = (fleet_for(traffic, 1.0, 1.0, 1.0, 1, delay_s) for delay_s in (0.0, 900.0))
    assert at_once.hours.replicas.tolist() == [1, 5, 1]
    assert ahead.replica_hours == at_once.replica_hours + 4 * 0.25
    assert ahead.hours.paid_hours[1] == 6.0
    assert ahead.utilisation_share < at_once.utilisation_share
