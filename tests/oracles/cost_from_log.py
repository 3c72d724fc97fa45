"""Cost of serving a log, minute by minute, from the definition: slow and obvious."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil


def cost_from_log(
    timestamps_us: list[int], rows_per_request: int, rows_per_s: int, target: Fraction, min_replicas: int, per_hour: Fraction
) -> tuple[float, int, float]:
    """Return the cost per 1,000 predictions, the most replicas, and the share of the bought capacity that is used."""
    rows_of_minute = Counter(t // 60_000_000 for t in timestamps_us)
    minutes = range(min(rows_of_minute), max(rows_of_minute) + 1)
    spent, capacity, peak = Fraction(0), Fraction(0), 0
    for minute in minutes:
        hour = minute // 60
        replicas = min_replicas
        for other in range(hour * 60, hour * 60 + 60):
            requests = Fraction(rows_of_minute[other], rows_per_request)
            replicas = max(replicas, ceil(requests / 60 * rows_per_request / (rows_per_s * target)))
        spent += replicas * per_hour / 60
        capacity += replicas * 60 * rows_per_s
        peak = max(peak, replicas)
    n = len(timestamps_us)
    return float(spent * 1000 / n), peak, float(n / capacity)
