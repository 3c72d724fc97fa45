from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from harness.errors import ConfigError
from harness.gain.metric_value import MetricValue
from harness.records.metric import Differences, MetricValues
from tests.gain.evidence import evidence, of_cells

RULE = {"metric": "auc", "value_per_1k": 12.0, "direction": "higher", "currency": "USD", "point": 0.01}


def values(metric: str, value, low, high, reason=None) -> MetricValues:
    n = len(value)
    texts = np.full(n, "x", np.object_), np.full(n, reason, np.object_)
    return MetricValues(metric, *(np.array(v, np.float64) for v in (value, low, high)), *texts)


def differences(metric: str, difference, low, high, n=(100, 40)) -> Differences:
    d, lo, hi = (np.array(v, np.float64) for v in (difference, low, high))
    nan, text = d * np.nan, np.full(len(d), "x", np.object_)
    return Differences(metric, "a", "b", True, np.array(n), d, d, d, nan, lo, hi, lo, hi, text, nan, nan, "none")


@pytest.fixture
def seen():
    cells = np.zeros((2, 2, 2, 2), int)
    cells[:, 0, 0, 0] = (100, 40)
    return of_cells(
        cells,
        metrics=(values("auc", [0.76, 0.7], [0.74, 0.6], [0.78, 0.8]),),
        differences=(differences("auc", [0.02, np.nan], [0.01, np.nan], [0.04, np.nan]),),
    )


def test_against_the_champion_the_gain_is_the_paired_difference_in_money(seen) -> None:
    row = MetricValue(**RULE).gain(seen)
    assert (row.gain_per_1k, row.vs_champion_per_1k) == (pytest.approx(24.0), pytest.approx(24.0))
    assert row.se_per_1k == pytest.approx(24.0 / ndtri(0.975)), "the longer side of [12, 48]"
    assert (row.n_rows, row.reason, row.baseline) == (100, None, "champion")
    assert row.assumption == "linear: every 0.01 of auc is taken to be worth 12 USD per 1,000 predictions"


def test_against_a_value_of_the_metric_its_own_interval_holds(seen) -> None:
    row = MetricValue(**RULE, baseline=0.75).gain(seen, confidence=0.9)
    assert row.gain_per_1k == pytest.approx(12.0)
    assert row.se_per_1k == pytest.approx(24.0 / ndtri(0.95))
    assert row.vs_champion_per_1k == pytest.approx(24.0)
    assert row.baseline == "auc 0.75"


def test_a_metric_that_is_better_lower_brings_more_as_it_falls(seen) -> None:
    rule = MetricValue(**{**RULE, "direction": "lower"})
    assert rule.gain(seen).gain_per_1k == pytest.approx(-24.0)
    cells = rule.by_cell(seen)
    assert (cells.ci_low[0], cells.ci_high[0]) == (pytest.approx(-48.0), pytest.approx(-12.0))


def test_every_cell_has_the_interval_of_its_metric(seen) -> None:
    cells = MetricValue(**RULE, baseline=0.75).by_cell(seen)
    np.testing.assert_allclose(cells.value, [12.0, -60.0])
    np.testing.assert_allclose(cells.ci_high, [36.0, 60.0])
    paired = MetricValue(**RULE).by_cell(seen)
    assert paired.undefined_reason.tolist() == [None, "auc is not defined"]
    assert paired.ci_method.tolist() == [MetricValue(**RULE).assumption, ""]


@pytest.mark.parametrize(
    ("baseline", "change", "reason"),
    [
        (0.75, {"metrics": ()}, "auc was not computed"),
        ("champion", {"differences": ()}, "auc has no paired difference"),
        ("champion", {"differences": (), "paired": None}, "there is no champion to pair with"),
        (0.75, {"metrics": (values("auc", [np.nan], [np.nan], [np.nan], "one class only"),)}, "auc is not defined: one class only"),
    ],
)
def test_what_is_not_known_is_nan_with_its_reason(seen, baseline, change, reason) -> None:
    row = MetricValue(**RULE, baseline=baseline).gain(replace(seen, **change))
    assert math.isnan(row.gain_per_1k)
    assert math.isnan(row.se_per_1k)
    assert (row.reason, row.assumption is not None) == (reason, True)
    if change.get("paired", 0) is None:
        assert row.vs_champion_per_1k is None
        assert MetricValue(**RULE, baseline=baseline).by_cell(replace(seen, **change)) is None


def test_the_champion_gains_nothing_over_itself(seen) -> None:
    own = evidence(seen.tally, is_champion=True, metrics=seen.metrics)
    row = MetricValue(**RULE).gain(own)
    assert (row.gain_per_1k, row.se_per_1k, row.vs_champion_per_1k, row.reason) == (0.0, 0.0, 0.0, None)
    assert MetricValue(**RULE, baseline=0.75).gain(own).gain_per_1k == pytest.approx(12.0)
    assert MetricValue(**RULE).by_cell(own).value.tolist() == [0.0, 0.0]


def test_an_interval_of_no_width_is_no_evidence(seen) -> None:
    flat = replace(seen, differences=(differences("auc", [0.02], [0.02], [0.02]),))
    assert math.isnan(MetricValue(**RULE).gain(flat).se_per_1k)


def test_rows_without_a_label_have_no_bound(seen) -> None:
    rule = MetricValue(**RULE)
    assert rule.difference_range(seen.paired, 0, 0, 1, given=seen) == (-math.inf, math.inf)
    assert rule.difference_range(seen.paired, 0, 0, 0, given=seen) == (pytest.approx(24.0), pytest.approx(24.0))


def test_its_figure_is_the_value_of_a_point(seen) -> None:
    rule = MetricValue(**RULE)
    assert rule.figures() == {"value_per_1k": 12.0}
    assert rule.with_figure("value_per_1k", 6.0).gain(seen).gain_per_1k == pytest.approx(12.0)
    with pytest.raises(ValueError, match="figure: found 'point', wanted value_per_1k"):
        rule.with_figure("point", 1.0)
    assert rule.error_cost_per_row(seen) is None
    with pytest.raises(NotImplementedError, match="MetricValue gives no value to a single decision"):
        rule.turns(np.array([1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value_per_1k": "much"}, "value_per_1k: found 'much', wanted a finite number"),
        ({"point": 0}, "point: found 0, wanted a number above 0"),
        ({"direction": "up"}, "direction: found 'up', wanted one of higher, lower"),
        ({"baseline": "none"}, "baseline: found 'none', wanted champion, or a value of 'auc'"),
        ({"currency": None}, "currency: found None"),
    ],
)
def test_what_means_nothing_is_refused_in_one_sentence(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        MetricValue(**{**RULE, **change})


def test_it_must_be_computed_and_better_the_way_it_says() -> None:
    rule = MetricValue(**RULE)
    rule.check({"auc": "higher"}, ())
    with pytest.raises(ConfigError, match=r"gain.metric: 'auc' is not among the metrics: aucs, brier; did you mean 'aucs'"):
        rule.check({"aucs": "higher", "brier": "lower"}, ())
    with pytest.raises(ConfigError, match=r"gain.direction: found higher, and auc is better lower; write that"):
        rule.check({"auc": "lower"}, ())
