"""From the timestamps of the judged rows to requests: their arrivals, and how many there are in each minute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.records.money import Traffic

_US_PER_MINUTE = 60_000_000
MINUTES_PER_HOUR = 60
_HOURS_PER_DAY = 24.0


def traffic_from(timestamps_us: NDArray[np.int64], rows_per_request: float, requests_per_day: float | None) -> Traffic:
    """Count the requests of each minute that had any, and keep when each request arrived.

    Formula: request i arrives with row floor(i · rows_per_request) of the rows in order of time.

    Parameters
    ----------
    timestamps_us : NDArray[np.int64]
        [n_rows], microseconds since the epoch (UTC), in any order, at least one.
    rows_per_request : float
        Rows that are scored for one request.
    requests_per_day : float, optional
        When given, all minutes are scaled by one factor, so that the mean day of the log has this many requests; the
        shape of the traffic stays that of the log.

    Returns
    -------
    Traffic
        `n_hours` runs from the beginning of the first minute with an arrival to the end of the last one.

    Raises
    ------
    ValueError
        When there is no row, or a figure that must be positive is not.

    Examples
    --------
    >>> traffic = traffic_from(np.array([61_000_000, 0, 1_000_000]), rows_per_request=2, requests_per_day=None)
    >>> traffic.minute.tolist(), traffic.minute_requests.tolist(), round(traffic.n_hours, 3)
    ([0, 1], [1.0, 0.5], 0.033)
    >>> traffic.arrivals_us.tolist()  # rows 0 and 2
    [0, 61000000]
    """
    if timestamps_us.size == 0:
        raise ValueError("traffic needs the timestamp of at least one row")
    if not rows_per_request > 0 or (requests_per_day is not None and not requests_per_day > 0):
        raise ValueError(f"rows_per_request {rows_per_request} and requests_per_day {requests_per_day} must be positive")
    stamps = np.sort(timestamps_us).astype(np.int64, copy=False)
    of_row = stamps // _US_PER_MINUTE
    starts = np.flatnonzero(np.diff(of_row, prepend=of_row[0] - 1))
    minute = of_row[starts]
    requests = np.diff(starts, append=stamps.size) / rows_per_request
    n_hours = float(minute[-1] - minute[0] + 1) / MINUTES_PER_HOUR
    return scaled(Traffic(minute, requests, n_hours, _first_rows(stamps, rows_per_request)), requests_per_day)


def scaled(traffic: Traffic, requests_per_day: float | None) -> Traffic:
    """Scale all minutes by one factor, so that the mean day has `requests_per_day`; None leaves them as they are.

    Arrivals stay as logged: `scale` says by what the gaps between them are to be divided.

    Examples
    --------
    >>> more = scaled(Traffic(np.array([0]), np.array([2.0]), 24.0), 10.0)
    >>> more.minute_requests.tolist(), more.scale
    ([10.0], 5.0)
    """
    if requests_per_day is None:
        return traffic
    per_day = float(traffic.minute_requests.sum()) / traffic.n_hours * _HOURS_PER_DAY
    factor = requests_per_day / per_day
    return replace(traffic, minute_requests=traffic.minute_requests * factor, scale=traffic.scale * factor)


def _first_rows(stamps: NDArray[np.int64], rows_per_request: float) -> NDArray[np.int64]:
    """Return the timestamp of the first row of every request."""
    if rows_per_request == 1:
        return stamps
    rows = np.floor(np.arange(np.ceil(stamps.size / rows_per_request)) * rows_per_request).astype(np.intp)
    first: NDArray[np.int64] = stamps[rows[rows < stamps.size]]
    return first
