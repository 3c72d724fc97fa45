"""One percentile of latency."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Percentile:
    """One latency percentile in milliseconds with its interval; `value_ms` is None below the minimum n."""

    q: float
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    n: int
    n_needed: int
