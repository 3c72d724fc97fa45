from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gain.fields import Amount
from harness.gain.rule import GainRule
from harness.gain.value_matrix import ValueMatrix
from tests.gain.evidence import binary, evidence, of_cells
from tests.oracles.row_values import gain_and_se_per_1k

RULE = {"true_positive": 2.0, "false_positive": -0.6, "false_negative": -0.1, "true_negative": 0.05, "currency": "USD"}
ROWS = st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=2, max_size=40)


def of_rows(rows: list[tuple[int, int, int]], **more):
    cells = np.zeros((1, 2, 2, 2), dtype=np.int64)
    for y, champion, challenger in rows:
        cells[0, y, champion, challenger] += 1
    return of_cells(cells, **more)


@pytest.mark.parametrize("baseline", ["none", "all", "champion"])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_gain_and_its_standard_error_equal_the_row_by_row_definition(baseline: str, rows: list[tuple[int, int, int]]) -> None:
    rule = ValueMatrix(**RULE, baseline=baseline)
    labels, champion, own = zip(*rows, strict=True)
    policy = {"none": [0] * len(rows), "all": [1] * len(rows), "champion": champion}[baseline]
    row = rule.gain(of_rows(rows))
    assert (row.gain_per_1k, row.se_per_1k) == pytest.approx(gain_and_se_per_1k(rule, labels, own, policy), rel=1e-9, abs=1e-9)
    against = gain_and_se_per_1k(rule, labels, own, champion)
    assert (row.vs_champion_per_1k, row.vs_champion_se_per_1k) == pytest.approx(against, rel=1e-9, abs=1e-9)


def test_without_a_pair_there_is_no_difference_to_the_champion() -> None:
    row = ValueMatrix(**RULE).gain(evidence(binary(np.array([[[0, 1], [0, 1]]]))))
    assert (row.vs_champion_per_1k, row.vs_champion_se_per_1k) == (None, None)
    assert row.gain_per_1k == pytest.approx(1000 * (2.1 - 0.65) / 2)


def test_against_the_champion_the_champion_gains_nothing_and_an_unpaired_variant_is_undefined() -> None:
    rule, tally = ValueMatrix(**RULE, baseline="champion"), binary(np.array([[[0, 1], [0, 1]]]))
    champion = rule.gain(evidence(tally, is_champion=True))
    assert (champion.gain_per_1k, champion.vs_champion_per_1k, champion.vs_champion_se_per_1k) == (0.0, 0.0, 0.0)
    alone = rule.gain(evidence(tally))
    assert math.isnan(alone.gain_per_1k)
    assert alone.reason == "there is no champion to pair with"
    assert (champion.reason, champion.n_rows) == (None, 2)


@pytest.mark.parametrize(("confusion", "gain_is_nan"), [([[0, 0], [0, 0]], True), ([[0, 0], [0, 1]], False)])
def test_no_rows_have_no_gain_and_one_row_has_no_standard_error(confusion: list[list[int]], gain_is_nan: bool) -> None:
    row = ValueMatrix(**RULE).gain(evidence(binary(np.array([confusion]))))
    assert math.isnan(row.gain_per_1k) is gain_is_nan
    assert math.isnan(row.se_per_1k)
    assert row.reason == ("no rows" if gain_is_nan else None)


def test_gain_by_cell_is_the_gain_of_each_cell_with_an_interval() -> None:
    rule, confusion = ValueMatrix(**RULE), np.array([[[5, 3], [2, 7]], [[0, 0], [0, 0]], [[0, 0], [0, 4]]])
    cells = rule.by_cell(evidence(binary(confusion)))
    alone = [rule.gain(evidence(binary(confusion[i : i + 1]))) for i in range(3)]
    np.testing.assert_allclose(cells.value, [a.gain_per_1k for a in alone])
    half = 1.959963984540054 * alone[0].se_per_1k
    assert (cells.ci_low[0], cells.ci_high[0]) == pytest.approx((alone[0].gain_per_1k - half, alone[0].gain_per_1k + half))
    assert list(cells.undefined_reason) == [None, "no rows", None]
    assert np.isnan(cells.ci_low[2]), "four equal rows give a width of zero, which is no interval"
    assert list(cells.ci_method) == ["normal", "", ""]


def test_gain_by_cell_against_the_champion_needs_the_pair() -> None:
    rule = ValueMatrix(**RULE, baseline="champion")
    own = of_rows([(1, 0, 1), (0, 0, 1), (0, 1, 1)])
    assert rule.by_cell(own).value[0] == pytest.approx(rule.gain(own).gain_per_1k)
    assert rule.by_cell(evidence(own.tally)) is None
    champion = rule.by_cell(evidence(own.tally, is_champion=True))
    assert (champion.value.tolist(), champion.ci_method.tolist()) == ([0.0], [""])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true_positive": {"column": ""}}, "true_positive.column: found '', wanted the name of a column"),
        ({"true_positive": {"colum": "amount"}}, "true_positive.colum: unknown key; keys are: column, times; did you mean 'column'"),
        ({"true_positive": {"column": "amount", "times": None}}, "true_positive.times: found None, wanted a finite factor"),
        ({"false_positive": "two"}, "false_positive: found 'two', wanted a finite number"),
        ({"true_negative": True}, "true_negative: found True"),
        ({"false_negative": math.inf}, "false_negative: found inf"),
        ({"currency": " "}, "currency: found ' ', wanted a currency code"),
        ({"baseline": "nobody"}, "baseline: found 'nobody', wanted one of none, all, champion"),
        ({"baseline": {"column": 3}}, "baseline.column: found 3, wanted the name of a column"),
        ({"overrides": "carrier=UA"}, "overrides: found 'carrier=UA', wanted a list"),
        ({"overrides": [{"slice": "UA", "true_positive": 1}]}, "overrides: found .*, wanted a slice and its values"),
        ({"overrides": [{"slice": "carrier=UA"}]}, "overrides: slice 'carrier=UA' has no value of its own"),
        (
            {"overrides": [{"slice": "carrier=UA", "true_positve": 1}]},
            "overrides.true_positve: unknown key; .* did you mean 'true_positive'",
        ),
        ({"overrides": [{"slice": "carrier=UA", "true_positive": "a"}]}, "carrier=UA true_positive: found 'a', wanted a finite number"),
        ({"overrides": [{"slice": "a=1", "true_positive": 1}, {"slice": "b=1", "true_positive": 1}]}, "slices of 'a' and of 'b'"),
        ({"overrides": [{"slice": "a=1", "true_positive": 1}] * 2}, "slice 'a=1' stands there twice"),
    ],
)
def test_what_means_nothing_is_refused_in_one_sentence(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ValueMatrix(**{**RULE, **change})


def test_whole_numbers_from_a_conf_are_figures_too() -> None:
    assert ValueMatrix(2, -1, 0, 0, "EUR").figures() == {
        "true_positive": 2.0,
        "false_positive": -1.0,
        "false_negative": 0.0,
        "true_negative": 0.0,
    }
    assert isinstance(ValueMatrix(2, -1, 0, 0, "EUR"), GainRule)


@pytest.mark.parametrize("values", [(5.0, -1.0, 0.0, 0.0), (2.0, -3.0, -4.0, 1.0), (-1.0, 2.0, 0.5, 0.0)])
def test_the_range_over_missing_labels_is_that_of_all_labellings(values: tuple[float, ...]) -> None:
    names = ("true_positive", "false_positive", "false_negative", "true_negative")
    rule = ValueMatrix(**dict(zip(names, values, strict=True)), currency="USD")
    labelled = [(1, 0, 1), (0, 0, 1), (1, 1, 0), (0, 1, 1)]
    decisions = [(0, 1), (0, 1), (1, 0), (1, 1)]  # of the unlabelled rows: champion, challenger
    found = rule.difference_range(of_rows(labelled).paired, 2, 1, 1)
    gains = []
    for labels in itertools.product((0, 1), repeat=4):
        whole = labelled + [(y, a, b) for y, (a, b) in zip(labels, decisions, strict=True)]
        gains.append(rule.gain(of_rows(whole)).vs_champion_per_1k)
    np.testing.assert_allclose(found, (min(gains), max(gains)))


def test_a_rule_is_the_same_again_from_its_own_fields_and_goes_into_a_set() -> None:
    rule = ValueMatrix({"column": "a", "times": 2}, -1, 0, 0, "USD", {"column": "flag"}, "", [{"slice": "c=x", "true_positive": 1}])
    again = ValueMatrix(rule.true_positive, -1, 0, 0, "USD", rule.baseline, "", rule.overrides)
    assert {rule, again} == {rule}
    assert rule.true_positive == Amount("a", 2.0)
    assert (rule.columns(), rule.policy_column()) == (("a", "flag"), "flag")
