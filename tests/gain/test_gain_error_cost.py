from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.gain.error_cost import ErrorCost
from harness.records.tally import Grid
from tests.gain.evidence import of_predictions
from tests.oracles.row_values import error_costs, mean_and_se_per_1k

RULE = {"over_prediction": 0.5, "under_prediction": 3.0, "currency": "EUR"}
NUMBER = st.sampled_from([-2.5, -0.0, 0.0, 1.0, 1.0, 7.25, 1e6])
ROWS = st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), max_size=20)


def columns_of(rows):
    return tuple(np.array(c, np.float64) for c in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 4


def close(found, wanted) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("baseline", ["none", "champion", {"column": "last_week"}])
@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_gain_equals_the_row_by_row_definition(baseline, rows) -> None:
    labels, own, champion, other = columns_of(rows)
    rule = ErrorCost(**RULE, baseline=baseline)
    is_column = isinstance(baseline, dict)
    seen = of_predictions(labels, own, champion, ("last_week", other) if is_column else None)
    cost, against = np.array(error_costs(rule, own, labels)), np.array(error_costs(rule, champion, labels))
    policy = {"none": 0 * cost, "champion": against}.get(str(baseline), np.array(error_costs(rule, other, labels)))
    row = rule.gain(seen)
    close((row.gain_per_1k, row.se_per_1k), mean_and_se_per_1k(list(policy - cost)))
    close((row.vs_champion_per_1k, row.vs_champion_se_per_1k), mean_and_se_per_1k(list(against - cost)))
    assert (row.n_rows, row.baseline) == (len(rows), "column last_week" if is_column else baseline)
    assert (row.reason == "no rows") is (not rows)


def test_a_difference_of_models_alike_is_sharper_than_their_gains() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(0, 10, 300)
    champion = labels + rng.normal(0, 5, 300)
    row = ErrorCost(**RULE).gain(of_predictions(labels, champion - 0.1, champion))
    assert 0 < row.vs_champion_se_per_1k < 0.1 * row.se_per_1k


def test_gain_of_every_cell() -> None:
    rng = np.random.default_rng(1)
    labels, own = rng.normal(size=(2, 30))
    ids = np.stack([np.zeros(30), 1 + np.arange(30) % 2], axis=1).astype(np.uint16)
    grid = Grid(("all", "c", "c", "c"), ("all", "even", "odd", "nobody"), ("all",))
    rule = ErrorCost(**RULE)
    found = rule.by_cell(of_predictions(labels, own, None, None, ids, grid))
    costs = np.array(error_costs(rule, own, labels))
    for cell, rows in ((0, costs), (1, costs[::2]), (2, costs[1::2])):
        mean, se = mean_and_se_per_1k(list(-rows))
        close((found.value[cell], found.ci_low[cell]), (mean, mean - 1.959963984540054 * se))
    assert found.undefined_reason.tolist() == [None, None, None, "no rows"]
    assert ErrorCost(**RULE, baseline="champion").by_cell(of_predictions(labels, own)) is None


def test_without_a_champion_a_paired_gain_is_undefined_and_the_champion_s_own_is_zero() -> None:
    rule, seen = ErrorCost(**RULE, baseline="champion"), of_predictions(np.zeros(3), np.ones(3))
    alone = rule.gain(seen)
    assert math.isnan(alone.gain_per_1k)
    assert (alone.reason, alone.vs_champion_per_1k) == ("there is no champion to pair with", None)
    champion = rule.gain(replace(seen, is_champion=True))
    assert (champion.gain_per_1k, champion.vs_champion_per_1k, champion.reason) == (0.0, 0.0, None)
    assert rule.by_cell(replace(seen, is_champion=True)).value.tolist() == [0.0]


def test_what_was_not_kept_is_refused() -> None:
    seen = of_predictions(np.zeros(3), np.ones(3))
    with pytest.raises(ConfigError, match="gain: column last_week was not kept with these results; run harness sweep"):
        ErrorCost(**RULE, baseline={"column": "last_week"}).gain(seen)
    with pytest.raises(ConfigError, match="gain: the error over, the error under was not kept"):
        ErrorCost(**RULE).gain(replace(seen, moments=None))


def test_a_unit_of_error_costs_what_over_and_under_cost_in_their_mixture() -> None:
    rule = ErrorCost(**RULE)
    assert rule.error_cost_per_row(of_predictions(np.zeros(4), np.array([2.0, -1.0, -1.0, 0.0]))) == pytest.approx((0.5 * 2 + 3 * 2) / 4)
    assert rule.error_cost_per_row(of_predictions(np.zeros(2), np.zeros(2))) is None
    assert rule.error_cost_per_row(of_predictions(np.zeros(0), np.zeros(0))) is None


def test_figures_can_be_changed_and_labels_that_are_missing_have_no_bound() -> None:
    rule = ErrorCost(**RULE)
    assert rule.figures() == {"over_prediction": 0.5, "under_prediction": 3.0}
    assert rule.with_figure("over_prediction", 2.0) == replace(rule, over_prediction=2.0)
    with pytest.raises(ValueError, match=r"figure: found 'over', wanted one of over_prediction, under_prediction"):
        rule.with_figure("over", 2.0)
    assert rule.difference_range(None, 0, 0, 1) == (-math.inf, math.inf)
    assert rule.columns() == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"over_prediction": -1}, "over_prediction: found -1, wanted a finite number of at least 0, .*; a cost is written without a sign"),
        ({"under_prediction": {"column": "a"}}, "under_prediction: found {'column': 'a'}, wanted a finite number"),
        ({"currency": ""}, "currency: found ''"),
        ({"baseline": "all"}, "baseline: found 'all', wanted one of none, champion, or {column: NAME}"),
    ],
)
def test_what_means_nothing_is_refused_in_one_sentence(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        ErrorCost(**{**RULE, **change})


def test_two_costs_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="both 0, so that no error costs anything"):
        ErrorCost(0, 0, "EUR").check({}, ())
