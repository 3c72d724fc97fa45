"""The shipped business rules are built from their files, and say that their figures are made up."""

from __future__ import annotations

import pytest
import yaml

from harness.config import shipped_conf
from harness.gain.error_cost import ErrorCost
from harness.gain.metric_value import MetricValue
from harness.gain.value_matrix import ValueMatrix
from harness.plugins import build_gain

KINDS = {"flights_example": ValueMatrix, "fraud_amount": ValueMatrix, "forecast_cost": ErrorCost, "metric_points": MetricValue}


@pytest.mark.parametrize("name", KINDS)
def test_an_option_builds_its_rule_and_calls_itself_an_example(name: str) -> None:
    text = (shipped_conf() / "gain" / f"{name}.yaml").read_text()
    assert text.startswith("# EXAMPLE ")
    assert "made up" in text.splitlines()[0]
    rule = build_gain(yaml.safe_load(text))
    assert type(rule) is KINDS[name]
    assert rule.note.startswith("example figure")


def test_every_option_is_here() -> None:
    assert {f.stem for f in (shipped_conf() / "gain").glob("*.yaml")} == {*KINDS, "none"}
