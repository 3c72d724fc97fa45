from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cost.arrivals import arrivals_columns, arrivals_from_columns, time_unit
from harness.cost.traffic import traffic_from
from harness.records.money import Traffic

SECOND_US, MINUTE_US, HOUR_US = 1_000_000, 60_000_000, 3_600_000_000
SINCE_1800_TO_2200_US = st.integers(-5_364_662_400_000_000, 7_258_118_400_000_000)


@settings(max_examples=100, deadline=None)
@given(
    stamps=st.lists(st.one_of(SINCE_1800_TO_2200_US, st.integers(-3 * MINUTE_US, 3 * MINUTE_US)), min_size=1, max_size=60),
    rows_per_request=st.sampled_from([1, 3, 2.5]),
)
def test_arrivals_come_back_as_they_were_stored(stamps, rows_per_request):
    traffic = traffic_from(np.array(stamps), rows_per_request, None)
    stored = arrivals_columns(traffic)
    assert stored.n_arrivals.shape == traffic.minute.shape
    assert stored.us_in_minute.dtype == np.uint32
    found = arrivals_from_columns(traffic.minute, *stored)
    assert found.dtype == np.int64
    assert found.tolist() == traffic.arrivals_us.tolist()


def test_what_was_not_kept_is_not_stored():
    assert arrivals_columns(Traffic(np.array([0]), np.array([2.0]), 1 / 60)) is None


def test_arrivals_of_another_log_are_refused():
    with pytest.raises(ValueError, match="count 3 arrivals and 2 are stored"):
        arrivals_from_columns(np.array([0]), np.array([3]), np.array([1, 2], np.uint32))


@pytest.mark.parametrize(
    ("stamps", "unit"),
    [
        ([-24 * HOUR_US, 0], "day"),
        ([HOUR_US, 24 * HOUR_US], "hour"),
        ([MINUTE_US, HOUR_US], "minute"),
        ([SECOND_US, -MINUTE_US], "second"),
        ([1, SECOND_US], None),
        ([1000, SECOND_US], None),
    ],
)
def test_the_coarsest_unit_that_all_are_whole_of(stamps, unit):
    assert time_unit(np.array(stamps)) == unit


def test_one_fine_timestamp_far_into_the_log_is_seen():
    stamps = np.arange(2**21) * SECOND_US
    assert time_unit(stamps) == "second"
    stamps[-1] += 1
    assert time_unit(stamps) is None
