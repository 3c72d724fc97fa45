from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pandas as pd
import pytest

from harness.records.load import LoadPoint
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.percentile import Percentile
from harness.records.trial import SpeedRatio
from harness.report.speed_frame import SPEED_COLUMNS, speed_csv, speed_frame

LATENCY = (
    Percentile(50.0, 1.25, 1.0, 1.5, 900, 11),
    Percentile(99.0, 9.5, 9.0, None, 900, 662),
    Percentile(99.9, None, None, None, 900, 6636),
)


def point(name: str = "offline", batch_rows: int = 64, speed: float = 1e5, **changes) -> OperatingPoint:
    base = OperatingPoint(name, batch_rows, 900, (speed, speed), speed, 0.75 * speed, 1.25 * speed, LATENCY, 2, (0, 1))
    return replace(base, **changes)


def measured(variant: str, *points: OperatingPoint, **changes) -> Measurement:
    base = Measurement(variant, "standard", "ok", None, "cpu", "AMD", 2, 0.5, 0.1, points, None, "unavailable", "vm", 7, 0.0)
    return replace(base, **changes)


def ratio_of(challenger: OperatingPoint, champion: OperatingPoint) -> SpeedRatio:
    ratio = challenger.throughput_rows_per_s / champion.throughput_rows_per_s
    return SpeedRatio(ratio, 0.9 * ratio, 1.1 * ratio, 2, "faster" if ratio > 1 else "slower")


CHAMPION = measured("logistic", point(), point("single", 1, 1e3))


def rows_of(*measurements: Measurement, champion: str | None = "logistic") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(speed_csv(measurements, champion, ratio_of))))


def test_the_columns_stand_in_this_order():
    percentiles = [f"{p}{b}_ms" for p in ("p50", "p90", "p95", "p99", "p999") for b in ("", "_low", "_high")]
    wanted = [
        *["variant", "point", "batch_rows", "threads", "n_requests", "throughput_rows_per_s", "throughput_low", "throughput_high"],
        *percentiles,
        *["energy_j_per_1k", "active_j_per_1k", "cpu_s_per_1k", "status", "reason"],
        *["speed_vs_champion", "speed_vs_champion_low", "speed_vs_champion_high", "speed_call", "generator", "rate_per_s", "late_share"],
    ]
    assert list(SPEED_COLUMNS) == wanted
    assert speed_csv([], None, ratio_of).splitlines() == [",".join(wanted)]
    assert list(speed_frame([], None, ratio_of).columns) == wanted


def test_one_row_per_variant_and_point():
    rows = rows_of(CHAMPION, measured("gbdt", point(speed=2e5), point(batch_rows=8)))
    assert [(r["variant"], r["point"], r["batch_rows"], r["threads"]) for r in rows] == [
        ("logistic", "offline", "64", "2"),
        ("logistic", "single", "1", "2"),
        ("gbdt", "offline", "64", "2"),
        ("gbdt", "offline", "8", "2"),
    ]
    first = rows[0]
    assert [first[c] for c in ("n_requests", "throughput_rows_per_s", "throughput_low", "throughput_high")] == [
        "900",
        "100000.0",
        "75000.0",
        "125000.0",
    ]
    assert [first[c] for c in ("p50_ms", "p50_low_ms", "p50_high_ms", "p99_ms", "p99_low_ms")] == ["1.25", "1.0", "1.5", "9.5", "9.0"]


def test_what_was_not_measured_is_empty_and_what_is_not_defined_is_nan():
    alone = point(throughput_low=math.nan, throughput_high=math.nan, energy_j_per_1k=0.5, threads=None)
    (row,) = rows_of(measured("m", alone))
    assert [row[c] for c in ("throughput_low", "throughput_high", "energy_j_per_1k")] == ["NaN", "NaN", "0.5"]
    for name in ("p90_ms", "p999_ms", "p99_high_ms", "active_j_per_1k", "cpu_s_per_1k", "threads", "reason", "speed_call", "rate_per_s"):
        assert row[name] == ""


def test_speed_is_compared_with_the_champion_at_the_same_point_only():
    rows = rows_of(
        CHAMPION, measured("gbdt", point(speed=2e5), point(batch_rows=8), point("single", 1, 1e2), point("single", 1, threads=1))
    )
    found = [(r["speed_vs_champion"], r["speed_vs_champion_low"], r["speed_call"]) for r in rows]
    assert found == [
        ("", "", ""),
        ("", "", ""),
        ("2.0", "1.8", "faster"),
        ("", "", ""),
        ("0.1", "0.09000000000000001", "slower"),
        ("", "", ""),
    ]
    assert {r["speed_call"] for r in rows_of(CHAMPION, measured("gbdt", point()), champion=None)} == {""}
    assert {r["speed_call"] for r in rows_of(measured("gbdt", point()), champion="gone")} == {""}


def test_loads_are_rows_of_their_own():
    load = LoadPoint("poisson", "loadgen", 50.0, 3, 400, 6, LATENCY, "invalid", "late sends")
    offline, poisson = rows_of(measured("m", point(), loads=(load,)))
    assert (poisson["point"], poisson["generator"], poisson["rate_per_s"], poisson["late_share"]) == ("poisson", "loadgen", "50.0", "0.015")
    assert (poisson["p50_ms"], poisson["n_requests"], poisson["status"], poisson["reason"]) == ("1.25", "400", "invalid", "late sends")
    assert (poisson["batch_rows"], poisson["throughput_rows_per_s"], offline["generator"], offline["status"]) == ("", "", "", "ok")
    (_, none) = rows_of(measured("m", point(), loads=(replace(load, n_requests=0, n_late=0),)))
    assert none["late_share"] == "NaN"


@pytest.mark.parametrize(
    ("own", "whole", "shown"),
    [
        (("ok", None), ("ok", None), ("ok", "")),
        (("noisy", "own"), ("noisy", "whole"), ("noisy", "own")),
        (("ok", None), ("noisy", "whole"), ("noisy", "whole")),
        (("noisy", "own"), ("invalid", "whole"), ("invalid", "whole")),
        (("invalid", "own"), ("noisy", "whole"), ("invalid", "own")),
    ],
)
def test_a_row_shows_the_worse_status_with_its_reason(own, whole, shown):
    (row,) = rows_of(measured("m", point(status=own[0], reason=own[1]), status=whole[0], reason=whole[1]))
    assert (row["status"], row["reason"]) == shown


def test_a_variant_that_was_not_measured_keeps_a_row_with_the_reason():
    (row,) = rows_of(measured("prod", status="not_measured", reason="its score stands in the log"))
    assert (row["variant"], row["point"], row["status"], row["reason"]) == ("prod", "", "not_measured", "its score stands in the log")


def test_the_frame_says_the_same_as_the_text():
    load = LoadPoint("log", "harness", 50.0, 3, 400, 6, LATENCY, "ok", None)
    measurements = [
        CHAMPION,
        measured("gbdt", point(speed=2e5, cpu_s_per_1k=0.5), loads=(load,)),
        measured("prod", status="not_measured", reason="r"),
    ]
    frame = speed_frame(measurements, "logistic", ratio_of)
    assert {name: str(frame[name].dtype) for name in ("batch_rows", "threads", "n_requests", "p99_ms", "speed_vs_champion")} == {
        "batch_rows": "Int64",
        "threads": "Int64",
        "n_requests": "Int64",
        "p99_ms": "float64",
        "speed_vs_champion": "float64",
    }
    text = pd.read_csv(io.StringIO(speed_csv(measurements, "logistic", ratio_of)), keep_default_na=True)
    for name in SPEED_COLUMNS:
        assert (frame[name].isna().to_numpy() == text[name].isna().to_numpy()).all(), name
        there = frame[name].notna().to_numpy()
        assert frame[name][there].tolist() == text[name][there].tolist()


def test_speed_is_compared_only_with_a_champion_that_was_timed_in_the_same_run():
    champion = replace(CHAMPION, set_identity="run 1")
    same, other = (replace(measured("gbdt", point(speed=2e5)), set_identity=identity) for identity in ("run 1", "run 2"))
    assert rows_of(champion, same)[-1]["speed_call"] == "faster"
    assert rows_of(champion, other)[-1]["speed_call"] == ""
