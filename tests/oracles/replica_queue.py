"""Replicas that share one queue, event by event on a clock: slow and obvious."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

_ARRIVAL, _FREE, _DEADLINE = range(3)


def simulate(arrivals: Sequence[int], free_at: Sequence[int], service: Sequence[int], delay: int) -> tuple[list[int], list[int]]:
    """Return the latency of every request in order of arrival, and when each replica is free afterwards, ascending.

    Whenever a replica is idle and `len(service)` requests wait, or the first has waited `delay`, it takes all that wait, at most that many.
    """
    max_batch = len(service)
    events = [(t, _ARRIVAL, i) for i, t in enumerate(arrivals)]
    events += [(t + delay, _DEADLINE, i) for i, t in enumerate(arrivals)]
    busy_until = dict(enumerate(free_at))
    events += [(t, _FREE, replica) for replica, t in busy_until.items()]
    heapq.heapify(events)
    idle: deque[int] = deque()
    waiting: deque[int] = deque()
    latency = [0] * len(arrivals)
    while events:
        now = events[0][0]
        while events and events[0][0] == now:
            _, kind, who = heapq.heappop(events)
            if kind == _ARRIVAL:
                waiting.append(who)
            elif kind == _FREE:
                idle.append(who)
        while idle and waiting and (len(waiting) >= max_batch or now >= arrivals[waiting[0]] + delay):
            batch = [waiting.popleft() for _ in range(min(max_batch, len(waiting)))]
            replica = idle.popleft()
            busy_until[replica] = now + service[len(batch) - 1]
            heapq.heappush(events, (busy_until[replica], _FREE, replica))
            for request in batch:
                latency[request] = busy_until[replica] - arrivals[request]
    return latency, sorted(busy_until.values())


def holds(latency: Sequence[int], slo: int) -> bool:
    """Say whether at most 1 % of the requests took longer than `slo`."""
    return 100 * sum(one > slo for one in latency) <= len(latency)


def at_the_hour(free_at: Sequence[int], n_replicas: int, hour_start: int) -> list[int]:
    """Return when the replicas of the next hour are free: new ones at once; of the old ones those go that are free first."""
    ordered = sorted(free_at)
    if n_replicas <= len(ordered):
        return ordered[len(ordered) - n_replicas :]
    return sorted(ordered + [hour_start] * (n_replicas - len(ordered)))


def fewest(
    arrivals: Sequence[int], free_at: Sequence[int], hour_start: int, service: Sequence[int], delay: int, slo: int, least: int
) -> int:
    """Try one replica more until the hour holds."""
    n_replicas = least
    while not holds(simulate(arrivals, at_the_hour(free_at, n_replicas, hour_start), service, delay)[0], slo):
        n_replicas += 1
    return n_replicas


def service_seconds(rows: float, batch_rows: Sequence[int], seconds: Sequence[float]) -> float:
    """Return what a batch of so many rows takes: on the line between the sizes that were measured."""
    if rows <= batch_rows[0]:
        return seconds[0]
    for (low, s_low), (high, s_high) in zip(
        zip(batch_rows, seconds, strict=True), zip(batch_rows[1:], seconds[1:], strict=False), strict=False
    ):
        if rows <= high:
            return s_low + (s_high - s_low) * (rows - low) / (high - low)
    return seconds[-1] * rows / batch_rows[-1]


def paid_hours(replicas: Sequence[int], hours_up: Sequence[float], delay_h: float) -> float:
    """Return the replica-hours of a fleet whose k-th replica is up in the hours that need k, and is started `delay_h` before each time.

    A replica that was up until later than that is started when it was stopped; those of the first hour are up already.
    """
    total = sum(n * up for n, up in zip(replicas, hours_up, strict=True))
    for k in range(1, max(replicas) + 1):
        last_up = None if replicas[0] < k else 0
        for hour in range(1, len(replicas)):
            if replicas[hour] >= k:
                if replicas[hour - 1] < k:
                    total += delay_h if last_up is None else min(delay_h, hour - last_up - 1)
                last_up = hour
    return total
