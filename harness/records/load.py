"""Requests that come when they come: schedules of arrivals, runs under them, and what they leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.records.percentile import Percentile


@dataclass(frozen=True)
class Schedule:
    """When requests are to be sent, whatever became of the ones before (an open loop).

    Args:
        kind: poisson | log.
        send_ns: int64 [n_requests], nanoseconds after the start, ascending.
        rate_per_s: mean rate that was asked for (poisson), or that the log has after its speed-up (log).
        start_us: of a log: when the stretch that is replayed begins, in the log's own time; None for drawn arrivals.
    """

    kind: str
    send_ns: NDArray[np.int64]
    rate_per_s: float
    start_us: int | None = None


@dataclass(frozen=True)
class LoadTrial:
    """One run of a model under a schedule, one request at a time.

    Args:
        generator: harness | loadgen.
        n_late: sends that were more than the tolerance later than scheduled, for another reason than a busy model.
        elapsed_s: from the start to the last completion.
        latencies_ns: int64 [n_requests], completion minus *scheduled* time, in the order of the schedule.
        clock_went_back: the clock ran backwards, so no time in here can be believed.
        n_unserved: requests that were never sent because the trial took longer than it was allowed to: an overload.
    """

    kind: str
    generator: str
    rate_per_s: float
    n_late: int
    elapsed_s: float
    latencies_ns: NDArray[np.int64]
    clock_went_back: bool = False
    n_unserved: int = 0

    @property
    def n_requests(self) -> int:
        """Requests that were completed."""
        return int(self.latencies_ns.size)


@dataclass(frozen=True)
class LoadPoint:
    """Latency of one variant under one schedule, over independent trials.

    Args:
        rate_per_s: offered, mean over the trials.
        n_requests, n_late: over all trials.
        latency: percentiles: the mean of the trials' percentiles, with Student's t over the trials (queueing makes the latencies within
            one trial dependent).
        status: ok | invalid.
        reason: why it is invalid; None else.
    """

    kind: str
    generator: str
    rate_per_s: float
    n_trials: int
    n_requests: int
    n_late: int
    latency: tuple[Percentile, ...]
    status: str
    reason: str | None


@dataclass(frozen=True)
class RateLimit:
    """The highest rate of Poisson arrivals whose p99 holds a service level.

    Args:
        slo_ms: the p99 that is allowed.
        rate_per_s: the highest rate that held it; None where none did, or it was not searched.
        p99_ms: at that rate.
        n_tried: rates that were tried.
        reason: why there is no rate, or what the figure does not say; None else.
    """

    slo_ms: float
    rate_per_s: float | None
    p99_ms: float | None
    n_tried: int
    reason: str | None
