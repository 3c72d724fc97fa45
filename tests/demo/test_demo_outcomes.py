"""The running late rate sees no outcome before it was known: against an oracle that goes flight by flight, and by its definition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.demo.flights import read_table
from harness.demo.outcomes import PRIOR_FLIGHTS, PRIOR_RATE, late_labels, outcome_moments, running_late_rates

SMALL_CARRIERS = ("AS", "F9", "HA", "OO", "YV")  # 2,374 flights: few enough for the slow way


def oracle_arrival(flight: pd.Series, zone: str) -> datetime:
    """Return the first moment after the actual departure at which the destination's clock shows the arrival time."""
    left = datetime.fromisoformat(flight.time_hour) + timedelta(minutes=int(flight.minute) + int(flight.dep_delay))
    day = left.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0)
    hour, minute = divmod(int(flight.arr_time), 100)
    for n_days in (0, 1):
        midnight = (day.replace(tzinfo=None) + timedelta(days=n_days)).replace(tzinfo=ZoneInfo(zone))
        arrival = (midnight + timedelta(hours=hour, minutes=minute)).astimezone(UTC)
        if arrival > left:
            return arrival
    raise AssertionError(f"no arrival for {flight}")


def oracle_rates(departures: list[datetime], known_at: list[datetime | None], late: list[bool]) -> list[float]:
    """Count, for each flight, the flights whose outcome was known before it."""
    rates = []
    for departure in departures:
        seen = [is_late for known, is_late in zip(known_at, late, strict=True) if known is not None and known < departure]
        rates.append((PRIOR_RATE * PRIOR_FLIGHTS + sum(seen)) / (PRIOR_FLIGHTS + len(seen)))
    return rates


@pytest.mark.demo
@pytest.mark.parametrize("carrier", SMALL_CARRIERS)
def test_late_rate_equals_the_oracle(carrier: str, log: pd.DataFrame, flights: pd.DataFrame) -> None:
    zones = read_table("airports.csv").set_index("faa")["tzone"]
    rows = flights[flights["carrier"] == carrier]
    departures = [datetime.fromisoformat(row.time_hour) + timedelta(minutes=row.minute) for row in rows.itertuples()]
    known_at = [None if np.isnan(row.arr_delay) else oracle_arrival(row, zones[row.dest]) for row in rows.itertuples()]
    wanted = oracle_rates(departures, known_at, [row.arr_delay > 15 for row in rows.itertuples()])
    found = log.set_index("flight_id").loc[rows.index, "carrier_late_rate"]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert found.nunique() > 10


@pytest.mark.demo
def test_outcome_is_known_after_departure_and_a_day_later_at_most_but_once(flights: pd.DataFrame) -> None:
    departures = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="m")
    waits = (outcome_moments(flights, read_table("airports.csv"), departures) - departures).dt.total_seconds()
    assert (waits.isna() == flights["arr_delay"].isna()).all()
    taxi_min = waits / 60 - flights["dep_delay"] - flights["air_time"]  # what is left is on the ground: never negative, never hours
    assert taxi_min.min() >= 1
    assert taxi_min.max() <= 240
    assert (waits > 86_400).sum() == 1  # conf/replay/flights.yaml: label_maturity


@st.composite
def worlds(draw: st.DrawFn) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64], NDArray[np.float64], NDArray[np.str_]]:
    n = draw(st.integers(0, 25))
    hours = st.lists(st.integers(0, 12), min_size=n, max_size=n)
    departures = np.array(draw(hours), dtype="datetime64[h]")
    known_at = departures + np.array(draw(hours), dtype="timedelta64[h]")
    late = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=n, max_size=n)), dtype=np.float64)
    known_at[np.isnan(late)] = np.datetime64("NaT")
    return departures, known_at, late, np.array(draw(st.lists(st.sampled_from(["UA", "B6"]), min_size=n, max_size=n)), dtype=np.str_)


@given(worlds())
@settings(max_examples=60, deadline=None)
def test_rates_of_small_worlds_equal_the_definition(
    world: tuple[NDArray[np.datetime64], NDArray[np.datetime64], NDArray[np.float64], NDArray[np.str_]],
) -> None:
    departures, known_at, late, carriers = world
    found = running_late_rates(carriers, departures, known_at, late)
    for i, departure in enumerate(departures):
        seen = [late[j] for j in range(len(late)) if carriers[j] == carriers[i] and not np.isnan(late[j]) and known_at[j] < departure]
        assert found[i] == pytest.approx((PRIOR_RATE * PRIOR_FLIGHTS + sum(seen)) / (PRIOR_FLIGHTS + len(seen)), rel=1e-6)


@given(worlds(), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_outcomes_of_the_future_change_nothing(
    world: tuple[NDArray[np.datetime64], NDArray[np.datetime64], NDArray[np.float64], NDArray[np.str_]], hour: int
) -> None:
    departures, known_at, late, carriers = world
    now = np.datetime64(hour, "h")
    turned = np.where(known_at >= now, 1 - late, late)
    until_now = departures <= now
    before = running_late_rates(carriers, departures, known_at, late)[until_now]
    assert (before == running_late_rates(carriers, departures, known_at, turned)[until_now]).all()


def test_an_outcome_known_at_the_very_departure_does_not_count() -> None:
    hours = np.array([0, 5], dtype="datetime64[h]")
    known = np.array([5, 9], dtype="datetime64[h]")
    rates = running_late_rates(np.array(["UA", "UA"]), hours, known, np.array([1.0, 0.0]))
    assert rates.tolist() == [np.float32(PRIOR_RATE)] * 2


def test_fifteen_minutes_is_not_late() -> None:
    assert late_labels(np.array([15.0, 16.0, np.nan])).tolist() == [0, 1, pd.NA]
