"""How many replicas the traffic of the log needs, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.cost.traffic import MINUTES_PER_HOUR
from harness.records.money import Traffic

_ROUNDING = 1e-9  # replicas; a rounding error must not buy a machine


@dataclass(frozen=True)
class Fleet:
    """What was bought for the traffic of a log, and what was served with it.

    Args:
        replica_hours: replicas times the hours that each was up.
        predictions: rows that were scored.
        n_hours: hours of the log.
        idle_hours: whole clock hours without any arrival.
        peak: most replicas in an hour.
        utilisation_share: rows scored over the rows that the replicas could have scored.
    """

    replica_hours: float
    predictions: float
    n_hours: float
    idle_hours: int
    peak: int
    utilisation_share: float


def fleet_for(traffic: Traffic, rows_per_request: float, rows_per_s: float, target_utilisation: float, min_replicas: int) -> Fleet:
    """Size a fleet by the busiest minute of each hour, and say how much of it is used.

    Formula: replicas(hour) = max(min_replicas, ceil(max over its minutes of requests / 60 · rows_per_request
    / (rows_per_s · target_utilisation))). An hour without arrivals keeps `min_replicas`; one with arrivals has at least
    one. The first and the last hour count by the minutes that the log covers.

    Parameters
    ----------
    traffic : Traffic
        Requests per minute.
    rows_per_request : float
        Rows that are scored for one request.
    rows_per_s : float
        Throughput of one replica.
    target_utilisation : float
        Share of the throughput that the busiest minute may use, 0 < share <= 1.
    min_replicas : int
        Replicas that stay up without arrivals.

    Examples
    --------
    >>> two_hours = Traffic(np.array([0, 119]), np.array([6000.0, 600.0]), 2.0)
    >>> fleet = fleet_for(two_hours, 1.0, rows_per_s=50.0, target_utilisation=0.5, min_replicas=1)
    >>> fleet.replica_hours, fleet.peak  # 100 requests/s at 25 a replica: 4; then 10 at 25: 1
    (5.0, 4)
    """
    hour = traffic.minute // MINUTES_PER_HOUR
    starts = np.flatnonzero(np.diff(hour, prepend=hour[0] - 1))
    busiest = np.maximum.reduceat(traffic.minute_requests, starts)
    wanted = busiest / 60.0 * rows_per_request / (rows_per_s * target_utilisation)
    replicas = np.maximum(np.ceil(wanted - _ROUNDING), max(min_replicas, 1))
    covered = _covered_minutes(hour[starts], int(traffic.minute[0]), int(traffic.minute[-1]))
    idle_minutes = round(traffic.n_hours * MINUTES_PER_HOUR) - int(covered.sum())
    replica_hours = (float(replicas @ covered) + min_replicas * idle_minutes) / MINUTES_PER_HOUR
    predictions = float(traffic.minute_requests.sum()) * rows_per_request
    return Fleet(
        replica_hours=replica_hours,
        predictions=predictions,
        n_hours=traffic.n_hours,
        idle_hours=ceil(idle_minutes / MINUTES_PER_HOUR),
        peak=int(replicas.max()),
        utilisation_share=predictions / (replica_hours * 3600.0 * rows_per_s),
    )


def _covered_minutes(hour: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
    """Return how many minutes of each hour lie between the first and the last minute of the log."""
    return np.minimum(last + 1, (hour + 1) * MINUTES_PER_HOUR) - np.maximum(first, hour * MINUTES_PER_HOUR)
