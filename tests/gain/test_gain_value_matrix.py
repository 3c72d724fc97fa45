from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gain.rule import GainRule
from harness.gain.value_matrix import ValueMatrix
from harness.records.tally import BinaryTally, Moments, PairedTally
from tests.oracles.row_values import gain_and_se_per_1k

RULE = {"true_positive": 2.0, "false_positive": -0.6, "false_negative": -0.1, "true_negative": 0.05, "currency": "USD"}
ROWS = st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=2, max_size=40)


def binary(confusion: np.ndarray) -> BinaryTally:
    n = len(confusion)
    empty = Moments(np.zeros(n), np.zeros(n))
    bins = np.zeros((n, 15), dtype=np.int64)
    return BinaryTally(confusion.astype(np.int64), bins, bins, bins.astype(float), empty, empty, None)


def paired(cells: np.ndarray) -> PairedTally:
    n = len(cells)
    m = Moments(np.zeros(n), np.zeros(n))
    return PairedTally(cells.astype(np.int64), m, m, m, m, None)


def tallies(rows: list[tuple[int, int, int]]) -> tuple[BinaryTally, PairedTally]:
    cells = np.zeros((1, 2, 2, 2), dtype=np.int64)
    for y, champion, challenger in rows:
        cells[0, y, champion, challenger] += 1
    return binary(cells.sum(axis=2)), paired(cells)


@pytest.mark.parametrize("baseline", ["none", "all", "champion"])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_gain_and_its_standard_error_equal_the_row_by_row_definition(baseline: str, rows: list[tuple[int, int, int]]) -> None:
    rule = ValueMatrix(**RULE, baseline=baseline)
    labels, champion, own = zip(*rows, strict=True)
    policy = {"none": [0] * len(rows), "all": [1] * len(rows), "champion": champion}[baseline]
    row = rule.gain("v", *tallies(rows))
    assert (row.gain_per_1k, row.se_per_1k) == pytest.approx(gain_and_se_per_1k(rule, labels, own, policy), rel=1e-9, abs=1e-9)
    against = gain_and_se_per_1k(rule, labels, own, champion)
    assert (row.vs_champion_per_1k, row.vs_champion_se_per_1k) == pytest.approx(against, rel=1e-9, abs=1e-9)


def test_without_a_pair_there_is_no_difference_to_the_champion() -> None:
    row = ValueMatrix(**RULE).gain("v", tallies([(1, 0, 1), (0, 0, 1)])[0], None)
    assert (row.vs_champion_per_1k, row.vs_champion_se_per_1k) == (None, None)
    assert row.gain_per_1k == pytest.approx(1000 * (2.1 - 0.65) / 2)


def test_against_the_champion_the_champion_gains_nothing_and_an_unpaired_variant_is_undefined() -> None:
    rule, tally = ValueMatrix(**RULE, baseline="champion"), tallies([(1, 0, 1), (0, 0, 1)])[0]
    champion = rule.gain("c", tally, None, is_champion=True)
    assert (champion.gain_per_1k, champion.vs_champion_per_1k, champion.vs_champion_se_per_1k) == (0.0, 0.0, 0.0)
    assert math.isnan(rule.gain("v", tally, None).gain_per_1k)


@pytest.mark.parametrize(("confusion", "gain_is_nan"), [([[0, 0], [0, 0]], True), ([[0, 0], [0, 1]], False)])
def test_no_rows_have_no_gain_and_one_row_has_no_standard_error(confusion: list[list[int]], gain_is_nan: bool) -> None:
    row = ValueMatrix(**RULE).gain("v", binary(np.array([confusion])), None)
    assert math.isnan(row.gain_per_1k) is gain_is_nan
    assert math.isnan(row.se_per_1k)


def test_gain_by_cell_is_the_gain_of_each_cell_with_an_interval() -> None:
    rule, confusion = ValueMatrix(**RULE), np.array([[[5, 3], [2, 7]], [[0, 0], [0, 0]], [[0, 0], [0, 4]]])
    cells = rule.by_cell(binary(confusion), None)
    alone = [rule.gain("v", binary(confusion[i : i + 1]), None) for i in range(3)]
    np.testing.assert_allclose(cells.value, [a.gain_per_1k for a in alone])
    half = 1.959963984540054 * alone[0].se_per_1k
    assert (cells.ci_low[0], cells.ci_high[0]) == pytest.approx((alone[0].gain_per_1k - half, alone[0].gain_per_1k + half))
    assert list(cells.undefined_reason) == [None, "no rows", None]
    assert np.isnan(cells.ci_low[2]), "four equal rows give a width of zero, which is no interval"
    assert list(cells.ci_method) == ["normal", "", ""]


def test_gain_by_cell_against_the_champion_needs_the_pair() -> None:
    rule = ValueMatrix(**RULE, baseline="champion")
    tally, pair = tallies([(1, 0, 1), (0, 0, 1), (0, 1, 1)])
    assert rule.by_cell(tally, pair).value[0] == pytest.approx(rule.gain("v", tally, pair).gain_per_1k)
    with pytest.raises(ValueError, match="name a champion or use baseline: none"):
        rule.by_cell(tally, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true_positive": {"column": "amount"}}, "true_positive: found a column reference .* not offered yet; give one number"),
        ({"false_positive": "two"}, "false_positive: found 'two', wanted a finite number"),
        ({"true_negative": True}, "true_negative: found True"),
        ({"false_negative": math.inf}, "false_negative: found inf"),
        ({"currency": " "}, "currency: found ' ', wanted a currency code"),
        ({"baseline": "nobody"}, "baseline: found 'nobody', wanted one of none, all, champion"),
    ],
)
def test_what_means_nothing_is_refused_in_one_sentence(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ValueMatrix(**{**RULE, **change})


def test_whole_numbers_from_a_conf_are_figures_too() -> None:
    assert ValueMatrix(2, -1, 0, 0, "EUR").values.tolist() == [[0.0, -1.0], [0.0, 2.0]]
    assert isinstance(ValueMatrix(2, -1, 0, 0, "EUR"), GainRule)


@pytest.mark.parametrize("values", [(5.0, -1.0, 0.0, 0.0), (2.0, -3.0, -4.0, 1.0), (-1.0, 2.0, 0.5, 0.0)])
def test_the_range_over_missing_labels_is_that_of_all_labellings(values: tuple[float, ...]) -> None:
    names = ("true_positive", "false_positive", "false_negative", "true_negative")
    rule = ValueMatrix(**dict(zip(names, values, strict=True)), currency="USD")
    labelled = [(1, 0, 1), (0, 0, 1), (1, 1, 0), (0, 1, 1)]
    decisions = [(0, 1), (0, 1), (1, 0), (1, 1)]  # of the unlabelled rows: champion, challenger
    _, known = tallies(labelled)
    found = rule.difference_range(known, 2, 1, 1)
    gains = []
    for labels in itertools.product((0, 1), repeat=4):
        whole = labelled + [(y, a, b) for y, (a, b) in zip(labels, decisions, strict=True)]
        gains.append(rule.gain("b", *tallies(whole)).vs_champion_per_1k)
    np.testing.assert_allclose(found, (min(gains), max(gains)))
