from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from harness.records.money import BreakEven, SensitivityRange
from harness.report.against_rows import LEGEND
from harness.report.comparison_files import comparison_markdown
from harness.report.money_text import money_lines, sensitivity_sentences
from harness.report.one_line import one_line
from harness.report.table import render

FOUND = BreakEven("gbdt_small", "logistic", "USD", 0.31, 0.041, 12_300.0, True, (), True, 1)
LINEAR = "linear: 200 USD per point of auc"


def stretches(parameter: str, unit: str, current: float, *parts: tuple[float, float, str]) -> list[SensitivityRange]:
    return [SensitivityRange(parameter, unit, low, high, current, best, 1.0, 1.0) for low, high, best in parts]


@pytest.mark.parametrize(
    ("ranges", "wanted"),
    [
        (
            stretches("requests_per_day", "requests a day", 350e3, (1e2, 2.1e6, "small"), (2.1e6, 1e9, "large")),
            "large wins only above 2.1 M requests a day (now 350 k: small)",
        ),
        (
            stretches("price", "USD/h", 0.5, (0.1, 0.3, "large"), (0.3, 5.0, "small")),
            "large wins only at a price below 0.300 USD/h (now 0.500: small)",
        ),
        (
            stretches("value:true_positive", "USD", 2.0, (0.2, 1.0, "a"), (1.0, 3.0, "b"), (3.0, 20.0, "a")),
            "a wins only with true_positive below 1.00, and above 3.00 USD (now 2.00: b)",
        ),
        (
            stretches("value:x", "USD", -5.0, (-10.0, -3.0, "a"), (-3.0, -2.0, "b"), (-2.0, -1.0, "c")),
            "b wins only with x between -3.00 and -2.00 USD; c wins only with x above -2.00 USD (now -5.00: a)",
        ),
        (
            stretches("price", "USD/h", 99.0, (0.1, 0.3, "a"), (0.3, 5.0, "b")),
            "a wins only at a price below 0.300 USD/h; b wins only at a price above 0.300 USD/h",
        ),
        (
            stretches("price", "times", 1.0, (0.1, 0.3, "a"), (0.3, 10.0, "b")),
            "a wins only below 0.300 times today's price (today: b)",
        ),
        (
            stretches("price", "times", 1.0, (0.1, 10.0, "b")),
            "who wins does not hang on price between 0.100 and 10.00 times today's price: b",
        ),
        (stretches("price", "USD/h", 0.5, (0.05, 5.0, "a")), "who wins does not hang on price between 0.0500 and 5.00 USD/h: a"),
        (
            stretches("price", "USD/h", 0.5, (0.05, 1.0, "a"), (1.0, 5.0, "")),
            "no variant has a net at a price above 1.00 USD/h (now 0.500: a)",
        ),
    ],
)
def test_what_the_choice_hangs_on_is_a_sentence_per_parameter(ranges: list[SensitivityRange], wanted: str) -> None:
    assert sensitivity_sentences(ranges) == [wanted]


def test_every_parameter_has_its_own_sentence() -> None:
    ranges = [*stretches("price", "USD/h", 0.5, (0.05, 5.0, "a")), *stretches("value:tp", "USD", 1.0, (0.1, 10.0, "b"))]
    assert [s.rpartition(": ")[2] for s in sensitivity_sentences(ranges)] == ["a", "b"]
    assert sensitivity_sentences([]) == []


def test_the_footer_holds_break_even_and_sensitivity_and_stays_within_the_width(comparison) -> None:
    ranges = tuple(stretches("price", "USD/h", 0.5, (0.05, 5.0, "gbdt_small")))
    out = io.StringIO()
    shown = comparison(break_even=(FOUND,), sensitivity=ranges)
    render(shown, Console(file=out, width=140))
    text = " ".join(out.getvalue().split())
    assert LEGEND in text
    assert "who wins does not hang on price between 0.0500 and 5.00 USD/h: gbdt_small" in text
    assert max(map(len, out.getvalue().splitlines())) <= 140
    assert LEGEND in comparison_markdown(shown)


def test_an_assumption_stands_beside_every_number_that_uses_it(comparison, row, conf) -> None:
    assumed = replace(row("gbdt_small"), gain=replace(row("gbdt_small").gain, assumption=LINEAR))
    ranges = tuple(stretches("price", "USD/h", 0.5, (0.05, 5.0, "gbdt_small")))
    shown = comparison(row("logistic"), assumed, break_even=(FOUND,), sensitivity=ranges)
    lines = list(money_lines(shown))
    assert len(lines) == 2
    assert all(line.endswith(f"({LINEAR})") for line in lines)
    assert one_line(assumed, shown, conf("gbdt_small")).endswith(f"net +12.40 USD / 1k ({LINEAR})")
    out = io.StringIO()
    render(shown, Console(file=out, width=140))
    (note,) = [line for line in out.getvalue().splitlines() if line.endswith(f") gain: {LINEAR}")]
    mark = note.split()[0]
    cells = [line for line in out.getvalue().splitlines() if line.startswith("gbdt_small ")]
    first = out.getvalue().splitlines().index(cells[0])
    assert f" +12.40 {mark} " in cells[0], "net"
    assert out.getvalue().splitlines()[first + 1].count(f" {mark} ") == 1, "gain, below its figure"
    assert len(cells) == 2, "one table of 140 columns, marks and all, and its line of break-even"
    assert LINEAR not in "".join(money_lines(comparison(break_even=(FOUND,), sensitivity=ranges)))


def test_an_old_price_is_said_once_and_not_again_where_a_note_says_it(comparison, row) -> None:
    old = replace(row("a").cost, warning="the price of m7g.large is 120 days old")
    rows = (row("a", cost=old), row("b", cost=old))
    assert list(money_lines(comparison(*rows))) == [old.warning]
    assert list(money_lines(comparison(*rows, notes=(old.warning,)))) == []


def test_a_gain_that_is_not_defined_says_why(comparison, row) -> None:
    bad = replace(row("v").gain, gain_per_1k=float("nan"), reason="auc has no paired form for this task")
    out = io.StringIO()
    render(comparison(row("v", gain=bad)), Console(file=out, width=140))
    assert "gain: auc has no paired form for this task" in out.getvalue()
