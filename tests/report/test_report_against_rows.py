from __future__ import annotations

import io
import math
from dataclasses import replace

from rich.console import Console

from harness.records.money import BreakEven
from harness.records.trial import SpeedRatio
from harness.report.against_rows import LEGEND, against_columns, against_rows, break_even_reasons
from harness.report.comparison_files import comparison_markdown
from harness.report.signoff_pages import pages
from harness.report.table import render

FOUND = BreakEven("gbdt_small", "logistic", "USD", 0.31, 0.041, 12_300.0, True, (), True, 1)
SLOWER = SpeedRatio(0.31, 0.30, 0.32, 5, "slower")


def lines(comparison, row, found: BreakEven | None = FOUND, ratio: SpeedRatio | None = SLOWER) -> list[list[str]]:
    made = replace(comparison(row("logistic"), row("gbdt_small", speed_ratio=ratio)), champion="logistic")
    return list(against_rows(replace(made, break_even=(found,) if found else ())))


def test_a_challenger_has_its_speed_and_the_sides_on_which_it_wins(comparison, row) -> None:
    (line,) = lines(comparison, row)
    assert line[:2] == ["gbdt_small", "0.310 [0.300, 0.320] slower"]
    assert line[2].startswith("0.310")
    assert line[3:] == ["> 4.1 %", "> 12.3 k"]
    below = replace(FOUND, wins_above=False, utilisation_wins_above=False, n_volume_crossings=3)
    assert lines(comparison, row, below)[0][3:] == ["< 4.1 %", "< 12.3 k (one of 3 crossings)"]


def test_a_share_of_use_that_nobody_plans_is_any_use(comparison, row) -> None:
    assert lines(comparison, row, replace(FOUND, utilisation=5e-10))[0][3] == "wins at any"
    assert lines(comparison, row, replace(FOUND, utilisation=5e-10, utilisation_wins_above=False))[0][3] == "loses at any"


def test_where_there_is_no_such_place_the_side_is_said(comparison, row) -> None:
    reasons = (
        ("price_per_hour", "loses even at a price of 0"),
        ("utilisation", "wins at any utilisation"),
        ("requests_per_day", "the cost at other volumes is not known"),
    )
    none = replace(FOUND, price_per_hour=None, utilisation=None, requests_per_day=None, reasons=reasons)
    assert lines(comparison, row, none)[0][2:] == ["loses even at 0", "wins at any", "n/a"]
    made = replace(comparison(row("logistic"), row("gbdt_small")), break_even=(none,))
    assert list(break_even_reasons(made)) == ["break-even of gbdt_small: the cost at other volumes is not known"]


def test_speed_without_money_and_money_without_speed(comparison, row) -> None:
    assert lines(comparison, row, None) == [["gbdt_small", "0.310 [0.300, 0.320] slower", "n/a", "n/a", "n/a"]]
    assert lines(comparison, row, FOUND, None)[0][1] == "n/a"
    one_block = SpeedRatio(1.5, math.nan, math.nan, 1, "ambiguous", "one block")
    assert lines(comparison, row, None, one_block)[0][1] == "1.5000 ambiguous (one block)"
    assert lines(comparison, row, None, None) == []
    assert against_columns(comparison(row("logistic"), row("gbdt_small"))) == []


def test_the_table_stands_on_the_page_and_in_the_terminal(comparison, row) -> None:
    made = replace(comparison(row("logistic"), row("gbdt_small", speed_ratio=SLOWER)), champion="logistic", break_even=(FOUND,))
    assert against_columns(made)[0] == "against logistic"
    assert against_columns(made)[2] == "USD per machine-hour (now)"
    assert "| gbdt_small | 0.310 [0.300, 0.320] slower |" in comparison_markdown(made)
    out = io.StringIO()
    render(made, Console(file=out, width=140))
    assert "against logistic" in out.getvalue()
    assert LEGEND[:40] in out.getvalue()


def test_a_review_shows_what_its_legend_speaks_of(comparison, row, signoff, conf) -> None:
    made = replace(comparison(row("logistic"), row("gbdt_small", speed_ratio=SLOWER)), champion="logistic", break_even=(FOUND,))
    files = pages(signoff(), made, [conf("gbdt_small")])
    assert "| gbdt_small | 0.310 [0.300, 0.320] slower |" in files["signoff.md"]
    assert '<td class="figure">0.310 [0.300, 0.320] slower</td>' in files["signoff.html"]
    plain = pages(signoff(), comparison(row("logistic"), row("gbdt_small")), [conf("gbdt_small")])
    assert "per machine-hour" not in plain["signoff.md"] + plain["signoff.html"]
