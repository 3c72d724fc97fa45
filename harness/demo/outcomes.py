"""When a flight's outcome became known, whether it was late, and each carrier's late rate so far."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LATE_AFTER_MIN = 15  # a flight is late when it arrives more than this many minutes after schedule
PRIOR_RATE = 0.2  # before any outcome is known: one flight in five, a round figure that is not taken from this log
PRIOR_FLIGHTS = 100  # how many outcomes the prior is worth: enough that one late flight does not set the rate

# Missing from the package's airports: three in Puerto Rico and one in the Virgin Islands, all on Atlantic time all year.
UNLISTED_ZONE = "America/Puerto_Rico"
NEW_YORK = "America/New_York"
MINUTES_PER_DAY = 1440


def late_labels(arrival_delays_min: NDArray[np.float64]) -> pd.Series[int]:
    """Say of each flight whether it arrived late: 1, 0, or null for one that never arrived at its destination.

    Parameters
    ----------
    arrival_delays_min : float64, [n_rows]
        Minutes after the scheduled arrival; negative is early, NaN is cancelled or diverted.

    Returns
    -------
    nullable Int8, [n_rows]

    Examples
    --------
    >>> late_labels(np.array([15.0, 16.0, -3.0, np.nan])).tolist()
    [0, 1, 0, <NA>]
    """
    known = ~np.isnan(arrival_delays_min)
    return pd.Series(pd.arrays.IntegerArray((arrival_delays_min > LATE_AFTER_MIN).astype(np.int8), ~known), name="late")


def outcome_moments(flights: pd.DataFrame, airports: pd.DataFrame, departures: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Say when each flight's outcome was known: its actual arrival, in UTC; NaT where it never arrived.

    Formula: scheduled departure + (scheduled arrival - scheduled departure, each on its own airport's clock, made one clock by the
    two UTC offsets, modulo one day) + arrival delay.

    Parameters
    ----------
    flights : columns sched_dep_time, sched_arr_time (local clocks, hhmm), arr_delay (minutes), dest (airport code)
    airports : columns faa, tzone (IANA name)
    departures : timestamps in UTC, [n_rows]
    """
    zones = flights["dest"].map(airports.set_index("faa")["tzone"]).fillna(UNLISTED_ZONE)
    shift_min = _utc_offsets_min(departures, zones) - _utc_offsets_min(departures, pd.Series(NEW_YORK, index=flights.index))
    clock_min = _minute_of_day(flights["sched_arr_time"]) - _minute_of_day(flights["sched_dep_time"])
    scheduled_min = (clock_min - shift_min) % MINUTES_PER_DAY
    return departures + pd.to_timedelta(scheduled_min + flights["arr_delay"], unit="m")


def running_late_rates(
    carriers: NDArray[np.str_], departures: NDArray[np.datetime64], known_at: NDArray[np.datetime64], late: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Answer, for each flight, what share of its carrier's flights had been late, as far as was known before its scheduled departure.

    Formula: (PRIOR_RATE · PRIOR_FLIGHTS + late outcomes) / (PRIOR_FLIGHTS + outcomes), over flights of the carrier with
    `known_at` strictly before the row's `departures`.

    Parameters
    ----------
    carriers : text, [n_rows]
    departures : datetime64 in UTC, [n_rows]
        Scheduled departures.
    known_at : datetime64 in UTC, [n_rows]
        NaT where the outcome never became known.
    late : float64, [n_rows]
        1, 0, or NaN where unknown.

    Returns
    -------
    float32, [n_rows], within (0, 1)

    Examples
    --------
    Two flights of one carrier: the first lands late before the second leaves.

    >>> hours = lambda *h: np.array(h, dtype="datetime64[h]")
    >>> running_late_rates(np.array(["UA", "UA"]), hours(0, 5), hours(4, 9), np.array([1.0, 0.0])).astype(float).round(4).tolist()
    [0.2, 0.2079]
    """
    rates = np.empty(len(carriers), dtype=np.float32)
    for carrier in np.unique(carriers):
        rows = np.flatnonzero(carriers == carrier)
        ended = rows[~np.isnan(late[rows])]
        ended = ended[np.argsort(known_at[ended], kind="stable")]
        n_known = np.searchsorted(known_at[ended], departures[rows], side="left")  # left: strictly before
        n_late = np.concatenate([[0.0], np.cumsum(late[ended])])[n_known]
        rates[rows] = (PRIOR_RATE * PRIOR_FLIGHTS + n_late) / (PRIOR_FLIGHTS + n_known)
    return rates


def _minute_of_day(clock: pd.Series[int]) -> pd.Series[int]:
    """Turn hhmm, as in 1745, into minutes after midnight."""
    return clock // 100 * 60 + clock % 100


def _utc_offsets_min(moments: pd.Series[pd.Timestamp], zones: pd.Series[str]) -> pd.Series[float]:
    """Give each moment's UTC offset in its zone, in minutes, summer time included."""
    offsets = pd.Series(0.0, index=moments.index)
    for zone in zones.unique():
        there = moments[zones == zone].dt
        ahead = there.tz_convert(str(zone)).dt.tz_localize(None) - there.tz_localize(None)
        offsets[zones == zone] = ahead.dt.total_seconds() / 60
    return offsets
