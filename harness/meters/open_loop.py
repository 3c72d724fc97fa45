"""Requests sent when they are due, whatever became of the ones before: latency as a caller sees it, queueing and all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.meters.trial import no_garbage_collection
from harness.records.load import LoadTrial, Schedule

MIN_TOLERANCE_NS = (
    100_000  # interrupts of a virtual machine lasted 20 to 100 µs: any server that waits on it meets them, it is not our loop
)
LATE_SHARE_OF_SERVICE = 0.10  # a tenth of the time that the model itself takes: what lateness may add to a latency
_SPIN_NS = 1_000_000  # `time.sleep` was 0.1 to 0.2 ms late at the median, 1 ms at the 95th to 99th percentile, on a shared machine
_NS_PER_S = 1e9


@dataclass(frozen=True)
class ServedTimes:
    """When each of the completed requests was due, began to be served, and ended: int64 [n_served], nanoseconds on one clock."""

    due_ns: NDArray[np.int64]
    began_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]

    @property
    def latencies_ns(self) -> NDArray[np.int64]:
        """Completion minus scheduled time."""
        return self.ended_ns - self.due_ns


def open_loop(
    run_request: Callable[[int], None],
    n_requests_distinct: int,
    schedule: Schedule,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], object] = time.sleep,
    at_most_s: float = float("inf"),
) -> LoadTrial:
    """Send requests at their scheduled times to one server that takes them one at a time, in order.

    A request that is due while the model is busy waits in the queue, and its wait counts: latency runs from the scheduled time, so a slow
    answer is not hidden by the requests that a closed loop would have held back meanwhile (coordinated omission).

    One thread both waits and serves. With one server and a queue in order that is exact: a request begins when it is due or when the server
    is free, whichever is later, and nobody can tell whether it stood in a queue of ours until then. A second thread that
    puts requests into a queue on time would have to be woken, and to hand over the interpreter (5 ms when the other one computes): it
    would put its own delay into what is measured. What can be late is the loop itself, when it wakes up after the scheduled time
    although the model was free. It sleeps until 1 ms before the time and reads the clock from there on.

    Formula: with D_i the scheduled time, B_i the begin and E_i the end of request i, latency_i = E_i - D_i, and in Lindley's recursion
    B_i = max(D_i, E_(i-1)). Request i is late when B_i - max(D_i, E_(i-1)) is above the tolerance: 10 % of the median of E_i - B_i, and at
    least 100 µs. It is a share of the model's own time, not of the gap between requests: lateness adds to latency, and at a low
    load a tenth of the gap may be many times the latency.

    Parameters
    ----------
    run_request : callable
        Serves request number i synchronously; called with 0, 1, …, n_requests_distinct - 1, 0, ….
    n_requests_distinct : int
        Requests that there are, at least 1.
    schedule : Schedule
        When each is to be sent.
    clock_ns : callable
        A monotonic clock in nanoseconds.
    sleep : callable
        Waits for some seconds, or longer.
    at_most_s : float
        No request is sent after this time; those that are left are counted in `n_unserved`. A schedule faster than the model
        lasts as long as the model needs for it.

    Returns
    -------
    LoadTrial
        Latencies int64 [n_served] in nanoseconds, in the order of the schedule. Flagged with `clock_went_back`, and cut short, when the clock
        ran backwards.

    Raises
    ------
    ValueError
        When there is no request to send.

    Source: Lindley 1952, The theory of queues with a single server, equation 1; Schroeder, Wierman and Harchol-Balter 2006, Open versus
    closed: a cautionary tale, section 2.

    Examples
    --------
    >>> now = [0]
    >>> def serve(i):
    ...     now[0] += 30_000_000
    >>> def clock():
    ...     now[0] += 100
    ...     return now[0]
    >>> schedule = Schedule("log", np.array([0, 10, 20, 200]) * 1_000_000, rate_per_s=20.0)  # 30 ms each: the third waits for two
    >>> trial = open_loop(serve, 4, schedule, clock, lambda seconds: None)
    >>> (trial.latencies_ns / 1e6).round(0).tolist(), trial.n_late
    ([30.0, 50.0, 70.0, 30.0], 0)
    """
    if n_requests_distinct < 1:
        raise ValueError(f"n_requests_distinct is {n_requests_distinct}: an open loop sends at least one request")
    with no_garbage_collection():
        times, elapsed_ns, went_back = _send_all(run_request, n_requests_distinct, schedule.send_ns, clock_ns, sleep, at_most_s)
    n_unserved = 0 if went_back else schedule.send_ns.size - times.due_ns.size
    return LoadTrial(
        schedule.kind,
        "harness",
        schedule.rate_per_s,
        n_late(times),
        elapsed_ns / _NS_PER_S,
        times.latencies_ns,
        went_back,
        n_unserved,
    )


def n_late(times: ServedTimes) -> int:
    """Count the requests that began later than they were due and the server was free, by more than the tolerance.

    Formula: as in `open_loop`.

    Examples
    --------
    >>> due, began = np.array([0, 1, 50, 90]) * 1_000_000, np.array([0, 10, 53, 91]) * 1_000_000  # the model takes 10 ms
    >>> n_late(ServedTimes(due, began, began + 10_000_000))  # the second waited for the model, the third is 3 ms late, the fourth 1 ms
    1
    """
    if not times.due_ns.size:
        return 0
    free_ns = np.concatenate([times.due_ns[:1], times.ended_ns[:-1]])
    late_ns = times.began_ns - np.maximum(times.due_ns, free_ns)
    service_ns = float(np.median(times.ended_ns - times.began_ns))
    return int(np.count_nonzero(late_ns > max(MIN_TOLERANCE_NS, LATE_SHARE_OF_SERVICE * service_ns)))


def _send_all(
    run_request: Callable[[int], None],
    n_distinct: int,
    send_ns: NDArray[np.int64],
    clock_ns: Callable[[], int],
    sleep: Callable[[float], object],
    at_most_s: float,
) -> tuple[ServedTimes, int, bool]:
    """Return the times after the start, the nanoseconds that the loop took, and whether the clock ran backwards."""
    began_ns, ended_ns = np.empty(send_ns.size, np.int64), np.empty(send_ns.size, np.int64)
    sends, begins, ends = send_ns.data, began_ns.data, ended_ns.data  # half the price of reading and writing a NumPy array
    n_served = request_id = 0
    went_back = False
    zero = end = clock_ns()
    last_send = zero + at_most_s * _NS_PER_S
    while n_served < send_ns.size and not went_back:
        due = zero + sends[n_served]
        now, went_back = _wait(due, end, clock_ns, sleep)
        if now > last_send or went_back:
            break
        run_request(request_id)
        end = clock_ns()
        begins[n_served], ends[n_served] = now - zero, end - zero
        went_back = end < now
        n_served += 1
        request_id = request_id + 1 if request_id + 1 < n_distinct else 0
    return ServedTimes(send_ns[:n_served], began_ns[:n_served], ended_ns[:n_served]), end - zero, went_back


def _wait(due: int, before: int, clock_ns: Callable[[], int], sleep: Callable[[float], object]) -> tuple[int, bool]:
    """Wait until a time has come; return when it was noticed, and whether the clock ran backwards meanwhile."""
    now = clock_ns()
    while before <= now < due:
        if due - now > _SPIN_NS:
            sleep((due - now - _SPIN_NS) / _NS_PER_S)
        before, now = now, clock_ns()
    return now, now < before
