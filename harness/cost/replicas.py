"""A fleet of replicas, hour by hour: what is paid for it, and its size by the busiest minute of each hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.cost.traffic import MINUTES_PER_HOUR
from harness.records.money import ReplicaHours, Traffic
from harness.units import SECONDS_PER_HOUR

_ROUNDING = 1e-9  # replicas; a rounding error must not buy a machine


@dataclass(frozen=True)
class Fleet:
    """What was bought for the traffic of a log, and what was served with it.

    Args:
        replica_hours: replicas times the hours that each was up or coming up.
        predictions: rows that were scored.
        n_hours: hours of the log.
        idle_hours: whole clock hours without any arrival.
        peak: most replicas in an hour.
        utilisation_share: rows scored over the rows that the replicas could have scored.
        hours: the same, hour by hour.
        p99_ms: of all requests, replayed with these replicas; None where no arrivals were replayed.
        note: what makes the plan doubtful; None for nothing.
    """

    replica_hours: float
    predictions: float
    n_hours: float
    idle_hours: int
    peak: int
    utilisation_share: float
    hours: ReplicaHours = field(repr=False)
    p99_ms: float | None = None
    note: str | None = None


def fleet_for(
    traffic: Traffic,
    rows_per_request: float,
    rows_per_s: float,
    target_utilisation: float,
    min_replicas: int,
    scale_up_delay_s: float = 0.0,
) -> Fleet:
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
    scale_up_delay_s : float
        How long before its hour a replica is started, and paid.

    Examples
    --------
    >>> two_hours = Traffic(np.array([0, 119]), np.array([6000.0, 600.0]), 2.0)
    >>> fleet = fleet_for(two_hours, 1.0, rows_per_s=50.0, target_utilisation=0.5, min_replicas=1)
    >>> fleet.replica_hours, fleet.peak  # 100 requests/s at 25 a replica: 4; then 10 at 25: 1
    (5.0, 4)
    """
    hour = traffic.minute // MINUTES_PER_HOUR
    busiest = np.maximum.reduceat(traffic.minute_requests, np.flatnonzero(np.diff(hour, prepend=hour[0] - 1)))
    wanted = busiest / 60.0 * rows_per_request / (rows_per_s * target_utilisation)
    replicas = np.maximum(np.ceil(wanted - _ROUNDING), max(min_replicas, 1)).astype(np.int64)
    return fleet_of(traffic, replicas, rows_per_request, rows_per_s, min_replicas, scale_up_delay_s)


def fleet_of(
    traffic: Traffic,
    replicas: NDArray[np.int64],
    rows_per_request: float,
    rows_per_s: float,
    min_replicas: int,
    scale_up_delay_s: float,
    p99_ms: float | None = None,
    note: str | None = None,
) -> Fleet:
    """Say what is paid for these replicas, and how much of them is used.

    Parameters
    ----------
    replicas : NDArray[np.int64]
        Of every hour that had arrivals, in order; the others keep `min_replicas`.

    Examples
    --------
    >>> three_hours = Traffic(np.array([0, 179]), np.array([10.0, 10.0]), 3.0)
    >>> fleet = fleet_of(three_hours, np.array([1, 4]), 1.0, 1.0, min_replicas=1, scale_up_delay_s=360.0)
    >>> fleet.hours.replicas.tolist(), np.round(fleet.hours.paid_hours, 9).tolist()  # three come up for a tenth of an hour
    ([1, 1, 4], [1.0, 1.0, 4.3])
    """
    of_minute = traffic.minute // MINUTES_PER_HOUR
    hour = np.arange(of_minute[0], of_minute[-1] + 1)
    all_replicas = np.full(hour.size, min_replicas, np.int64)
    all_replicas[np.unique(of_minute) - hour[0]] = replicas
    covered = _covered_minutes(hour, int(traffic.minute[0]), int(traffic.minute[-1]))
    coming_up = coming_up_hours(all_replicas, scale_up_delay_s / SECONDS_PER_HOUR)
    replica_hours = float(all_replicas @ covered) / MINUTES_PER_HOUR + float(coming_up.sum())
    predictions = float(traffic.minute_requests.sum()) * rows_per_request
    requests = np.bincount(of_minute - hour[0], weights=traffic.minute_requests).astype(np.float64)
    return Fleet(
        replica_hours=replica_hours,
        predictions=predictions,
        n_hours=traffic.n_hours,
        idle_hours=hour.size - replicas.size,
        peak=int(replicas.max()),
        utilisation_share=predictions / (replica_hours * SECONDS_PER_HOUR * rows_per_s),
        hours=ReplicaHours(hour, all_replicas, all_replicas * covered / MINUTES_PER_HOUR + coming_up, requests),
        p99_ms=p99_ms,
        note=note,
    )


def coming_up_hours(replicas: NDArray[np.int64], delay_h: float) -> NDArray[np.float64]:
    """Return what is paid, beside the hour itself, for the replicas that each hour has more than the hours before.

    Formula: Σ over the hours j = 1, 2, ... before it, as far as the delay reaches, of max(0, replicas − the most in the last j hours)
    · the part of hour j that the delay covers. The replicas of the first hour are up already, and so many before it.

    Parameters
    ----------
    replicas : NDArray[np.int64]
        [n_hours], of every hour in order.
    delay_h : float
        How long before its hour a replica is started.

    Returns
    -------
    NDArray[np.float64]
        [n_hours], replica-hours.

    Examples
    --------
    >>> coming_up_hours(np.array([1, 3, 1, 2]), 0.5).tolist()
    [0.0, 1.0, 0.0, 0.5]
    >>> coming_up_hours(np.array([2, 1, 2]), 1.5).tolist()  # the second was up until an hour before
    [0.0, 0.0, 1.0]
    """
    paid = np.zeros(replicas.size)
    most = np.zeros(replicas.size, np.int64)
    for j in range(1, ceil(delay_h) + 1):
        before = np.concatenate([np.full(min(j, replicas.size), replicas[0]), replicas[:-j]])
        most = np.maximum(most, before)
        paid += np.maximum(0, replicas - most) * min(1.0, delay_h - (j - 1))
    return paid


def _covered_minutes(hour: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
    """Return how many minutes of each hour lie between the first and the last minute of the log."""
    return np.minimum(last + 1, (hour + 1) * MINUTES_PER_HOUR) - np.maximum(first, hour * MINUTES_PER_HOUR)
