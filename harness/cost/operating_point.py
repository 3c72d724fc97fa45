"""Which of the measured ways of running a model is priced, and how long its batches take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.cost.service_times import ServiceTimes
from harness.records.conf import Deploy
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.percentile import Percentile

_P99 = 99.0


def chosen_point(measurement: Measurement, deploy: Deploy, slo_ms: float | None) -> tuple[OperatingPoint | None, str | None]:
    """Return the operating point that a deployment runs at, or why there is none.

    With a service level: the largest batch whose p99 is at most `slo_ms`, the fastest of several; a single request is a
    batch like others, and a p99 that is not known holds nothing. Without one: the fastest `offline` point. Points that
    are invalid by themselves are not used. `deploy.threads` and `deploy.batch_rows` narrow the choice to what they name
    where that was measured, and do nothing where it was not: `not_as_deployed` says so.

    Parameters
    ----------
    measurement : Measurement
        Its operating points.
    deploy : Deploy
        Batch size and thread count; None leaves them free.
    slo_ms : float, optional
        The p99 of a batch that is allowed, milliseconds.

    Returns
    -------
    tuple of (OperatingPoint or None, str or None)
        One of them is None.

    Examples
    --------
    >>> def point(rows, p99_ms):
    ...     return OperatingPoint("offline", rows, 900, (), rows / p99_ms, 0.0, 0.0, (Percentile(99.0, p99_ms, None, None, 900, 662),))
    >>> points = (point(8, 2.0), point(64, 9.0))
    >>> both = Measurement("m", "long", "ok", None, "cpu", None, None, None, None, points, None, "unavailable", "vm", 0, None)
    >>> [chosen_point(both, Deploy(), slo_ms)[0].batch_rows for slo_ms in (None, 9.0, 8.9)]
    [64, 64, 8]
    >>> chosen_point(both, Deploy(), 1.0)[1]
    'no batch holds slo_ms 1: the best p99 is 2 ms, of batches of 8 rows'
    """
    points = _narrowed([p for p in measurement.points if p.status != "invalid"], deploy)
    if slo_ms is not None:
        return _holding(points, slo_ms)
    offline = [p for p in points if p.name == "offline"] or [p for p in points if p.batch_rows == deploy.batch_rows]
    if not offline:
        return None, "the operating point 'offline' was not measured"
    return max(offline, key=lambda p: p.throughput_rows_per_s), None


def not_as_deployed(point: OperatingPoint, deploy: Deploy) -> str | None:
    """Say which of `deploy.batch_rows` and `deploy.threads` the priced point does not have, since it was not measured."""
    wanted = (("batch_rows", deploy.batch_rows, point.batch_rows), ("threads", deploy.threads, point.threads))
    missed = [f"deploy.{key} {value} was not measured" for key, value, found in wanted if value is not None and value != found]
    return "; ".join(missed) or None


def passed_over(measurement: Measurement, point: OperatingPoint, deploy: Deploy, slo_ms: float | None) -> str | None:
    """Say which larger batches were not chosen because too few of them were run for a p99: whether they hold the service level is not known."""
    if slo_ms is None:
        return None
    larger = [p for p in _narrowed(measurement.points, deploy) if p.batch_rows > point.batch_rows and _p99_ms(p) is None]
    sizes = ", ".join(str(p.batch_rows) for p in sorted(larger, key=lambda p: p.batch_rows))
    return (
        f"batches of {sizes} rows have too few runs for a p99, so that it is not known whether they hold slo_ms {slo_ms:g}"
        if larger
        else None
    )


def service_times(measurement: Measurement, point: OperatingPoint) -> ServiceTimes:
    """Return how long a replica at an operating point takes for a batch of each size that was measured with its threads.

    Formula: batch_rows / throughput of each point. Of two points of one size, that of `point` counts, else the slower.

    Parameters
    ----------
    measurement : Measurement
        All points.
    point : OperatingPoint
        The one that was chosen: its batch size is the largest that a replica forms.
    """
    seconds: dict[int, float] = {}
    for p in measurement.points:
        if p.threads == point.threads and p.status != "invalid":
            seconds[p.batch_rows] = max(seconds.get(p.batch_rows, 0.0), p.batch_rows / p.throughput_rows_per_s)
    seconds[point.batch_rows] = point.batch_rows / point.throughput_rows_per_s
    sizes = sorted(seconds)
    return ServiceTimes(np.array(sizes, np.int64), np.array([seconds[size] for size in sizes]), point.batch_rows)


def _narrowed(points: Sequence[OperatingPoint], deploy: Deploy) -> Sequence[OperatingPoint]:
    points = [p for p in points if p.threads == deploy.threads] or points
    return [p for p in points if p.batch_rows == deploy.batch_rows] or points


def _holding(points: Sequence[OperatingPoint], slo_ms: float) -> tuple[OperatingPoint | None, str | None]:
    known = [(p, p99_ms) for p in points if (p99_ms := _p99_ms(p)) is not None]
    holding = [p for p, p99_ms in known if p99_ms <= slo_ms]
    if holding:
        return max(holding, key=lambda p: (p.batch_rows, p.throughput_rows_per_s)), None
    if known:
        best, best_ms = min(known, key=lambda pair: pair[1])
        return None, f"no batch holds slo_ms {slo_ms:g}: the best p99 is {best_ms:.3g} ms, of {batches(best)}"
    return None, f"no batch is known to hold slo_ms {slo_ms:g}: {_too_few(points)}"


def batches(point: OperatingPoint) -> str:
    """Name an operating point: `batches of 4096 rows`, with its threads where they are known."""
    rows = f"{point.batch_rows} row{'s' if point.batch_rows != 1 else ''}"
    size = f"single requests of {rows}" if point.name == "single" else f"batches of {rows}"
    return size if point.threads is None else f"{size} on {point.threads} thread{'s' if point.threads != 1 else ''}"


def _p99_ms(point: OperatingPoint) -> float | None:
    p99 = point.percentile(_P99)
    return None if p99 is None else p99.value_ms


def _too_few(points: Sequence[OperatingPoint]) -> str:
    known = [p99 for point in points if (p99 := point.percentile(_P99)) is not None]
    if not known:
        return "no p99 was measured"
    most: Percentile = max(known, key=lambda p99: p99.n)
    return f"a p99 needs {most.n_needed} runs, and at most {most.n} of a batch were measured"
