"""One operating point by its definition: from the single runs of each trial, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean, stdev

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Runs:
    """Every run of one trial: its time in milliseconds; the trial's seconds, joules and CPU seconds."""

    run_ms: tuple[float, ...]
    seconds: float
    joules: float
    cpu_s: float


def throughput(trials: Sequence[Runs], batch_rows: int, confidence: float) -> tuple[float, float, float]:
    """Return the geometric mean of rows per second, and the bounds of its interval."""
    speeds = [len(t.run_ms) * batch_rows / t.seconds for t in trials]
    half = stats.t.ppf((1 + confidence) / 2, len(speeds) - 1) * stdev(np.log(speeds)) / len(speeds) ** 0.5
    centre = geometric_mean(speeds)
    return centre, centre / np.exp(half), centre * np.exp(half)


def percentile_ms(trials: Sequence[Runs], q: float) -> float:
    """Return the type-7 quantile of the runs of all trials."""
    return float(np.percentile([ms for t in trials for ms in t.run_ms], q))


def per_1k(trials: Sequence[Runs], batch_rows: int, idle_w: float) -> tuple[float, float, float]:
    """Return joules, joules above idle, and CPU seconds, each of 1,000 rows."""
    total = active = cpu_s = n_rows = 0.0
    for t in trials:
        total += t.joules
        active += t.joules - idle_w * t.seconds
        cpu_s += t.cpu_s
        n_rows += len(t.run_ms) * batch_rows
    return 1000 * total / n_rows, 1000 * active / n_rows, 1000 * cpu_s / n_rows
