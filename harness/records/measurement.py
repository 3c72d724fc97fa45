"""What the speed phase leaves of one variant."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.load import LoadPoint, RateLimit
from harness.records.percentile import Percentile

DECIDING_PROTOCOLS = ("standard", "long")  # a gate decides nothing on a quick or shortened measurement


@dataclass(frozen=True)
class OperatingPoint:
    """One way of running a model: `offline` (back-to-back batches) or `single` (one request at a time), at one batch size and thread count.

    Args:
        n_requests: runs over all kept trials.
        trial_rows_per_s: throughput of each kept trial, in the order of the blocks.
        throughput_rows_per_s: their geometric mean, with the Student t interval of the mean log throughput.
        latency: percentiles over the runs of all trials: of a request (`single`), or of a batch (`offline`).
        threads: of the session; None where it was not said.
        blocks: number of the block of each kept trial, from 0: what two variants are paired by.
        trial_j_per_1k: energy of each kept trial, joules per 1,000 rows; empty where one of them was not read.
        energy_j_per_1k: of all kept trials together; None where it was not read.
        active_j_per_1k: what is left of it without the idle power; None where either was not read.
        cpu_s_per_1k: CPU time of the process per 1,000 rows; None where it was not read.
        status: ok | noisy | invalid of this point alone.
    """

    name: str
    batch_rows: int
    n_requests: int
    trial_rows_per_s: tuple[float, ...]
    throughput_rows_per_s: float
    throughput_low: float
    throughput_high: float
    latency: tuple[Percentile, ...]
    threads: int | None = None
    blocks: tuple[int, ...] = ()
    trial_j_per_1k: tuple[float, ...] = ()
    energy_j_per_1k: float | None = None
    active_j_per_1k: float | None = None
    cpu_s_per_1k: float | None = None
    status: str = "ok"
    reason: str | None = None
    energy_source: str = "unavailable"

    def percentile(self, q: float) -> Percentile | None:
        """Return one latency percentile, or None when it was not computed."""
        return next((p for p in self.latency if p.q == q), None)


@dataclass(frozen=True)
class Gpu:
    """One card as NVML describes it; None where the card does not tell."""

    uuid: str
    name: str
    memory_bytes: int | None
    power_limit_w: float | None
    sm_clock_mhz: int | None
    default_sm_clock_mhz: int | None
    ecc: bool | None
    mig: bool | None
    compute_capability: str | None
    foreign_pids: tuple[int, ...] = ()
    used_bytes: int | None = None  # of its memory, by all processes


@dataclass(frozen=True)
class ProviderCheck:
    """Where the nodes of a graph ran, from one profiled run.

    Args:
        asked: execution provider that was asked for, as CPUExecutionProvider.
        first: the first one of the session; another one than asked is a silent fall-back.
        n_nodes: nodes that ran.
        node_share: of them, those on the provider that was asked for; NaN when none ran.
        node_time_share: of the time of all nodes, that on the provider that was asked for.
        elsewhere: op types that ran on another one, sorted.
    """

    asked: str
    first: str
    n_nodes: int
    node_share: float
    node_time_share: float
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """What the speed phase ran on."""

    cpu_model: str
    cpu_flags: tuple[str, ...]
    n_cores: int
    memory_bytes: int
    os: str
    governor: str | None
    affinity: tuple[int, ...]
    load_1min: float
    versions: tuple[tuple[str, str], ...]
    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None  # of the cards
    gpu_reason: str | None = None  # why no card is described: no_nvml, not_supported, permission_denied


@dataclass(frozen=True)
class Measurement:
    """Speed and energy of one variant.

    Args:
        status: ok | noisy | invalid | not_measured, with the reason. What was not measured is None.
        energy_j_per_1k: of the fastest offline point; every point has its own.
        idle_w: power with nothing running, mean of before and after all trials.
        provider: where the nodes ran.
        loads: open-loop runs.
        rate_limit: the highest rate that holds the service level; None where none was asked for.
        n_discarded: trials that were throttled and run again.
        remarks: what a reader has to know of the figures besides the status, one clause each.
        card: the one that it was timed on, by model and UUID; None on the CPU.
    """

    variant: str
    protocol: str
    status: str
    reason: str | None
    device: str
    measured_on: str | None
    threads: int | None
    cold_start_s: float | None
    first_run_s: float | None
    points: tuple[OperatingPoint, ...]
    energy_j_per_1k: float | None
    energy_source: str
    energy_reason: str | None
    crosscheck_rows: int
    crosscheck_max_difference: float | None
    set_identity: str | None = None
    idle_w: float | None = None
    provider: ProviderCheck | None = None
    loads: tuple[LoadPoint, ...] = ()
    rate_limit: RateLimit | None = None
    n_discarded: int = 0
    remarks: tuple[str, ...] = ()
    card: str | None = None

    def point(self, name: str) -> OperatingPoint | None:
        """Return the operating point of that name, or None when it was not measured; of several offline ones the fastest."""
        return max((p for p in self.points if p.name == name), key=lambda p: p.throughput_rows_per_s, default=None)
