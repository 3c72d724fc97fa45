from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cost.batch_times import NoFleetError, batch_seconds, batch_times
from harness.cost.service_times import ServiceTimes
from harness.records.conf import PriceConf
from tests.oracles import replica_queue as oracle

CONF = PriceConf("p", "sheet.csv", "sku")
TIMES = ServiceTimes(np.array([1, 4, 16]), np.array([0.010, 0.013, 0.049]), max_batch_rows=16)


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True).map(sorted),
    seconds=st.lists(st.floats(1e-3, 1.0), min_size=4, max_size=4),
    rows=st.floats(0.1, 200.0),
)
def test_a_size_between_two_is_on_the_line_between_them(sizes, seconds, rows):
    times = ServiceTimes(np.array(sizes), np.array(seconds[: len(sizes)]), max_batch_rows=sizes[0])
    assert batch_seconds(times, np.array([rows]))[0] == pytest.approx(oracle.service_seconds(rows, sizes, seconds[: len(sizes)]))


def test_requests_of_several_rows_fill_a_batch_sooner():
    assert batch_times(TIMES, CONF, 1000.0, 1.0).service_ns.size == 16
    assert (batch_times(TIMES, CONF, 1000.0, 3.0).service_ns / 1e6).tolist() == pytest.approx([12.0, 19.0, 28.0, 37.0, 46.0])


def test_a_request_of_more_rows_than_any_batch_is_served_alone():
    assert (batch_times(TIMES, CONF, 1000.0, 32.0).service_ns / 1e6).tolist() == pytest.approx([98.0])


def test_no_batch_is_larger_than_the_chosen_one():
    assert batch_times(replace(TIMES, max_batch_rows=4), CONF, 1000.0, 1.0).service_ns.size == 4


def test_batches_that_would_be_late_are_not_made():
    found = batch_times(TIMES, replace(CONF, batch_delay_ms=1.0), 13.0, 1.0)
    assert (found.service_ns.size, found.largest) == (3, 16)  # three take 12 ms after a wait of one
    assert batch_times(TIMES, CONF, 13.0, 1.0).service_ns.size == 4  # 13 ms is in time


@pytest.mark.parametrize(
    ("delay_ms", "slo_ms", "text"),
    [
        (0.0, 9.9, "an SLO that no batch meets: one request alone takes 10 ms, and price.slo_ms is 9.9"),
        (5.0, 14.0, "one request alone takes 10 ms after waiting 5 ms for others, and price.slo_ms is 14"),
    ],
)
def test_an_slo_that_no_batch_meets_is_no_fleet(delay_ms, slo_ms, text):
    with pytest.raises(NoFleetError, match=text):
        batch_times(TIMES, replace(CONF, batch_delay_ms=delay_ms), slo_ms, 1.0)


@given(factor=st.floats(1e-6, 1e3), delay_ms=st.floats(0.0, 3.0))
def test_scaling_never_makes_the_largest_batch_late(factor, delay_ms):
    found = batch_times(TIMES, replace(CONF, batch_delay_ms=delay_ms), 13.0, 1.0).scaled(factor)
    assert found.service_ns.max() + found.delay_ns <= found.slo_ns
    assert found.slo_ns == pytest.approx(13e6 * factor, abs=2.0)
