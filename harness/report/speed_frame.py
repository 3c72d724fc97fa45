"""`speed.csv`: one row per variant and operating point, and one per open-loop load."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from harness.records.load import LoadPoint
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.percentile import Percentile
from harness.records.trial import SpeedRatio

RatioOf = Callable[[OperatingPoint, OperatingPoint], SpeedRatio]
Value = str | float | int | None

_PERCENTILES = {50.0: "p50", 90.0: "p90", 95.0: "p95", 99.0: "p99", 99.9: "p999"}
_BOUNDS = ("", "_low", "_high")
SPEED_COLUMNS = (
    "variant",
    "point",
    "batch_rows",
    "threads",
    "n_requests",
    *(f"throughput_{part}" for part in ("rows_per_s", "low", "high")),
    *(f"{name}{bound}_ms" for name in _PERCENTILES.values() for bound in _BOUNDS),
    "energy_j_per_1k",
    "active_j_per_1k",
    "cpu_s_per_1k",
    "status",
    "reason",
    *(f"speed_vs_champion{bound}" for bound in _BOUNDS),
    "speed_call",
    "generator",
    "rate_per_s",
    "late_share",
)
_WHOLE = ("batch_rows", "threads", "n_requests")
_TEXT = ("variant", "point", "status", "reason", "speed_call", "generator")
_ORDER = ("ok", "noisy", "invalid", "not_measured")


def speed_frame(measurements: Sequence[Measurement], champion: str | None, ratio_of: RatioOf) -> pd.DataFrame:
    """Return the table of `speed.csv`; figures that were not measured are missing values, as undefined ones are.

    Parameters
    ----------
    measurements : sequence of Measurement
        One per variant, in the order of the rows.
    champion : str, optional
        The variant that the others' speed is compared with, at the same point, batch size and thread count, where both were timed in one run.
    ratio_of : callable
        Compares the operating point of a challenger with the champion's.

    Returns
    -------
    DataFrame
        Columns `SPEED_COLUMNS`. Rows of a variant: its operating points in their order, then its loads, whose point is the kind of the
        schedule (poisson, log); a variant without either has one row with its reason. The status of a row is the worse of the
        point's and the variant's, with its reason.
    """
    columns = {name: [row.get(name) for row in _rows(measurements, champion, ratio_of)] for name in SPEED_COLUMNS}
    return pd.DataFrame({name: pd.Series(values, dtype=_dtype(name)) for name, values in columns.items()})


def speed_csv(measurements: Sequence[Measurement], champion: str | None, ratio_of: RatioOf) -> str:
    """Return the text of `speed.csv`: an empty field was not measured, NaN is not defined. Parameters are those of `speed_frame`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SPEED_COLUMNS)
    for row in _rows(measurements, champion, ratio_of):
        writer.writerow([_field(row.get(name)) for name in SPEED_COLUMNS])
    return out.getvalue()


def _rows(measurements: Sequence[Measurement], champion: str | None, ratio_of: RatioOf) -> list[dict[str, Value]]:
    own = next((m for m in measurements if m.variant == champion), None)
    rows = list[dict[str, Value]]()
    for m in measurements:
        together = own is not None and m is not own and m.set_identity == own.set_identity  # blocks of one run, which pair
        theirs = {_key(p): p for p in own.points} if own is not None and together else {}
        points = [_point(p) | _ratio(p, theirs.get(_key(p)), ratio_of) | _status(m, p) for p in m.points]
        found = [*points, *(_load(load) | _status(m, load) for load in m.loads)]
        alone: dict[str, Value] = {"status": m.status, "reason": m.reason}
        rows += [{"variant": m.variant, **row} for row in found or [alone]]
    return rows


def _key(point: OperatingPoint) -> tuple[str, int, int | None]:
    return point.name, point.batch_rows, point.threads


def _point(point: OperatingPoint) -> dict[str, Value]:
    return {
        "point": point.name,
        "batch_rows": point.batch_rows,
        "threads": point.threads,
        "n_requests": point.n_requests,
        "throughput_rows_per_s": point.throughput_rows_per_s,
        "throughput_low": point.throughput_low,
        "throughput_high": point.throughput_high,
        **_latency(point.latency),
        "energy_j_per_1k": point.energy_j_per_1k,
        "active_j_per_1k": point.active_j_per_1k,
        "cpu_s_per_1k": point.cpu_s_per_1k,
    }


def _load(load: LoadPoint) -> dict[str, Value]:
    return {
        "point": load.kind,
        "n_requests": load.n_requests,
        **_latency(load.latency),
        "generator": load.generator,
        "rate_per_s": load.rate_per_s,
        "late_share": load.n_late / load.n_requests if load.n_requests else float("nan"),
    }


def _latency(latency: Sequence[Percentile]) -> dict[str, Value]:
    found = {p.q: (p.value_ms, p.low_ms, p.high_ms) for p in latency}
    return {
        f"{name}{bound}_ms": value
        for q, name in _PERCENTILES.items()
        for bound, value in zip(_BOUNDS, found.get(q, (None, None, None)), strict=True)
    }


def _ratio(point: OperatingPoint, champion: OperatingPoint | None, ratio_of: RatioOf) -> dict[str, Value]:
    if champion is None:
        return {}
    found = ratio_of(point, champion)
    ratio, low, high = (f"speed_vs_champion{bound}" for bound in _BOUNDS)
    return {ratio: found.ratio, low: found.low, high: found.high, "speed_call": found.call}


def _status(measurement: Measurement, own: OperatingPoint | LoadPoint) -> dict[str, Value]:
    worse = max((own, measurement), key=lambda one: _ORDER.index(one.status))  # of equals the first: the point's own reason
    return {"status": worse.status, "reason": worse.reason}


def _dtype(column: str) -> Any:
    if column in _WHOLE:
        return "Int64"
    return object if column in _TEXT else "float64"


def _field(value: Value) -> Value:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value
