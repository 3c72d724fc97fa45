from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from harness.records.evidence import Evidence, Lineage
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.metric import Differences
from harness.records.money import CostRow, GainRow
from harness.records.percentile import Percentile
from harness.records.tally import Grid

Z = norm.ppf(0.975)
GRID = Grid(("all", "carrier", "carrier"), ("all", "UA", "OO"), ("all", "2013-04"))


def make_differences(estimates, ses, n=None, higher_is_better=True, metric="auc", challenger="b", n_windows=2, fewest=None) -> Differences:
    """Differences of each slice over all windows; the other windows are undefined. `fewest`: rows of each slice's rarer class."""
    estimate, se = (np.full(len(estimates) * n_windows, np.nan) for _ in range(2))
    estimate[::n_windows], se[::n_windows] = estimates, ses
    rows = np.zeros(len(estimate), dtype=np.int64)
    rows[::n_windows] = 10_000 if n is None else n
    n_fewest_class = None if fewest is None else np.repeat(np.array(fewest, dtype=np.int64), n_windows)
    low, high = estimate - Z * se, estimate + Z * se
    text = np.full(len(estimate), "delong", dtype=object)
    p = np.full(len(estimate), np.nan)
    values = (rows, estimate, estimate, estimate, se, low, high, low, high, text, p, p)
    return Differences(metric, "a", challenger, higher_is_better, *values, correction="holm", n_fewest_class=n_fewest_class)


def percentile(value, low, high, q=99.0) -> Percentile:
    return Percentile(q, value, low, high, 1000, 662)


def make_measurement(p99=(10.0, 9.0, 11.0), **changes: Any) -> Measurement:
    point = OperatingPoint("single", 1, 1000, (100.0,), 100.0, 90.0, 110.0, (percentile(5.0, 4.0, 6.0, 50.0), percentile(*p99)))
    base = Measurement("b", "standard", "ok", None, "cpu", "here", 1, 0.1, 0.1, (point,), None, "unavailable", "vm", 100, 0.0)
    return replace(base, **changes)


def make_cost(variant="b", cost=0.004, reason=None) -> CostRow:
    return CostRow(variant, "USD", cost, cost, cost, cost, cost, None, 0.5, "log", "m7g.large", 60.0, 1, None, reason)


def make_evidence(variant="b", differences=None, **changes: Any) -> Evidence:
    base = Evidence(
        variant=variant,
        champion="a",
        grid=GRID,
        differences=(differences or make_differences([0.0, 0.0, 0.0], [0.001, 0.001, 0.001], challenger=variant),),
        measurement=make_measurement(),
        cost=make_cost(variant),
        champion_cost=make_cost("a"),
        gain=GainRow(variant, "USD", "none", 10.0, 0.1, 1.0, 0.1, "example figures"),
        net_per_1k=9.9,
        net_per_1k_ci_low=9.0,
        net_per_1k_ci_high=10.8,
        net_vs_champion=1.0,
        net_vs_champion_low=0.8,
        net_vs_champion_high=1.2,
        lineage=Lineage("ab12", "f00d", "2013-03-01", "2013-04-01", 0, "c0ffee", False, False, False),
        confidence=0.95,
    )
    return replace(base, **changes)


@pytest.fixture(name="differences")
def _differences():
    return make_differences


@pytest.fixture(name="measurement")
def _measurement():
    return make_measurement


@pytest.fixture(name="cost")
def _cost():
    return make_cost


@pytest.fixture(name="evidence")
def _evidence():
    return make_evidence
