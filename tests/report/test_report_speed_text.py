from __future__ import annotations

import io
import math
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from harness.records.load import RateLimit
from harness.records.measurement import OperatingPoint, ProviderCheck
from harness.records.trial import SpeedRatio
from harness.report.comparison_files import comparison_csv, comparison_frame
from harness.report.numbers import count, percent
from harness.report.speed_text import speed_lines
from harness.report.table import render

POINT = OperatingPoint(
    "offline", 512, 90, (9e5,), 9e5, 8e5, 1e6, (), threads=1, energy_j_per_1k=4.0, active_j_per_1k=3.0, energy_source="measured_counter"
)


def test_energy_says_its_source_and_idle_share(comparison, row, measured) -> None:
    counted = measured("a", energy_j_per_1k=9.0, energy_source="measured_counter")
    priced = row("a", measurement=counted, operating_point=POINT)
    other = replace(POINT, energy_j_per_1k=9.0, active_j_per_1k=None)
    plain = row("b", measurement=replace(counted, variant="b", points=(other,)))
    assert list(speed_lines(comparison(priced, plain, row("c")))) == [
        "energy: a 4 J per 1k (measured_counter, idle share 25 %); b 9 J per 1k (measured_counter)"
    ]


def test_nodes_on_another_provider_are_said_and_full_ones_are_not(comparison, row, measured) -> None:
    check = ProviderCheck("CUDAExecutionProvider", "CUDAExecutionProvider", 40, 0.9, 0.99999, ("Cast", "Gather"))
    rows = [
        row(v, measurement=measured(v, provider=p)) for v, p in (("a", check), ("b", replace(check, node_share=1.0, node_time_share=1.0)))
    ]
    assert list(speed_lines(comparison(*rows))) == [
        "a: 90 % of 40 nodes and over 99.9 % of their time on CUDAExecutionProvider; elsewhere: Cast, Gather"
    ]


@pytest.mark.parametrize(
    ("limit", "wanted"),
    [
        (RateLimit(20.0, 410.0, 18.2, 7, None), "v holds p99 <= 20 ms up to 410 requests/s"),
        (RateLimit(20.0, 2.5e4, 18.2, 7, "the generator's limit"), "v holds p99 <= 20 ms up to 25 k requests/s: the generator's limit"),
        (
            RateLimit(0.1, None, None, 1, "one request alone takes 0.2 ms"),
            "v: no rate was found that holds p99 <= 0.1 ms: one request alone takes 0.2 ms",
        ),
    ],
)
def test_the_rate_that_holds_the_service_level(comparison, row, measured, limit: RateLimit, wanted: str) -> None:
    assert list(speed_lines(comparison(row("v", measurement=measured("v", rate_limit=limit))))) == [wanted]


def test_the_point_that_is_priced_stands_in_every_table(comparison, row) -> None:
    frame = comparison_frame(comparison(row("v", operating_point=POINT))).set_index("variant").loc["v"]
    assert (frame["throughput_rows_per_s"], frame["batch_rows"], frame["energy_j_per_1k"]) == (9e5, 512, 4.0)
    assert pd.read_csv(io.StringIO(comparison_csv(comparison(row("v", operating_point=POINT)))))["batch_rows"].tolist() == [512]
    out = io.StringIO()
    render(comparison(row("v", operating_point=POINT), row("w")), Console(file=out, width=140))
    lines = out.getvalue().splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith("v ")]
    assert " 900 k " in lines[start]
    assert " 512 " in lines[start + 1]
    assert " 4,096 " in out.getvalue(), "the fastest one where nothing was priced"


def test_all_lines_stand_in_the_footer(comparison, row, measured) -> None:
    full = row(
        "v", speed_ratio=SpeedRatio(0.5, 0.4, 0.6, 5, "slower"), operating_point=POINT,
        measurement=measured("v", rate_limit=RateLimit(20.0, 410.0, 18.2, 7, None), energy_source="measured_counter"),
    )  # fmt: skip
    out = io.StringIO()
    render(comparison(full), Console(file=out, width=140))
    for wanted in ("0.50 [0.40, 0.60] slower", "v holds p99 <= 20 ms", "energy: v 4 J per 1k"):
        assert wanted in out.getvalue()


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (count(999.4), "999"),
        (count(999.6), "1 k"),
        (count(999_600), "1 M"),
        (count(999.6e6), "1 G"),
        (count(0.0), "0"),
        (count(0.25), "0.25"),
        (percent(0.0), "0 %"),
        (percent(0.00012), "0.012 %"),
        (percent(0.9994), "99.9 %"),
        (percent(0.9996), "over 99.9 %"),
        (percent(math.nan), "undefined"),
    ],
)
def test_counts_and_shares_have_three_digits(written: str, wanted: str) -> None:
    assert written == wanted


def test_what_a_reader_has_to_know_of_a_measurement_is_said(comparison, row, measured) -> None:
    remarked = measured("v", remarks=("single requests have 8 rows, replay.rows_per_request asks for 1",))
    assert list(speed_lines(comparison(row("v", measurement=remarked)))) == [
        "v: single requests have 8 rows, replay.rows_per_request asks for 1"
    ]
