"""How many replicas the traffic of a log needs in each hour: by its replayed arrivals where there is a service level, else by its busiest minutes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.cost.arrivals import time_unit, unit_us
from harness.cost.batch_times import BatchTimes, NoFleetError, batch_times
from harness.cost.fluid_queue import flow_replicas, spread
from harness.cost.hourly_queues import HourlyQueues, Served
from harness.cost.replicas import Fleet, fleet_for, fleet_of
from harness.cost.service_times import ServiceTimes
from harness.records.conf import PriceConf
from harness.records.money import Traffic

_NS_PER_MS = 1e6
_FLOW_ALONE = 60.0  # times the traffic of the log


def plan_fleet(traffic: Traffic, service: ServiceTimes, conf: PriceConf, rows_per_request: float) -> Fleet:
    """Say how many replicas each hour of a log needs, and what is paid for them.

    Formula: with `conf.slo_ms`, replicas(hour) is the fewest, at least `min_replicas` and 1, with which at most 1 % of the hour's requests
    take longer than it from arrival to answer; under 100 requests none may. The arrivals are replayed one by one: the requests of an hour are
    one queue, first come first served, in front of identical replicas. A free replica takes all requests that wait, at most as many as the
    chosen batch has; it waits for more until the first of them has waited `batch_delay_ms`. A batch takes the mean time that was measured for its
    size (`batch_seconds`). What is still being served when the hour ends keeps its replicas busy in the next one (`HourlyQueues`).
    Without `conf.slo_ms`: `fleet_for`.

    A replica that an hour has more than the hour before is started, and paid, `scale_up_delay_s` before it. What a replica that goes still
    serves when its last hour is over is not paid: about as long as the service level.

    Traffic scaled down (`requests_per_day`) has the arrivals of the log with all gaps divided by `traffic.scale`: it is replayed as the log
    itself, with service times, delay and service level multiplied by that. Traffic scaled up has two needs, and an hour gets the larger: that
    replay, which has the log's bursts one by one but all of an hour within 1 / scale of it, and a flow from minute to minute
    (`flow_replicas`), which has what lasts. From a scale of 60 on all of an hour would be replayed within a minute, the step of the flow, which
    is then taken alone. Timestamps in whole seconds, minutes or hours are spread
    evenly over their unit.

    Parameters
    ----------
    traffic : Traffic
        With its arrivals, where there is a service level.
    service : ServiceTimes
        Of one replica; every batch takes the mean of its size, so that the spread between batches of one size is not in the latencies.
    conf : PriceConf
        Service level, delays, target utilisation and fewest replicas.
    rows_per_request : float
        Rows that are scored for one request.

    Returns
    -------
    Fleet
        With the p99 of all requests of the log in milliseconds: the ceil(0.99 n)-th smallest latency; None where traffic is scaled up,
        for a flow has no single requests.

    Raises
    ------
    NoFleetError
        With a service level, when a request alone is late, or the arrivals were not kept.

    Examples
    --------
    >>> stamps = np.array([0, 0, 0, 1_000_000])  # three at once, and one alone; a request takes 40 ms
    >>> traffic = Traffic(np.array([0]), np.array([4.0]), 1 / 60, stamps)
    >>> service = ServiceTimes(np.array([1]), np.array([0.04]), max_batch_rows=1)
    >>> fleet = plan_fleet(traffic, service, PriceConf("p", "sheet.csv", "sku", slo_ms=100.0), 1.0)
    >>> fleet.peak, fleet.p99_ms  # two of three at once are answered after 40 ms, the third after 80
    (2, 80.0)
    """
    if conf.slo_ms is None:
        wanted = service.rows_per_s, conf.target_utilisation, conf.min_replicas, conf.scale_up_delay_s
        return fleet_for(traffic, rows_per_request, *wanted)
    times = _times(traffic, service, conf, rows_per_request)
    p99, replicas = None, np.full(0, 1, np.int64)
    if traffic.scale < _FLOW_ALONE:
        queues = queues_of(traffic, service, conf, rows_per_request)
        served = queues.plan()
        replicas = np.array([one.n_replicas for one in served])
        p99 = p99_ms(queues, served) / traffic.scale if traffic.scale <= 1.0 else None
    if traffic.scale > 1.0:
        flow = _flow(traffic, times, conf)
        replicas = np.maximum(replicas, flow) if replicas.size else flow
    rows_per_s, fewest, delay_s = service.rows_per_s, conf.min_replicas, conf.scale_up_delay_s
    return fleet_of(traffic, replicas, rows_per_request, rows_per_s, fewest, delay_s, p99, _note(traffic, times))


def queues_of(traffic: Traffic, service: ServiceTimes, conf: PriceConf, rows_per_request: float) -> HourlyQueues:
    """Return the hours of a log in front of replicas with these service times.

    Raises
    ------
    NoFleetError
        As `plan_fleet`; also without a service level.
    """
    times = _times(traffic, service, conf, rows_per_request)
    return HourlyQueues.of(traffic, _arrivals_us(traffic), times.scaled(traffic.scale), conf.min_replicas)


def _times(traffic: Traffic, service: ServiceTimes, conf: PriceConf, rows_per_request: float) -> BatchTimes:
    if conf.slo_ms is None:
        raise NoFleetError("price.slo_ms names no service level to hold")
    if traffic.arrivals_us is None or traffic.arrivals_us.size == 0:
        raise NoFleetError("arrivals of single requests were not kept for this log: run the sweep again, or leave price.slo_ms out")
    return batch_times(service, conf, conf.slo_ms, rows_per_request)


def _arrivals_us(traffic: Traffic) -> NDArray[np.int64]:
    """Return the arrivals; those of one unit of a coarse clock are spread over it, as far as it lies within an hour."""
    assert traffic.arrivals_us is not None
    unit = time_unit(traffic.arrivals_us)
    return traffic.arrivals_us if unit is None else spread(traffic.arrivals_us, min(unit_us(unit), unit_us("hour")))


def _flow(traffic: Traffic, times: BatchTimes, conf: PriceConf) -> NDArray[np.int64]:
    try:
        found = flow_replicas(traffic, times)
    except OverflowError as trouble:
        raise NoFleetError(str(trouble)) from trouble
    return np.maximum(found, max(conf.min_replicas, 1))


def p99_ms(queues: HourlyQueues, served: list[Served]) -> float:
    """Return the p99 over all requests, in milliseconds of the log: the ceil(0.99 n)-th smallest latency.

    Only the highest 2 % of the latencies, and those of a few million requests, are in memory at a time.
    """
    return _kth_largest(queues.latencies_ns(served), queues.arrivals_us.size // 100 + 1) / _NS_PER_MS


def _kth_largest(parts: Iterable[NDArray[np.int64]], k: int) -> int:
    """Return the k-th largest value of all parts together, which have at least k."""
    top = np.zeros(0, np.int64)
    at_least = np.iinfo(np.int64).min
    for part in parts:
        top = np.concatenate([top, part[part >= at_least]])
        if top.size >= 2 * k:
            top = np.partition(top, top.size - k)[-k:]
            at_least = top[0]
    return int(np.partition(top, top.size - k)[-k])


def _note(traffic: Traffic, times: BatchTimes) -> str | None:
    remarks = []
    assert traffic.arrivals_us is not None
    unit = time_unit(traffic.arrivals_us)
    if unit is not None and traffic.arrivals_us.size > 1:
        remarks.append(
            f"timestamps are whole {unit}s: the requests of one {unit} are spread evenly over {'it' if unit != 'day' else 'an hour'}"
        )
    if traffic.scale > 1.0:
        remarks.append(f"{traffic.scale:,.3g} requests for each of the log's are planned as a flow from minute to minute")
    if times.service_ns.size < times.largest:
        larger = f"larger ones, up to {times.largest:,}, would take longer than price.slo_ms"
        remarks.append(f"batches of at most {times.service_ns.size:,} requests: {larger}")
    return "; ".join(remarks) or None
