"""Facts of the built log, each against the package's own tables by the slow way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.demo.flights import CARRIERS, FEATURES, ORIGINS, WEATHER, read_table

pytestmark = pytest.mark.demo

SAMPLE = np.linspace(0, 336_775, 400).astype(np.int64)


def test_every_flight_once_in_order_of_departure(log: pd.DataFrame) -> None:
    assert len(log) == 336_776
    assert log["sched_dep"].is_monotonic_increasing
    assert sorted(log["flight_id"]) == list(range(336_776))
    assert (log["sched_dep"].min(), log["sched_dep"].max()) == (pd.Timestamp("2013-01-01 05:15"), pd.Timestamp("2013-12-31 23:59"))


def test_order_is_the_order_in_utc_too(log: pd.DataFrame, flights: pd.DataFrame) -> None:
    rows = flights.iloc[log["flight_id"].to_numpy()]
    utc = pd.to_datetime(rows["time_hour"], utc=True) + pd.to_timedelta(rows["minute"], unit="m")
    assert utc.is_monotonic_increasing


def test_label_is_more_than_15_minutes_late_and_null_without_arrival(log: pd.DataFrame, flights: pd.DataFrame) -> None:
    delays = flights["arr_delay"].to_numpy()[log["flight_id"]]
    assert log["late"].isna().sum() == 9_430
    assert (log["late"].isna().to_numpy() == np.isnan(delays)).all()
    known = ~np.isnan(delays)
    assert (log["late"][known].to_numpy(dtype=np.int64) == (delays[known] >= 16)).all()  # delays are whole minutes
    assert log["late"].sum() == 77_630


def test_nothing_from_after_the_departure_is_logged(log: pd.DataFrame) -> None:
    schedule = ["flight_id", "sched_dep", "month", "day_of_week", "dep_hour", "dep_minute", "carrier", "origin", "dest"]
    looked_up = ["carrier_code", "origin_code", "distance", *WEATHER, "plane_age", "seats"]
    assert list(log.columns) == [*schedule, *looked_up, "late", "carrier_late_rate"]


def test_weather_is_of_the_hour_before(log: pd.DataFrame) -> None:
    table = read_table("weather.csv")
    by_hour = {(row.origin, pd.Timestamp(row.time_hour)): row for row in table.itertuples()}
    n_found = 0
    for row in log.iloc[SAMPLE].itertuples():
        hour_utc = pd.Timestamp(row.sched_dep, tz="America/New_York").tz_convert("UTC").floor("h") - pd.Timedelta(hours=1)
        observed = by_hour.get((row.origin, hour_utc))
        n_found += observed is not None
        for name in WEATHER:
            wanted = np.nan if observed is None else getattr(observed, name)
            np.testing.assert_equal(getattr(row, name), wanted)
    assert n_found >= 390


def test_plane_is_looked_up_by_tail_number(log: pd.DataFrame, flights: pd.DataFrame) -> None:
    planes = {row.tailnum: row for row in read_table("planes.csv").itertuples()}
    n_known = 0
    for row in log.iloc[SAMPLE].itertuples():
        plane = planes.get(flights["tailnum"][row.flight_id])
        n_known += plane is not None
        np.testing.assert_equal(row.seats, np.nan if plane is None else plane.seats)
        np.testing.assert_equal(row.plane_age, np.nan if plane is None else 2013 - plane.year)
    assert 300 <= n_known < 400


def test_clock_and_codes_are_those_of_new_york_and_of_the_tables(log: pd.DataFrame) -> None:
    assert (log["sched_dep"].dt.hour == log["dep_hour"]).all()
    assert (log["sched_dep"].dt.minute == log["dep_minute"]).all()
    assert (log["sched_dep"].dt.month == log["month"]).all()
    days = log["sched_dep"].dt.day_name().groupby(log["day_of_week"]).unique()
    assert [list(names) for names in days] == [["Monday"], ["Tuesday"], ["Wednesday"], ["Thursday"], ["Friday"], ["Saturday"], ["Sunday"]]
    assert (np.array(CARRIERS)[log["carrier_code"]] == log["carrier"].to_numpy(dtype=np.str_)).all()
    assert (np.array(ORIGINS)[log["origin_code"]] == log["origin"].to_numpy(dtype=np.str_)).all()


def test_features_are_numbers_and_never_infinite(log: pd.DataFrame) -> None:
    values = log[list(FEATURES)].to_numpy(dtype=np.float32)
    assert not np.isinf(values).any()
    n_missing = dict(zip(FEATURES, np.isnan(values).sum(axis=0).tolist(), strict=True))
    assert {name: n for name, n in n_missing.items() if n} == {
        "temp": 1364,
        "dewp": 1364,
        "humid": 1364,
        "wind_speed": 1401,
        "precip": 1342,
        "pressure": 38522,
        "visib": 1342,
        "plane_age": 57912,
        "seats": 52606,
    }
