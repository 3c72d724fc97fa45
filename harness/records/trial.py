"""What the meters leave of one warm-up, one trial and one comparison of speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EnergyReading:
    """Energy of one window in joules; `energy_j` is None where nothing could be read, and `reason` says why.

    Args:
        source: measured_counter | integrated_power | external_meter | estimated_tdp | unavailable.
        reason: no_nvml | not_supported | permission_denied | vm, or what broke off the reading; None when it was read.
        elapsed_s: of the window, from the first to the last reading of the counter; None where nothing was read.
        polled_j: what a poller of power integrated over the same window, for a cross-check; None without one.
        n_samples: of the poller.
        throttled_share: of these samples, those with a thermal slowdown, a power brake, or an SM clock under 75 % of its default; None
            without a poller.
        events: names of what slowed the clocks in any sample, sorted.
        max_temperature_c: of the device, highest in any sample; None where it was not read.
    """

    energy_j: float | None
    source: str
    reason: str | None
    elapsed_s: float | None = None
    polled_j: float | None = None
    n_samples: int = 0
    throttled_share: float | None = None
    events: tuple[str, ...] = ()
    max_temperature_c: int | None = None


@dataclass(frozen=True)
class SystemLoad:
    """What else went on beside one trial, from the counters of the system; None where the system does not tell.

    Args:
        cpu_time_s: CPU time of this process, user and system, all threads.
        others_share: CPU time of all other processes, as a share of what all usable cores could have given.
        steal_share: time that the hypervisor gave to other machines, as a share of the same.
    """

    cpu_time_s: float
    others_share: float | None
    steal_share: float | None


@dataclass(frozen=True)
class WarmUp:
    """The runs that were thrown away before the first trial.

    Args:
        first_run_s: the first of them.
        is_steady: whether throughput was steady at the end; None when nobody waited for that.
        windows_runs_per_s: runs per second in the last windows that were compared, in their order.
    """

    n_runs: int
    elapsed_s: float
    first_run_s: float
    is_steady: bool | None = None
    windows_runs_per_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One closed-loop trial of one operating point.

    Args:
        point: "offline" (back-to-back batches) or "single" (one request at a time).
        batch_rows: rows of each run.
        n_runs: runs that were completed.
        elapsed_s: from before the first run to after the last one.
        latencies_ns: int64 [n_distinct], the run times that came up, ascending: a minute of short runs is millions of
            them and some thousand different ones.
        latency_counts: int64 [n_distinct], how many runs took that time; their sum is n_runs.
        energy: energy of the same window.
        clock_went_back: the clock ran backwards, so no time in here can be believed.
        threads: of the session; None where it was not said.
        load: what else went on.
        block: number of its block, from 0; None where it was not said.
    """

    point: str
    batch_rows: int
    n_runs: int
    elapsed_s: float
    latencies_ns: NDArray[np.int64]
    latency_counts: NDArray[np.int64]
    energy: EnergyReading
    clock_went_back: bool = False
    threads: int | None = None
    load: SystemLoad | None = None
    block: int | None = None

    @property
    def rows_per_s(self) -> float:
        """Throughput; NaN when no time went by."""
        return self.n_runs * self.batch_rows / self.elapsed_s if self.elapsed_s > 0 else float("nan")


@dataclass(frozen=True)
class SpeedRatio:
    """Throughput of a challenger over the champion's, with its interval and the call that follows from it.

    Args:
        call: faster | slower | ambiguous.
        reason: why there is no interval, or None.
    """

    ratio: float
    low: float
    high: float
    n_blocks: int
    call: str
    reason: str | None = None
