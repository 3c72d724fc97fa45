from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from harness.records.conf import Period
from harness.records.replay import IMMATURE, JUDGED, REFERENCE, TUNING
from harness.slicing.periods import microseconds, roles_of
from harness.slicing.windows import distinct, numbers_of, row_window_name, window_keys, window_name
from tests.support.confs import replay_conf


def dense(keys, counted):
    present = distinct(keys[counted])
    return numbers_of(keys, counted, present), present


def us(*texts):
    return np.array([microseconds(datetime.fromisoformat(t).replace(tzinfo=UTC)) for t in texts], np.int64)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [("1mo", "2013-04"), ("1d", "2013-04-10"), ("1w", "2013-04-08"), ("1h", "2013-04-10T05")],
)
def test_a_time_falls_into_the_window_that_pandas_finds(windows, expected):
    (key,) = window_keys(us("2013-04-10T05:59:59.999999"), windows)
    assert window_name(int(key), windows) == expected
    start = pd.Timestamp("2013-04-10 05:59:59").to_period({"1mo": "M", "1d": "D", "1w": "W-SUN", "1h": "h"}[windows]).start_time
    assert pd.Timestamp(window_name(int(key), windows)) == start


def test_times_before_the_epoch_fall_into_the_earlier_window():
    (key,) = window_keys(us("1969-12-31T23:00:00"), "1d")
    assert window_name(int(key), "1d") == "1969-12-31"


def test_windows_are_numbered_from_one_in_order_and_rows_that_do_not_count_get_none():
    ids, present = dense(np.array([7, 5, 7, 9]), np.array([True, True, True, False]))
    assert ids.tolist() == [2, 1, 2, 0]
    assert present.tolist() == [5, 7]


@pytest.mark.parametrize("spread", [3, 10**9])  # a table of keys, and a sort
def test_windows_are_found_as_a_sort_of_all_rows_finds_them(spread):
    rng = np.random.default_rng(0)
    keys = rng.integers(-4, 5, 500) * spread
    counted = rng.random(500) < 0.3
    expected, inverse = np.unique(keys[counted], return_inverse=True)
    ids, present = dense(keys, counted)
    assert present.tolist() == expected.tolist()
    assert ids[counted].tolist() == (inverse + 1).tolist()
    assert not ids[~counted].any()


def test_neighbouring_windows_are_found_without_a_sort(monkeypatch):
    monkeypatch.setattr(np, "unique", None)
    ids, present = dense(np.array([481_000, 480_999, 481_000]), np.ones(3, bool))
    assert (ids.tolist(), present.tolist()) == ([2, 1, 2], [480_999, 481_000])


def test_no_counted_row_is_no_window():
    ids, present = dense(np.array([4, 5]), np.zeros(2, bool))
    assert (ids.tolist(), present.tolist()) == ([0, 0], [])


def test_names_of_row_windows_sort_as_they_count():
    assert row_window_name(9, 10) < row_window_name(10, 10)


def test_training_wins_reference_and_tuning_coincide_and_the_rest_is_judged():
    march = Period(datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC))
    conf = replay_conf(training=Period(None, datetime(2013, 3, 1, tzinfo=UTC)), reference=march, tuning=march)
    found = roles_of(us("2013-02-28T23:59:59", "2013-03-01", "2013-03-31T23:59:59", "2013-04-01"), 4, conf, None)
    assert found.training.tolist() == [True, False, False, False]
    assert found.roles.tolist() == [0, REFERENCE | TUNING, REFERENCE | TUNING, JUDGED]


def test_a_label_is_mature_when_it_is_at_least_as_old_as_asked():
    conf = replay_conf(age_s=86400.0)
    (as_of,) = us("2013-04-03")
    roles = roles_of(us("2013-04-01", "2013-04-02", "2013-04-02T00:00:01"), 3, conf, int(as_of)).roles
    assert [bool(r & IMMATURE) for r in roles] == [False, False, True]


def test_without_times_every_row_is_judged():
    found = roles_of(None, 2, replay_conf(), None)
    assert found.roles.tolist() == [JUDGED, JUDGED]
    assert not found.training.any()
