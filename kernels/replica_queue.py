"""Which requests of a log would have been answered late by so many replicas that share one queue and serve in batches.

Contract
--------
arrivals_us int64 [n], ascending, microseconds; times inside are int64 nanoseconds since `origin_us`, so that |arrival - origin| is below 292
years. service_ns int64 [max_batch], at least 0, what a batch of 1 .. max_batch requests takes. A *scenario* is a range of arrivals, served
by replicas that become free at given times (as many replicas as times, at least one). No arrivals: none late, free times as they came.
One thread replays one scenario.
Agreement: *exact*: integers alone.

The queue: requests wait in order of arrival. A batch is ready when `max_batch` requests of the range wait, or when the first of them has waited
`delay_ns`; it starts when it is ready and a replica is free, with all that wait then (an arrival at that very nanosecond included), at most
`max_batch`. The replica that has been free for longest takes it. Latency is completion minus arrival; late is above `slo_ns`.

Source: the recursion of start and departure times of a first-come-first-served queue with several servers, Kiefer & Wolfowitz 1955, "On the
theory of queues with many servers", section 2: the workload vector sorted, its smallest entry served; here a batch takes the customer's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.chunks import run_in_order, starts_of_pieces, thread_count
from kernels.devices import is_on_cuda, run_on_cuda, to_device, to_host

NS_PER_US = 1000
_MAX_SPAN_US = (1 << 63) // NS_PER_US - 1
_SCENARIOS_PER_PIECE = 16  # of one thread; handing over a piece costs as much as replaying some thousand arrivals
_NOTHING = np.zeros(0, np.int64)


class Replays(NamedTuple):
    """What became of each scenario.

    n_late int64 [n_scenarios]; where it is above what was allowed, the replay was given up there, and the free times mean nothing.
    free_ns: per scenario int64 [n_replicas], ascending, when each replica is free after the last request.
    """

    n_late: NDArray[np.int64]
    free_ns: list[NDArray[np.int64]]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _replay(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    arrivals_us: NDArray[np.int64],
    origin_us: int,
    ranges: NDArray[np.int64],
    n_replicas: NDArray[np.int64],
    n_allowed: NDArray[np.int64],
    service_ns: NDArray[np.int64],
    delay_ns: int,
    slo_ns: int,
    latency_ns: NDArray[np.int64],
    record: NDArray[np.int64],
) -> None:
    """Replay scenario `start`; columns mean nothing here.

    `record` holds, in: free times, ascending, from word 2; out: late requests, where the first free time stands, and the free times in a ring.
    The ring is sorted from `head` on. The replica that is taken leaves its first place, which is also the place behind the last: the new
    free time moves up from there, past the few replicas that will be busy for longer.
    """
    head, n, max_batch = 0, n_replicas[np.uintp(start)], service_ns.shape[0]
    at, end, allowed = ranges[np.uintp(start), 0], ranges[np.uintp(start), 1], n_allowed[np.uintp(start)]
    keeps_latency = latency_ns.shape[0] > 0
    n_late = 0
    while at < end and n_late <= allowed:
        begin = (arrivals_us[np.uintp(at)] - origin_us) * 1000
        if delay_ns > 0:
            begin += delay_ns
            if at + max_batch <= end:
                begin = min(begin, (arrivals_us[np.uintp(at + max_batch - 1)] - origin_us) * 1000)
        begin = max(begin, record[np.uintp(2 + head)])
        stop_at = min(end, at + max_batch)
        behind = at + 1
        while behind < stop_at and (arrivals_us[np.uintp(behind)] - origin_us) * 1000 <= begin:
            behind += 1
        done = begin + service_ns[np.uintp(behind - at - 1)]
        late_before = done - slo_ns
        late = at
        while late < behind and (arrivals_us[np.uintp(late)] - origin_us) * 1000 < late_before:
            late += 1
        n_late += late - at
        if keeps_latency:
            for one in range(at, behind):
                latency_ns[np.uintp(one)] = done - (arrivals_us[np.uintp(one)] - origin_us) * 1000
        at = behind
        place = head
        for _ in range(n - 1):
            before = place - 1 if place > 0 else n - 1
            other = record[np.uintp(2 + before)]
            if other <= done:
                break
            record[np.uintp(2 + place)] = other
            place = before
        record[np.uintp(2 + place)] = done
        head = head + 1 if head + 1 < n else 0
    record[0], record[1] = n_late, head


def replay_queues(
    arrivals_us: Any,
    origin_us: int,
    ranges: NDArray[np.int64],
    free_ns: Sequence[NDArray[np.int64]],
    service_ns: NDArray[np.int64],
    delay_ns: int,
    slo_ns: int,
    n_allowed: NDArray[np.int64] | None = None,
    latency_ns: Any = None,
    *,
    n_threads: int | None = None,
) -> Replays:
    """Say how many requests of each range are late with the replicas that it is given.

    Parameters
    ----------
    arrivals_us : int64 [n], NumPy or CUDA, ascending
    origin_us : what the nanoseconds count from
    ranges : int64 [n_scenarios, 2], first arrival and the one after the last
    free_ns : per scenario int64 [n_replicas], ascending, when each replica becomes free
    service_ns : int64 [max_batch]
    delay_ns : how long a request that is first in the queue waits for others
    slo_ns : latency above which a request is late
    n_allowed : int64 [n_scenarios], late requests after which a scenario is given up; None replays all to the end
    latency_ns : int64 [n], where `arrivals_us` is; when given, the latency of every request of the ranges is written there
    n_threads : None for every core

    Raises
    ------
    ValueError
        A range is not one of the arrivals; a scenario has no replica; no service time; arrivals too far from the origin.

    >>> arrivals = np.array([0, 0, 0, 4])  # two replicas, batches of one take 3 us: the third waits for 3, the fourth finds one free
    >>> found = replay_queues(arrivals, 0, np.array([[0, 4]]), [np.zeros(2, np.int64)], np.array([3000]), 0, 3000, n_threads=1)
    >>> found.n_late.tolist(), found.free_ns[0].tolist()
    ([1], [6000, 7000])
    """
    ranges = np.ascontiguousarray(ranges, np.int64)
    service_ns = np.ascontiguousarray(service_ns, np.int64)
    _check(arrivals_us, origin_us, ranges, free_ns, service_ns)
    n_replicas = np.array([free.shape[0] for free in free_ns], np.int64)
    records = np.zeros((len(ranges), 2 + int(n_replicas.max(initial=1))), np.int64)
    for record, free in zip(records, free_ns, strict=True):
        record[2 : 2 + free.shape[0]] = free
    allowed = np.full(len(ranges), np.iinfo(np.int64).max) if n_allowed is None else np.ascontiguousarray(n_allowed, np.int64)
    latency = _NOTHING if latency_ns is None else latency_ns
    arguments = (_ready(arrivals_us), int(origin_us), ranges, n_replicas, allowed, service_ns, int(delay_ns), int(slo_ns), latency)
    _run(arguments, records, thread_count(n_threads))
    return Replays(records[:, 0].copy(), [_unrolled(record[2 : 2 + n], record[1]) for record, n in zip(records, n_replicas, strict=True)])


def latencies(
    arrivals_us: Any,
    origin_us: int,
    free_ns: NDArray[np.int64],
    service_ns: NDArray[np.int64],
    delay_ns: int,
) -> NDArray[np.int64]:
    """Return the latency of every request, int64 [n], nanoseconds; as `replay_queues`, one range of all arrivals.

    >>> latencies(np.array([0, 0, 5]), 0, np.zeros(1, np.int64), np.array([2000, 3000]), 0).tolist()  # two together, then one
    [3000, 3000, 2000]
    """
    n = int(arrivals_us.shape[0])
    out: Any = np.zeros(max(n, 1), np.int64)
    out = to_device(out) if is_on_cuda(arrivals_us) else out
    replay_queues(arrivals_us, origin_us, np.array([[0, n]]), [free_ns], service_ns, delay_ns, 0, None, out, n_threads=1)
    latency: NDArray[np.int64] = (to_host(out) if is_on_cuda(out) else out)[:n]
    return latency


def _run(arguments: tuple[Any, ...], records: NDArray[np.int64], n_threads: int) -> None:
    if is_on_cuda(arguments[0]):
        records[:] = run_on_cuda(_replay, list(range(len(records) + 1)), (0, 1), arguments, records)
        return
    starts = starts_of_pieces(len(records), _SCENARIOS_PER_PIECE)

    def fill(piece: int) -> None:
        for scenario in range(starts[piece], starts[piece + 1]):
            _replay(scenario, scenario + 1, 0, 1, *arguments, records[scenario])

    for _ in run_in_order(fill, len(starts) - 1, n_threads):
        pass


def _unrolled(ring: NDArray[np.int64], head: int) -> NDArray[np.int64]:
    return np.concatenate([ring[head:], ring[:head]])


def _ready(arrivals_us: Any) -> Any:
    """Return read-only contiguous arrivals, so that one specialisation is compiled."""
    if is_on_cuda(arrivals_us):
        return arrivals_us
    view = np.ascontiguousarray(arrivals_us, np.int64).view()
    view.setflags(write=False)
    return view


def _check(
    arrivals_us: Any, origin_us: int, ranges: NDArray[np.int64], free_ns: Sequence[NDArray[np.int64]], service_ns: NDArray[np.int64]
) -> None:
    n = int(arrivals_us.shape[0])
    if ranges.shape != (len(free_ns), 2):
        raise ValueError(
            f"ranges has shape {ranges.shape} and there are free times of {len(free_ns)} scenarios; wanted ({len(free_ns)}, 2)"
        )
    if len(ranges) and not (ranges[:, 0].min() >= 0 and (ranges[:, 0] <= ranges[:, 1]).all() and ranges[:, 1].max() <= n):
        raise ValueError(f"ranges reach outside the {n} arrivals, or end before they begin")
    if not all(free.shape[0] for free in free_ns):
        raise ValueError("a scenario has no replica; wanted at least one free time")
    if service_ns.ndim != 1 or service_ns.shape[0] == 0 or service_ns.min() < 0:
        raise ValueError("service_ns wants the time of a batch of 1, 2, ... requests, each at least 0")
    if (
        not is_on_cuda(arrivals_us)
        and n
        and max(abs(int(arrivals_us[0]) - origin_us), abs(int(arrivals_us[-1]) - origin_us)) > _MAX_SPAN_US
    ):
        raise ValueError(f"arrivals lie more than 292 years from the origin {origin_us} us: nanoseconds do not fit")
