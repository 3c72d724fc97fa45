"""From the timestamps of the judged rows to requests per minute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.records.money import Traffic

_US_PER_MINUTE = 60_000_000
MINUTES_PER_HOUR = 60
_HOURS_PER_DAY = 24.0


def traffic_from(timestamps_us: NDArray[np.int64], rows_per_request: float, requests_per_day: float | None) -> Traffic:
    """Count the requests of each minute that had any.

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
    >>> traffic = traffic_from(np.array([0, 1_000_000, 61_000_000]), rows_per_request=1, requests_per_day=None)
    >>> traffic.minute.tolist(), traffic.minute_requests.tolist(), round(traffic.n_hours, 3)
    ([0, 1], [2.0, 1.0], 0.033)
    """
    if timestamps_us.size == 0:
        raise ValueError("traffic needs the timestamp of at least one row")
    if not rows_per_request > 0 or (requests_per_day is not None and not requests_per_day > 0):
        raise ValueError(f"rows_per_request {rows_per_request} and requests_per_day {requests_per_day} must be positive")
    minute, counts = np.unique(timestamps_us // _US_PER_MINUTE, return_counts=True)
    requests = counts / rows_per_request
    n_hours = float(minute[-1] - minute[0] + 1) / MINUTES_PER_HOUR
    if requests_per_day is not None:
        requests *= requests_per_day / (float(requests.sum()) / n_hours * _HOURS_PER_DAY)
    return Traffic(minute=minute.astype(np.int64), minute_requests=requests, n_hours=n_hours)


def scaled(traffic: Traffic, requests_per_day: float | None) -> Traffic:
    """Scale all minutes by one factor, so that the mean day has `requests_per_day`; None leaves them as they are.

    Examples
    --------
    >>> scaled(Traffic(np.array([0]), np.array([2.0]), 24.0), 10.0).minute_requests.tolist()
    [10.0]
    """
    if requests_per_day is None:
        return traffic
    per_day = float(traffic.minute_requests.sum()) / traffic.n_hours * _HOURS_PER_DAY
    return Traffic(traffic.minute, traffic.minute_requests * (requests_per_day / per_day), traffic.n_hours)
