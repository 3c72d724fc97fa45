"""The flow of scaled-up traffic against its definition, second by second."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cost.batch_times import BatchTimes
from harness.cost.fluid_queue import flow_replicas, spread
from harness.records.money import Traffic


def late_share(minutes, requests, capacity: float, spare_s: float) -> float:
    """The definition, in steps of a second: what the queue at the beginning or the end of a minute says of its requests."""
    queue, late, per_minute = 0.0, 0.0, dict(zip(minutes, requests, strict=True))
    for minute in range(min(minutes), max(minutes) + 1):
        at_begin, come = queue, per_minute.get(minute, 0.0)
        for _ in range(60):
            queue = max(0.0, queue + come / 60 - capacity)
        late += come * (max(at_begin, queue) / capacity > spare_s + 1e-7)
    return late / sum(requests)


def times_of(service_s: float, slo_s: float) -> BatchTimes:
    return BatchTimes(np.array([round(service_s * 1e9)]), 0, round(slo_s * 1e9), 1)


def traffic_of(minutes, requests) -> Traffic:
    return Traffic(np.asarray(minutes), np.asarray(requests, float), 1.0)


@settings(max_examples=60, deadline=None)
@given(
    hours=st.lists(st.dictionaries(st.integers(0, 59), st.integers(1, 50_000), min_size=1, max_size=12), min_size=1, max_size=4),
    service_ms=st.sampled_from([5, 40]),
    slo_s=st.sampled_from([0.05, 1.0, 90.0]),
)
def test_every_hour_has_the_fewest_replicas_of_the_definition(hours, service_ms, slo_s):
    minutes = [60 * 3 * h + m for h, hour in enumerate(hours) for m in sorted(hour)]
    requests = [hour[m] for hour in hours for m in sorted(hour)]
    found = flow_replicas(traffic_of(minutes, requests), times_of(service_ms / 1000, slo_s))
    for hour, replicas in zip(hours, found.tolist(), strict=True):
        own = sorted(hour), [hour[m] for m in sorted(hour)]
        spare_s = slo_s - service_ms / 1000
        assert late_share(*own, replicas * 1000 / service_ms, spare_s) <= 0.01
        if replicas > 1:
            assert late_share(*own, (replicas - 1) * 1000 / service_ms, spare_s) > 0.01 - 1e-9


def test_what_lasts_must_be_served_as_fast_as_it_comes():
    hour = np.arange(60)
    assert flow_replicas(traffic_of(hour, np.full(60, 6e4)), times_of(0.01, 0.05)).tolist() == [10]
    assert flow_replicas(traffic_of(hour, np.full(60, 6.01e4)), times_of(0.01, 0.05)).tolist() == [11]
    assert flow_replicas(traffic_of(hour, np.full(60, 6.01e4)), times_of(0.01, 60.0)).tolist() == [10], "a queue of a minute takes it up"


def test_at_most_one_in_a_hundred_may_be_late():
    calm = np.full(60, 100.0)
    calm[30] = 60.0
    burst = calm.copy()
    burst[30] = 59.0 + 6000 * 0.01
    assert flow_replicas(traffic_of(np.arange(60), calm), times_of(0.6, 0.7)).tolist() == [1]
    assert flow_replicas(traffic_of(np.arange(60), burst), times_of(0.6, 0.7)).tolist() == [2]


def test_the_batch_size_that_needs_the_fewest_is_taken():
    traffic = traffic_of(np.arange(60), np.full(60, 6e4))
    by_four = BatchTimes(np.array([10, 11, 12, 13]) * 1_000_000, 0, 50_000_000, 4)
    assert flow_replicas(traffic, times_of(0.01, 0.05)).tolist() == [10]
    assert flow_replicas(traffic, by_four).tolist() == [4]


def test_too_many_requests_are_no_endless_search():
    with pytest.raises(OverflowError, match="do not keep up"):
        flow_replicas(traffic_of([0], [1e30]), times_of(0.01, 0.05))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_spreading_keeps_order_and_unit(units):
    stamps = np.sort(np.array(units)) * 60
    found = spread(stamps, 60)
    assert (np.diff(found) >= 0).all()
    assert (found // 60 == stamps // 60).all()
