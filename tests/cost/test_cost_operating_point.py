from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cost.operating_point import chosen_point, not_as_deployed, passed_over, service_times
from harness.cost.service_times import ServiceTimes
from harness.meters.not_measured import not_measured
from harness.records.conf import Deploy
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.percentile import Percentile


def point(
    name: str, rows: int, speed: float, p99_ms: float | None = None, threads: int | None = None, n: int = 900, **more
) -> OperatingPoint:
    latency = (Percentile(50.0, 1.0, None, None, n, 11), Percentile(99.0, p99_ms, None, None, n, 662))
    return OperatingPoint(name, rows, n, (speed,), speed, 0.0, 0.0, latency, threads=threads, **more)


def measured(*points: OperatingPoint) -> Measurement:
    return replace(not_measured("m", "standard", ""), status="ok", reason=None, points=points)


SINGLE = point("single", 1, 90.0, 12.0)
SMALL, MIDDLE, LARGE = point("offline", 8, 500.0, 20.0), point("offline", 64, 900.0, 80.0), point("offline", 512, 800.0, 700.0)
ALL = measured(SINGLE, SMALL, MIDDLE, LARGE)


@pytest.mark.parametrize(
    ("slo_ms", "wanted"), [(None, MIDDLE), (700.0, LARGE), (699.9, MIDDLE), (79.0, SMALL), (20.0, SMALL), (19.9, SINGLE), (12.0, SINGLE)]
)
def test_the_largest_batch_that_holds_is_priced_and_the_peak_without_a_service_level(slo_ms, wanted):
    assert chosen_point(ALL, Deploy(), slo_ms) == (wanted, None)


def test_a_service_level_that_no_batch_holds_names_the_best():
    assert chosen_point(ALL, Deploy(), 11.9) == (None, "no batch holds slo_ms 11.9: the best p99 is 12 ms, of single requests of 1 row")
    on_two = measured(point("offline", 8, 500.0, 20.0, threads=2))
    assert chosen_point(on_two, Deploy(), 1.0)[1] == "no batch holds slo_ms 1: the best p99 is 20 ms, of batches of 8 rows on 2 threads"


def test_a_p99_that_is_not_known_holds_nothing():
    few = measured(point("offline", 8, 500.0, None, n=40), point("offline", 64, 500.0, None, n=7))
    assert chosen_point(few, Deploy(), 1e9) == (
        None,
        "no batch is known to hold slo_ms 1e+09: a p99 needs 662 runs, and at most 40 of a batch were measured",
    )
    assert chosen_point(measured(replace(SMALL, latency=())), Deploy(), 9.0)[1] == "no batch is known to hold slo_ms 9: no p99 was measured"
    assert chosen_point(measured(SMALL, point("offline", 64, 5e3, None)), Deploy(), 1e9)[0] == SMALL


def test_a_point_that_is_invalid_by_itself_is_not_priced():
    broken = replace(MIDDLE, status="invalid", reason="throttled")
    assert chosen_point(measured(SMALL, broken), Deploy(), None)[0] == SMALL
    assert chosen_point(measured(broken), Deploy(), None) == (None, "the operating point 'offline' was not measured")


def test_single_requests_are_no_peak_unless_they_are_what_is_deployed():
    fast_single = replace(SINGLE, throughput_rows_per_s=1e6)
    assert chosen_point(measured(fast_single, SMALL), Deploy(), None)[0] == SMALL
    assert chosen_point(measured(fast_single, SMALL), Deploy(batch_rows=1), None)[0] == fast_single
    assert chosen_point(measured(SINGLE), Deploy(), None) == (None, "the operating point 'offline' was not measured")


def test_batch_and_threads_narrow_the_choice_to_what_was_measured():
    points = [point("offline", rows, rows * threads, 10.0 * rows / threads, threads=threads) for rows in (8, 64) for threads in (1, 2)]
    both = measured(*points)
    assert chosen_point(both, Deploy(threads=1), None)[0] == points[2]
    assert chosen_point(both, Deploy(threads=1, batch_rows=8), None)[0] == points[0]
    assert chosen_point(both, Deploy(threads=1), 320.0)[0] == points[0]  # 64 rows hold it on two threads only
    assert chosen_point(both, Deploy(), 320.0)[0] == points[3]
    assert chosen_point(both, Deploy(batch_rows=64, threads=1), 320.0)[1].startswith("no batch holds slo_ms 320: the best p99 is 640 ms")
    found, _ = chosen_point(both, Deploy(threads=8, batch_rows=9), None)
    assert found == points[3]
    assert (
        not_as_deployed(found, Deploy(threads=8, batch_rows=9)) == "deploy.batch_rows 9 was not measured; deploy.threads 8 was not measured"
    )
    assert not_as_deployed(found, Deploy(threads=2, batch_rows=64)) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 50), st.one_of(st.none(), st.integers(1, 50))), min_size=1, max_size=8),
    st.integers(1, 50),
)
def test_no_larger_batch_and_no_faster_one_of_its_size_holds(drawn, slo_ms):
    points = [point("offline", rows, float(speed), None if p99 is None else float(p99)) for rows, speed, p99 in drawn]
    found, reason = chosen_point(measured(*points), Deploy(), float(slo_ms))
    holding = [(rows, speed) for rows, speed, p99 in drawn if p99 is not None and p99 <= slo_ms]
    assert (found is None) == (not holding) == (reason is not None)
    if found is not None:
        assert (found.batch_rows, found.throughput_rows_per_s) == max(holding)


def test_service_times_are_those_of_the_threads_of_the_point():
    small, large = replace(SMALL, threads=2), replace(LARGE, threads=2)
    times = service_times(measured(SINGLE, small, MIDDLE, large, replace(SINGLE, threads=2)), small)
    assert times.batch_rows.tolist() == [1, 8, 512]
    assert times.seconds.tolist() == pytest.approx([1 / 90, 8 / 500, 512 / 800])
    assert (times.max_batch_rows, times.rows_per_s) == (8, pytest.approx(500.0))


def test_of_two_points_of_one_size_the_chosen_one_counts_else_the_slower():
    back_to_back = point("offline", 1, 120.0)
    assert service_times(measured(SINGLE, back_to_back, SMALL), SMALL).seconds[0] == pytest.approx(1 / 90)
    assert service_times(measured(SINGLE, back_to_back, SMALL), back_to_back).seconds[0] == pytest.approx(1 / 120)
    broken = replace(SINGLE, status="invalid")
    assert service_times(measured(broken, SMALL), SMALL).batch_rows.tolist() == [8]


def test_a_faster_replica_takes_less_time_for_every_batch():
    times = ServiceTimes(np.array([1, 8]), np.array([0.5, 1.0]), 8)
    assert (times.scaled(2.0).seconds.tolist(), times.scaled(2.0).rows_per_s) == ([0.25, 0.5], 16.0)


@pytest.mark.parametrize(
    ("rows", "seconds", "largest", "text"),
    [
        ([], [], 1, "must be ascending, one for each of 0 times"),
        ([8, 1], [1.0, 1.0], 1, r"batch_rows \[8, 1\] must be ascending"),
        ([1, 1], [1.0, 1.0], 1, r"batch_rows \[1, 1\] must be ascending"),
        ([1, 8], [1.0], 1, "one for each of 1 times"),
        ([1], [0.0], 1, r"\[0.0\] must be positive and finite"),
        ([1], [np.nan], 1, r"\[nan\] must be positive and finite"),
        ([1], [1.0], 8, r"max_batch_rows 8 was not measured; measured were \[1\]"),
    ],
)
def test_service_times_that_mean_nothing_are_refused(rows, seconds, largest, text):
    with pytest.raises(ValueError, match=text):
        ServiceTimes(np.array(rows, np.int64), np.array(seconds, float), largest)


def test_batches_that_were_run_too_few_times_for_a_p99_are_said_to_be_passed_over():
    few = replace(LARGE, latency=point("offline", 512, 800.0, None, n=40).latency)
    some = measured(SINGLE, SMALL, few)
    assert passed_over(some, SMALL, Deploy(), 30.0) == (
        "batches of 512 rows have too few runs for a p99, so that it is not known whether they hold slo_ms 30"
    )
    assert passed_over(some, SMALL, Deploy(), None) is None
    assert passed_over(ALL, SMALL, Deploy(), 30.0) is None
