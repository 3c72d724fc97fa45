"""The requests of a log, hour by hour, through the queue of each hour's replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.cost.batch_times import BatchTimes
from harness.cost.traffic import MINUTES_PER_HOUR
from harness.records.money import Traffic

if TYPE_CHECKING:
    from kernels.replica_queue import Replays  # compiled code is loaded where a service level asks for it

_US_PER_HOUR = 3_600_000_000
_NS_PER_HOUR = _US_PER_HOUR * 1000
_LATE_SHARE_INVERSE = 100  # of the requests of an hour, one in so many may be late: its p99 is in time
_HOURS_PER_PIECE = 16  # of one thread
_LATENCIES_BITS = 20  # about so many requests, a power of two, are in memory with their latencies
_NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Served:
    """One hour with its replicas.

    Args:
        n_replicas: that serve it.
        before_ns: int64, when the replicas of the hour before are free, ascending; empty where all are when the first request comes.
        after_ns: int64 [n_replicas], when each is free after the hour's last request, ascending.
    """

    n_replicas: int
    before_ns: NDArray[np.int64]
    after_ns: NDArray[np.int64]


Serve = Callable[[int, NDArray[np.int64]], Served]


@dataclass(frozen=True)
class HourlyQueues:
    """Every hour that had requests, as a queue of its own.

    The requests of a clock hour are served by that hour's replicas, the queue's last ones too when the hour is over. A replica that stays for
    the next hour takes its share of that queue first; one that is new is there when the hour begins. When an hour has fewer, those
    that are free first go. Nanoseconds count from the first hour's beginning.

    Args:
        arrivals_us: int64 [n_requests], ascending.
        hour: int64 [n_hours], hours since the epoch, those with any request.
        borders: int64 [n_hours + 1], first request of each.
        times: of the batches, in time of the log.
        min_replicas: that stay up in the hours between.
    """

    arrivals_us: NDArray[np.int64]
    hour: NDArray[np.int64]
    borders: NDArray[np.int64]
    times: BatchTimes
    min_replicas: int

    @classmethod
    def of(cls, traffic: Traffic, arrivals_us: NDArray[np.int64], times: BatchTimes, min_replicas: int) -> HourlyQueues:
        """Divide the arrivals of a log into its hours."""
        hour = np.unique(traffic.minute // MINUTES_PER_HOUR)
        borders = np.append(np.searchsorted(arrivals_us, hour * _US_PER_HOUR), arrivals_us.size)
        return cls(arrivals_us, hour, borders, times, min_replicas)

    def plan(self, n_threads: int | None = None) -> list[Served]:
        """Return every hour with the fewest replicas that hold its service level, given those that the hour before has."""
        calm = self._idle_at_the_fewest(n_threads)

        def serve(i: int, before_ns: NDArray[np.int64]) -> Served:
            easy = None if before_ns.size else calm[i]
            return easy or self.fewest(i, before_ns)

        return self.serve_all(serve, n_threads)

    def late(self, i: int, before_ns: NDArray[np.int64], n_replicas: int, n_allowed: int | None) -> tuple[int, NDArray[np.int64]]:
        """Return how many requests of hour i are late with so many replicas, and when those are free afterwards."""
        allowed = None if n_allowed is None else np.array([n_allowed])
        found = self._replay(self.borders[np.newaxis, i : i + 2], [self._free_ns(i, before_ns, n_replicas)], allowed)
        return int(found.n_late[0]), found.free_ns[0]

    def latencies_ns(self, served: Sequence[Served], n_threads: int | None = None) -> Iterator[NDArray[np.int64]]:
        """Yield the latencies of all requests in order, int64, those of some hours at a time."""
        from kernels.chunks import run_in_order, thread_count

        cuts = [0, *(np.flatnonzero(np.diff(self.borders[:-1] >> _LATENCIES_BITS)) + 1).tolist(), self.hour.size]

        def work(piece: int) -> NDArray[np.int64]:
            start, stop = cuts[piece], cuts[piece + 1]
            out = np.zeros(int(self.borders[stop] - self.borders[start]), np.int64)
            ranges = np.column_stack([self.borders[start:stop], self.borders[start + 1 : stop + 1]])
            free = [self._free_ns(i, served[i].before_ns, served[i].n_replicas) for i in range(start, stop)]
            self._replay(ranges, free, None, out)
            return out

        yield from run_in_order(work, len(cuts) - 1, thread_count(n_threads))

    def fewest(self, i: int, before_ns: NDArray[np.int64]) -> Served:
        """Return hour i with the fewest replicas that hold its service level.

        Found by bisection: more replicas are taken to make no more requests late. That is so without batches; with them a replica more can take
        a request from a batch to be, and what is certain is that one replica fewer than found does not hold.
        """
        n_requests = int(self.borders[i + 1] - self.borders[i])
        n_allowed = n_requests // _LATE_SHARE_INVERSE

        def served(n_replicas: int) -> Served | None:
            n_late, after_ns = self.late(i, before_ns, n_replicas, n_allowed)
            return None if n_late > n_allowed else Served(n_replicas, before_ns, after_ns)

        too_few, found = max(self.min_replicas, 1) - 1, None
        enough, most = too_few + 1, too_few + 1 + before_ns.size + n_requests
        while found is None:
            if too_few == most:
                raise RuntimeError(f"{most} replicas do not hold {n_requests} requests: every batch was to be in time when none waits")
            found = served(enough)
            if found is None:
                too_few, enough = enough, min(most, max(2 * enough, self._busy_replicas(n_requests)))
        while found.n_replicas - too_few > 1:
            middle = (too_few + found.n_replicas) // 2
            tried = served(middle)
            too_few, found = (middle, found) if tried is None else (too_few, tried)
        return found

    def with_replicas(self, i: int, before_ns: NDArray[np.int64], n_replicas: int) -> Served:
        """Return hour i with so many replicas, whether they hold or not."""
        return Served(n_replicas, before_ns, self.late(i, before_ns, n_replicas, None)[1])

    def serve_all(self, serve: Serve, n_threads: int | None = None) -> list[Served]:
        """Return every hour as `serve` has it, each going on where the one before left its replicas.

        All hours are served in parallel from idle replicas; then, in order, those whose first request may find a replica of the hour before
        still busy are served again from there. Idle replicas are alike, so that the others would be served as they were.
        """
        from kernels.chunks import run_in_order, starts_of_pieces, thread_count

        starts = starts_of_pieces(self.hour.size, _HOURS_PER_PIECE)
        pieces = run_in_order(
            lambda piece: [serve(i, _NOBODY) for i in range(starts[piece], starts[piece + 1])], len(starts) - 1, thread_count(n_threads)
        )
        found = [one for piece in pieces for one in piece]
        for i in range(1, self.hour.size):
            left = self._left_by(i - 1, found[i - 1].after_ns)
            if self._is_busy(left, i):
                found[i] = serve(i, left)
        return found

    def _idle_at_the_fewest(self, n_threads: int | None) -> list[Served | None]:
        """Return the hours that hold with as few replicas as there may be, all idle when it begins; None for the others."""
        least = max(self.min_replicas, 1)
        allowed = np.diff(self.borders) // _LATE_SHARE_INVERSE
        ranges = np.column_stack([self.borders[:-1], self.borders[1:]])
        free_ns = np.repeat((self.hour - self.hour[0])[:, np.newaxis] * _NS_PER_HOUR, least, axis=1)
        found = self._replay(ranges, list(free_ns), allowed, n_threads=n_threads)
        holds = (found.n_late <= allowed).tolist()
        return [Served(least, _NOBODY, free) if one else None for one, free in zip(holds, found.free_ns, strict=True)]

    def _replay(
        self,
        ranges: NDArray[np.int64],
        free_ns: list[NDArray[np.int64]],
        allowed: NDArray[np.int64] | None,
        latency_ns: NDArray[np.int64] | None = None,
        n_threads: int | None = 1,
    ) -> Replays:
        """Replay ranges of requests; `latency_ns` takes those from the first range's first on."""
        from kernels.replica_queue import replay_queues

        first = int(ranges[0, 0])
        own, origin_us = self.arrivals_us[first : int(ranges[-1, 1])], int(self.hour[0]) * _US_PER_HOUR
        wait = self.times.delay_ns, self.times.slo_ns
        return replay_queues(
            own, origin_us, ranges - first, free_ns, self.times.service_ns, *wait, allowed, latency_ns, n_threads=n_threads
        )

    def _left_by(self, i: int, after_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when the replicas that hour i leaves to the next one with requests are free; hours between keep only `min_replicas`."""
        is_next = self.hour[i + 1] == self.hour[i] + 1
        return after_ns if is_next else after_ns[max(0, after_ns.size - self.min_replicas) :]

    def _is_busy(self, free_ns: NDArray[np.int64], i: int) -> bool:
        return free_ns.size > 0 and int(free_ns[-1]) > self._start_ns(i)

    def _start_ns(self, i: int) -> int:
        return int(self.hour[i] - self.hour[0]) * _NS_PER_HOUR

    def _free_ns(self, i: int, before_ns: NDArray[np.int64], n_replicas: int) -> NDArray[np.int64]:
        """Return when each replica of hour i is free, ascending."""
        staying = before_ns[max(0, before_ns.size - n_replicas) :]
        new = np.full(n_replicas - staying.size, self._start_ns(i), np.int64)
        return np.sort(np.concatenate([new, staying]))

    def _busy_replicas(self, n_requests: int) -> int:
        """Return how many replicas are busy all the hour with so many requests in full batches."""
        sizes = np.arange(1, self.times.service_ns.size + 1)
        return ceil(n_requests * float((self.times.service_ns / sizes).min()) / _NS_PER_HOUR)
