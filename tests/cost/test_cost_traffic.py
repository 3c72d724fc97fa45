from __future__ import annotations

import numpy as np
import pytest

from harness.cost.traffic import scaled, traffic_from

MINUTE_US = 60_000_000


def test_rows_of_one_minute_are_counted_whatever_their_order():
    traffic = traffic_from(np.array([5 * MINUTE_US + 1, 3 * MINUTE_US, 5 * MINUTE_US]), 1, None)
    assert traffic.minute.tolist() == [3, 5]
    assert traffic.minute_requests.tolist() == [1.0, 2.0]
    assert traffic.n_hours == pytest.approx(3 / 60)


def test_rows_before_1970_fall_into_their_own_minute():
    assert traffic_from(np.array([-1, 0]), 1, None).minute.tolist() == [-1, 0]


def test_a_ranker_has_fewer_requests_than_rows():
    assert traffic_from(np.zeros(50, np.int64), 25, None).minute_requests.tolist() == [2.0]


def test_requests_per_day_scales_every_minute_by_one_factor():
    stamps = np.array([0, 0, 0, (24 * 60 - 1) * MINUTE_US])  # one day, four requests
    traffic = traffic_from(stamps, 1, requests_per_day=400.0)
    assert traffic.n_hours == 24.0
    assert traffic.minute_requests.tolist() == pytest.approx([300.0, 100.0])


@pytest.mark.parametrize(
    ("stamps", "rows_per_request", "requests_per_day", "text"),
    [([], 1, None, "at least one row"), ([0], 0, None, "must be positive"), ([0], 1, -5.0, "must be positive")],
)
def test_what_means_nothing_is_refused(stamps, rows_per_request, requests_per_day, text):
    with pytest.raises(ValueError, match=text):
        traffic_from(np.array(stamps, np.int64), rows_per_request, requests_per_day)


@pytest.mark.parametrize(("rows_per_request", "rows"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6]), (2.5, [0, 2, 5]), (0.5, [0, 0, 1, 1])])
def test_a_request_arrives_with_its_first_row_in_order_of_time(rows_per_request, rows):
    stamps = np.array([6, 5, 4, 3, 2, 1, 0]) if rows_per_request >= 1 else np.array([1, 0])
    assert traffic_from(stamps, rows_per_request, None).arrivals_us.tolist() == rows


def test_arrivals_stay_as_logged_when_the_traffic_is_scaled():
    traffic = traffic_from(np.array([0, (24 * 60 - 1) * MINUTE_US]), 1, None)
    twice = scaled(scaled(traffic, 6.0), 8.0)  # two a day, six, eight
    assert (traffic.scale, twice.scale) == (1.0, pytest.approx(4.0))
    assert twice.arrivals_us.tolist() == traffic.arrivals_us.tolist()
    assert traffic_from(np.array([0, (24 * 60 - 1) * MINUTE_US]), 1, requests_per_day=8.0).scale == pytest.approx(4.0)
    assert scaled(traffic, None) is traffic
