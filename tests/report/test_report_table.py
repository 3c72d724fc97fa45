from __future__ import annotations

import errno
import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from harness.records.comparison import MetricSummary
from harness.records.percentile import Percentile
from harness.report.numbers import decimals_for, milliseconds, money, rate, with_interval
from harness.report.table import render, report_console


def rendered(comparison, width: int) -> str:
    out = io.StringIO()
    render(comparison, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [140, 120, 100])
def test_the_table_shows_everything_whole_at_any_usual_width(comparison, width: int) -> None:
    text = rendered(comparison(), width)
    for wanted in (
        "273,853 of 327,346 rows judged; left out: 50,993 in the training period, 2,500 without",
        "replay reproduces production: 0 of 273,853",
        "no judged row was trained on",
        "logistic *",
        "mlp_wide[precision=int8]",
        "0.8123",
        "[0.8101, 0.8145]",
        "+0.0123",
        "[0.0101, 0.0145]",
        "carrier=OO",
        "0.7012 (-0.0031)",
        "0.0412",
        "1.25 M",
        "0.00412",
        "+12.40",
        "[11.80, 13.00]",
        "USD/1k",
        "Pareto",
        "UNDECIDED",
        "(7) broken: invalid: 12 scores are NaN",
        "no price sheet: price=NAME",
        "- the price sheet is 120 days old",
        "next: harness signoff results/flights review=flights candidate=gbdt_small",
    ):
        assert wanted in text
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii()
    assert "\x1b" not in text
    assert "too young" not in text, "a reason that left out no row is not worth a word"


def test_one_table_where_it_fits_and_two_where_not(comparison) -> None:
    def headers(width: int) -> int:
        return sum(line.startswith("variant") for line in rendered(comparison(), width).splitlines())

    assert (headers(140), headers(100)) == (1, 2)


def test_a_piped_console_is_wide_and_plain(comparison) -> None:
    out = io.StringIO()
    console = report_console(out)
    render(comparison(), console)
    assert console.width == 140
    assert "\x1b" not in out.getvalue()


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "the reader is gone")


def test_a_closed_pipe_is_an_error_of_the_pipe_and_not_an_exit_code(comparison) -> None:
    with pytest.raises(BrokenPipeError, match="the reader is gone"):
        render(comparison(), report_console(Closed()))


def test_names_with_brackets_are_not_taken_for_markup(comparison, row) -> None:
    text = rendered(comparison(row("[red]m[/red]", verdict="[bold]"), notes=("[/oops] note",), parity="[dim]parity"), 140)
    assert "[red]m[/red]" in text
    assert "[bold]" in text
    assert "[/oops] note" in text
    assert "[dim]parity" in text


def test_noisy_and_too_few_say_so_in_a_footnote(comparison, row, measured) -> None:
    m = measured("v", status="noisy", reason="coefficient of variation 14 %")
    few = replace(m.points[0], latency=(Percentile(50.0, 0.04, None, None, 90, 20), Percentile(99.0, None, None, None, 90, 662)))
    text = rendered(comparison(row("v", measurement=replace(m, points=(few, m.points[1])))), 140)
    assert "n=90, needs 662" in text
    assert "~ noisy measurement: v;" in text


def test_undefined_is_not_the_same_as_not_measured(comparison, row) -> None:
    nan = math.nan
    undefined = row("v", metrics=(MetricSummary("auc", nan, nan, nan, nan, nan, nan),))
    assert "undefined" in rendered(comparison(undefined), 140)
    assert "auc: not computed; add it to metrics" in rendered(comparison(row("v", metrics=())), 140)


def test_without_a_champion_the_reason_stands_below(comparison, row) -> None:
    alone = replace(row("v"), metrics=(MetricSummary("auc", 0.8, 0.79, 0.81, None, None, None),))
    text = rendered(comparison(alone, champion=None), 140)
    assert "no champion: champion=NAME" in text
    assert "* the champion" not in text


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (with_interval(0.5, math.nan, math.nan), "0.5000"),
        (with_interval(math.nan, 0.0, 1.0), "undefined"),
        (with_interval(12.3959, 11.8, 13.0, signed=True), "+12.40 [11.80, 13.00]"),
        (with_interval(0.00001, -0.00002, 0.00004), "0.000010 [-0.000020, 0.000040]"),
        (money(0.0), "0.00"),
        (money(-0.0041), "-0.00410"),
        (money(1234.567), "1,234.57"),
        (money(math.nan), "undefined"),
        (milliseconds(0.04123), "0.0412"),
        (milliseconds(999.6), "1,000"),
        (rate(999.6), "1 k"),
        (rate(999_600), "1 M"),
        (str(decimals_for(0.5, 0.5)), "4"),
    ],
)
def test_figures_have_the_digits_their_interval_bears(written: str, wanted: str) -> None:
    assert written == wanted
