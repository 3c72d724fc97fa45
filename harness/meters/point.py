"""From the trials of one operating point to its figures: throughput, latency, energy and CPU time, each with what it was taken from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.meters.energy_summary import PointEnergy
from harness.meters.percentiles import latency_percentiles
from harness.records.measurement import OperatingPoint
from harness.records.trial import Trial

POINTS = ("offline", "single")
MIN_TRIALS = 2  # below it there is no interval


@dataclass(frozen=True)
class PointKey:
    """What tells one operating point from another: its name, the rows of a batch, and the threads of the session."""

    name: str
    batch_rows: int
    threads: int | None


def by_point(trials: Sequence[Trial]) -> dict[PointKey, list[Trial]]:
    """Return the trials of each operating point, offline before single, then by threads and rows of a batch.

    The trials of a point keep their order.

    Examples
    --------
    >>> from harness.records.trial import EnergyReading
    >>> one, unread = np.array([1]), EnergyReading(None, "unavailable", "vm")
    >>> trials = [Trial(name, rows, 1, 1.0, one, one, unread) for name, rows in (("single", 1), ("offline", 64), ("offline", 8), ("single", 1))]
    >>> [(key.name, key.batch_rows, len(own)) for key, own in by_point(trials).items()]
    [('offline', 8, 1), ('offline', 64, 1), ('single', 1, 2)]
    """
    found: dict[PointKey, list[Trial]] = {}
    for trial in trials:
        found.setdefault(PointKey(trial.point, trial.batch_rows, trial.threads), []).append(trial)
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def label_of(key: PointKey, keys: Collection[PointKey]) -> str:
    """Name an operating point in a message: by its name alone where that tells it from the others.

    Examples
    --------
    >>> few, many = PointKey("offline", 64, 2), PointKey("offline", 4096, 2)
    >>> label_of(few, [few]), label_of(many, [few, many])
    ('offline', 'offline (batches of 4096)')
    """
    same = [other for other in keys if other.name == key.name]
    parts = []
    if len({other.batch_rows for other in same}) > 1:
        parts.append(f"batches of {key.batch_rows}")
    if len({other.threads for other in same}) > 1:
        parts.append(threads_text(key.threads))
    return f"{key.name} ({', '.join(parts)})" if parts else key.name


def threads_text(threads: int | None) -> str:
    """Write a number of threads.

    Examples
    --------
    >>> threads_text(1), threads_text(4), threads_text(None)
    ('1 thread', '4 threads', 'threads unknown')
    """
    if threads is None:
        return "threads unknown"
    return f"{threads} thread{'s' if threads != 1 else ''}"


def is_usable(trial: Trial) -> bool:
    """Say whether the times of a trial can be believed: its clock ran forwards, and moved."""
    return not trial.clock_went_back and trial.elapsed_s > 0


def throughput_interval(trial_rows_per_s: NDArray[np.float64], confidence: float) -> tuple[float, float, float]:
    """Return the throughput of a set of trials with its interval.

    Formula: exp(mean(log x)), and exp(mean(log x) ± t(n-1) · s(log x) / √n): the geometric mean is the centre of the
    interval. Undefined when n < 2: both bounds are NaN.

    Examples
    --------
    >>> [round(x, 1) for x in throughput_interval(np.array([90.0, 100.0, 110.0]), 0.95)]
    [99.7, 77.7, 127.9]
    """
    logs = np.log(trial_rows_per_s)
    centre = float(logs.mean())
    if logs.size < MIN_TRIALS:
        return float(np.exp(centre)), float("nan"), float("nan")
    half = float(stats.t.ppf((1.0 + confidence) / 2.0, logs.size - 1) * logs.std(ddof=1) / np.sqrt(logs.size))
    return float(np.exp(centre)), float(np.exp(centre - half)), float(np.exp(centre + half))


def operating_point(key: PointKey, trials: Sequence[Trial], energy: PointEnergy, confidence: float) -> OperatingPoint | None:
    """Summarise one operating point; None when none of its trials can be used.

    Parameters
    ----------
    key : PointKey
        Which point.
    trials : sequence of Trial
        All its trials, in the order of their blocks. Where a trial carries no number of its block, its place in here is that number.
    energy : PointEnergy
        Of the trials that can be used.
    confidence : float
        Of the two-sided intervals.

    Returns
    -------
    OperatingPoint
        Its status is not judged yet.
    """
    numbers = _block_numbers(trials)
    kept = [(block, trial) for block, trial in zip(numbers, trials, strict=True) if is_usable(trial)]
    if not kept:
        return None
    blocks, usable = zip(*kept, strict=True)
    speeds = np.array([t.rows_per_s for t in usable])
    throughput, low, high = throughput_interval(speeds, confidence)
    latencies_ns, counts = (np.concatenate([getattr(t, name) for t in usable]) for name in ("latencies_ns", "latency_counts"))
    return OperatingPoint(
        name=key.name,
        batch_rows=key.batch_rows,
        n_requests=sum(t.n_runs for t in usable),
        trial_rows_per_s=tuple(speeds.tolist()),
        throughput_rows_per_s=throughput,
        throughput_low=low,
        throughput_high=high,
        latency=latency_percentiles(latencies_ns, confidence, counts=counts),
        threads=key.threads,
        blocks=tuple(blocks),
        trial_j_per_1k=energy.trial_j_per_1k,
        energy_j_per_1k=energy.j_per_1k,
        active_j_per_1k=energy.active_j_per_1k,
        cpu_s_per_1k=_cpu_s_per_1k(usable),
        energy_source=energy.source,
    )


def _order(key: PointKey) -> tuple[int, str, int, int]:
    known = POINTS.index(key.name) if key.name in POINTS else len(POINTS)
    return known, key.name, key.threads or 0, key.batch_rows


def _block_numbers(trials: Sequence[Trial]) -> list[int]:
    said = [t.block for t in trials if t.block is not None]
    return said if len(said) == len(trials) else list(range(len(trials)))


def _cpu_s_per_1k(trials: Sequence[Trial]) -> float | None:
    loads = [t.load for t in trials if t.load is not None]
    if len(loads) < len(trials):
        return None
    return 1000.0 * sum(load.cpu_time_s for load in loads) / sum(t.n_runs * t.batch_rows for t in trials)
