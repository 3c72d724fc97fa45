"""What the speed phase leaves of one variant."""

from __future__ import annotations

from dataclasses import dataclass

DECIDING_PROTOCOLS = ("standard", "long")  # a gate decides nothing on a quick or shortened measurement


@dataclass(frozen=True)
class Percentile:
    """One latency percentile in milliseconds with its interval; `value_ms` is None below the minimum n."""

    q: float
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    n: int
    n_needed: int


@dataclass(frozen=True)
class OperatingPoint:
    """One way of running a model: `offline` (back-to-back batches) or `single` (one request at a time).

    Args:
        trial_rows_per_s: throughput of each kept trial.
        throughput_rows_per_s: their mean, with the Student t interval of the mean log throughput.
        latency: percentiles over the requests of all trials.
    """

    name: str
    batch_rows: int
    n_requests: int
    trial_rows_per_s: tuple[float, ...]
    throughput_rows_per_s: float
    throughput_low: float
    throughput_high: float
    latency: tuple[Percentile, ...]


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


@dataclass(frozen=True)
class Measurement:
    """Speed and energy of one variant.

    `status` is ok | noisy | invalid | not_measured, with the reason. What was not measured is None.
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

    def point(self, name: str) -> OperatingPoint | None:
        """Return the operating point of that name, or None when it was not measured."""
        return next((p for p in self.points if p.name == name), None)
