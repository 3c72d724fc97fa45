from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.records.money import BreakEven, PartMoney, ReplicaHours, SensitivityRange
from harness.report.comparison_files import comparison_json
from harness.report.money_frames import (
    BREAK_EVEN_COLUMNS,
    MONEY_BY_SLICE_COLUMNS,
    SENSITIVITY_COLUMNS,
    break_even_csv,
    money_by_slice_csv,
    sensitivity_csv,
)

PART = PartMoney("gbdt_small", "carrier*origin", "AA*J,FK", 10, None, None, None, 1.5, math.nan, 2.0, None, "USD")


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def assumed(comparison, row, **changes):
    gain = replace(row("gbdt_small").gain, assumption="linear: one point is 200 USD")
    return comparison(row("logistic"), row("gbdt_small", gain=gain), **changes)


def test_an_empty_break_even_has_its_reason_beside_it(comparison, row) -> None:
    found = BreakEven("gbdt_small", "logistic", "USD", None, 0.25, 1e5, False, (("price_per_hour", "wins at any price"),), True, 3)
    (line,) = read(break_even_csv(assumed(comparison, row, break_even=(found,)))).to_dict("records")
    assert tuple(line) == BREAK_EVEN_COLUMNS
    assert (line["price_per_hour"], line["price_per_hour_reason"]) == ("", "wins at any price")
    assert (line["utilisation"], line["utilisation_wins_above"], line["utilisation_reason"]) == ("0.25", "True", "")
    assert (line["requests_per_day"], line["wins_above"], line["n_volume_crossings"]) == ("100000.0", "False", "3")
    assert line["assumption"] == "linear: one point is 200 USD"


def test_a_stretch_is_a_row_with_the_assumption_of_its_winner(comparison, row) -> None:
    ranges = (
        SensitivityRange("price", "USD/h", 0.1, 0.3, 0.2, "gbdt_small", 1.0, 0.5),
        SensitivityRange("price", "USD/h", 0.3, 1.0, 0.2, "", math.nan, math.nan),
    )
    frame = read(sensitivity_csv(assumed(comparison, row, sensitivity=ranges)))
    assert tuple(frame.columns) == SENSITIVITY_COLUMNS
    assert frame["high"].tolist() == ["0.3", "1.0"]
    assert frame["net_low"].tolist() == ["1.0", "NaN"]
    assert frame["assumption"].tolist() == ["linear: one point is 200 USD", ""]


def test_money_by_slice_tells_not_measured_from_not_defined(comparison, row) -> None:
    (line,) = read(money_by_slice_csv(assumed(comparison, row, parts=(PART,)))).to_dict("records")
    assert tuple(line) == MONEY_BY_SLICE_COLUMNS
    assert (line["slice_value"], line["n_rows"]) == ("AA*J,FK", "10")
    assert (line["cost_per_1k"], line["gain_ci_low"]) == ("", "NaN")
    assert line["assumption"] == "linear: one point is 200 USD"


def test_nothing_to_tell_leaves_the_columns(comparison) -> None:
    texts = (break_even_csv(comparison()), sensitivity_csv(comparison()), money_by_slice_csv(comparison()))
    assert [len(read(text)) for text in texts] == [0, 0, 0]
    assert [text.count("\n") for text in texts] == [1, 1, 1]


def test_what_is_long_is_not_in_comparison_json_and_the_rest_is(comparison, row) -> None:
    hours = ReplicaHours(np.arange(2), np.array([1, 2]), np.array([1.0, 2.0]), np.array([9.0, 5.0]))
    priced = row("v", cost=replace(row("v").cost, fleet=hours, slo_ms=20.0))
    found = BreakEven("v", "w", "USD", 0.3, None, None, None, (("utilisation", "wins at any utilisation"),))
    data = json.loads(comparison_json(comparison(priced, row("bare", cost=None), parts=(PART,), break_even=(found,))))
    assert "parts" not in data
    assert "fleet" not in data["rows"][0]["cost"]
    assert (data["rows"][0]["cost"]["slo_ms"], data["rows"][1]["cost"]) == (20.0, None)
    assert data["break_even"][0]["price_per_hour"] == 0.3
