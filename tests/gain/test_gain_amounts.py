"""Values that are amounts of a column, a heuristic column as baseline, and values of some slices, against the definition row by row."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.gain.value_matrix import ValueMatrix
from harness.records.tally import Grid
from tests.gain.evidence import of_cells, of_decisions
from tests.oracles.row_values import gain_and_se_per_1k, gains, mean_and_se_per_1k, value

FRAUD = {
    "true_positive": {"column": "amount", "times": 0.9},
    "false_positive": {"column": "fee", "times": -1},
    "false_negative": {"column": "amount", "times": -1},
    "true_negative": 0.02,
    "currency": "EUR",
}
BIT = st.integers(0, 1)
ROWS = st.lists(st.tuples(BIT, BIT, BIT, BIT, st.sampled_from([0.0, -0.0, 5.0, 5.0, 1e6, 0.01]), st.integers(-3, 9)), max_size=25)
SLICED = Grid(("all", "c", "c", "c", "d", "d"), ("all", "x", "y", "z", "p", "q"), ("all",))


def columns_of(rows):
    labels, champion, own, flag, amount, fee = (np.array(c, np.float64) for c in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 6
    return labels.astype(int), champion.astype(int), own.astype(int), flag.astype(int), {"amount": amount, "fee": fee}


def close(found, wanted) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("baseline", ["none", "all", "champion", {"column": "flag"}])
@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_gain_of_amounts_equals_the_row_by_row_definition(baseline, rows) -> None:
    labels, champion, own, flag, amounts = columns_of(rows)
    rule = ValueMatrix(**FRAUD, baseline=baseline)
    policy = {"none": 0 * own, "all": 0 * own + 1, "champion": champion}.get(str(baseline), flag)
    seen = of_decisions(labels, champion, own, amounts, ("flag", flag) if isinstance(baseline, dict) else None)
    row = rule.gain(seen)
    close((row.gain_per_1k, row.se_per_1k), gain_and_se_per_1k(rule, labels, own, policy, amounts))
    close((row.vs_champion_per_1k, row.vs_champion_se_per_1k), gain_and_se_per_1k(rule, labels, own, champion, amounts))
    assert (row.n_rows, row.vs_champion_n_rows) == (len(rows), len(rows))
    assert (row.reason == "no rows") is (not rows)


@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_a_heuristic_column_is_a_baseline_of_constants_too(rows) -> None:
    labels, champion, own, flag, _ = columns_of(rows)
    rule = ValueMatrix(2.0, -0.6, -0.1, 0.0, "USD", {"column": "flag"})
    row = rule.gain(of_decisions(labels, champion, own, None, ("flag", flag)))
    close((row.gain_per_1k, row.se_per_1k), gain_and_se_per_1k(rule, labels, own, flag))
    assert row.baseline == "column flag"


def test_a_spread_far_below_the_amounts_keeps_its_digits() -> None:
    rng = np.random.default_rng(3)
    amount = 1e9 + rng.integers(0, 8, 200) / 8
    ones = np.ones(200, int)
    rule = ValueMatrix({"column": "amount"}, 0, 0, 0, "USD")
    row = rule.gain(of_decisions(ones, ones, ones, {"amount": amount}))
    assert row.se_per_1k == pytest.approx(1000 * np.std(amount, ddof=1) / math.sqrt(200), rel=1e-6)


def test_moments_of_more_columns_than_a_rule_reads_answer_it_too_in_any_order() -> None:
    rng = np.random.default_rng(0)
    labels, champion, own = rng.integers(0, 2, (3, 40))
    amounts = {"fee": rng.random(40), "amount": rng.random(40) * 100, "other": rng.random(40)}
    seen, rule = of_decisions(labels, champion, own, amounts), ValueMatrix(**FRAUD)
    assert rule.columns() == ("amount", "fee")
    close(rule.gain(seen).gain_per_1k, gain_and_se_per_1k(rule, labels, own, 0 * own, amounts)[0])


def test_what_was_not_kept_is_refused_in_one_sentence() -> None:
    seen = of_decisions([0, 1], [0, 1], [1, 1], {"amount": np.ones(2)})
    with pytest.raises(ConfigError, match=r"gain: column fee was not kept with these results; run harness sweep with this gain"):
        ValueMatrix(**FRAUD).gain(seen)
    with pytest.raises(ConfigError, match="gain: column flag was not kept"):
        ValueMatrix(1, -1, 0, 0, "USD", {"column": "flag"}).gain(seen)
    with pytest.raises(ConfigError, match="gain: column amount, column fee was not kept"):
        ValueMatrix(**FRAUD).by_cell(replace(seen, moments=None))


OVERRIDES = [
    {"slice": "c=x", "true_positive": 50.0, "false_negative": {"column": "amount", "times": -2}},
    {"slice": "c=z", "false_positive": -9.0},
]


def sliced(seed: int, n: int = 60):
    rng = np.random.default_rng(seed)
    labels, champion, own = rng.integers(0, 2, (3, n))
    c, d = rng.integers(0, 3, n), rng.integers(0, 2, n)
    amounts = {"amount": np.round(rng.lognormal(3, 1, n), 2), "fee": rng.random(n)}
    ids = np.stack([0 * c, 1 + c, 4 + d], axis=1).astype(np.uint16)
    return labels, champion, own, amounts, [str("xyz"[i]) for i in c], of_decisions(labels, champion, own, amounts, None, ids, SLICED)


@pytest.mark.parametrize(
    "base", [FRAUD, {"true_positive": 3, "false_positive": -1, "false_negative": -2, "true_negative": 0, "currency": "EUR"}]
)
@pytest.mark.parametrize("baseline", ["none", "champion"])
def test_values_of_slices_hold_for_their_rows_only(base, baseline) -> None:
    labels, champion, own, amounts, where, seen = sliced(4)
    overrides = OVERRIDES if base is FRAUD else [{"slice": "c=x", "true_positive": 50.0}, OVERRIDES[1]]
    rule = ValueMatrix(**base, baseline=baseline, overrides=overrides)
    rows = gains(rule, labels, own, 0 * own if baseline == "none" else champion, amounts, where)
    row = rule.gain(seen)
    close((row.gain_per_1k, row.se_per_1k), mean_and_se_per_1k(rows))
    assert row.gain_per_1k != pytest.approx(ValueMatrix(**base, baseline=baseline).gain(seen).gain_per_1k)
    cells = rule.by_cell(seen)
    for at, name in ((1, "x"), (2, "y"), (3, "z")):
        close(cells.value[at], mean_and_se_per_1k([g for g, w in zip(rows, where, strict=True) if w == name])[0])
    assert np.isnan(cells.value[4:]).all()
    assert cells.undefined_reason[4] == "overrides by c: how these rows are spread over it is not counted"
    assert list(cells.undefined_reason[:4]) == [None] * 4


def test_values_of_slices_by_window() -> None:
    cells = np.arange(4 * 2 * 8).reshape(8, 2, 2, 2)
    cells[0:2] = cells[2:8].reshape(3, 2, 2, 2, 2).sum(axis=0)
    grid = Grid(("all", "c", "c", "c"), ("all", "x", "y", "z"), ("all", "one"))
    rule = ValueMatrix(1, -1, 0, 0, "USD", overrides=[{"slice": "c=y", "true_positive": 100}])
    found = rule.by_cell(of_cells(cells, grid=grid))
    counts = cells.sum(axis=2)[:, :, 1]  # flagged, by label
    worth = [1000 * (t * (100 if i // 2 == 2 else 1) - f) for i, (f, t) in enumerate(counts)]
    n = cells.sum(axis=(1, 2, 3))
    close(found.value[2:], np.array(worth)[2:] / n[2:])
    close(found.value[:2], [sum(worth[2 + w :: 2]) / n[w] for w in range(2)])


def test_slices_that_are_not_there_or_hold_not_every_row() -> None:
    seen = sliced(1)[-1]
    rule = ValueMatrix(**FRAUD, overrides=[{"slice": "c=w", "true_positive": 1.0}])
    with pytest.raises(ConfigError, match=r"no judged row is in slice 'c=w'; slices of 'c' are: x, y, z"):
        rule.gain(seen)
    with pytest.raises(ConfigError, match="no judged row is in slice"):
        rule.check_slices(SLICED)
    rule = ValueMatrix(1, -1, 0, 0, "USD", overrides=[{"slice": "c=x", "true_positive": 5.0}])
    cells = np.ones((2, 2, 2, 2), int)
    cells[0] *= 2
    row = rule.gain(of_cells(cells, grid=Grid(("all", "c"), ("all", "x"), ("all",))))
    assert math.isnan(row.gain_per_1k)
    assert row.reason == "overrides by c: some rows are in no slice of it"
    with pytest.raises(ConfigError, match="the slices of these rows are not known"):
        rule.gain(of_cells(cells))
    with pytest.raises(ConfigError, match=r"gain.overrides: the replay has no slices of 'c'; it is sliced by: carrier, d"):
        rule.check({}, ("carrier", "d"))
    rule.check({}, ("c",))


@pytest.mark.parametrize("rule", [ValueMatrix(**FRAUD), ValueMatrix(**FRAUD, overrides=OVERRIDES)])
def test_one_more_error_costs_the_mean_of_right_less_wrong(rule) -> None:
    labels, _, _, amounts, where, seen = sliced(7)
    own = [{k: float(v[i]) for k, v in amounts.items()} for i in range(len(labels))]
    costs = [value(rule, y, y, a, w) - value(rule, y, 1 - y, a, w) for y, a, w in zip(labels, own, where, strict=True)]
    close(rule.error_cost_per_row(seen), np.mean(costs))
    assert ValueMatrix(2, -1, 0, 0, "USD").error_cost_per_row(of_cells(np.zeros((1, 2, 2, 2)))) is None


def test_every_figure_can_be_changed_by_its_name() -> None:
    rule = ValueMatrix(**FRAUD, overrides=OVERRIDES)
    assert rule.figures() == {
        "true_positive.times": 0.9,
        "false_positive.times": -1.0,
        "false_negative.times": -1.0,
        "true_negative": 0.02,
        "c=x true_positive": 50.0,
        "c=x false_negative.times": -2.0,
        "c=z false_positive": -9.0,
    }
    for name in rule.figures():
        changed = rule.with_figure(name, 7.5)
        assert {k for k, v in changed.figures().items() if v != rule.figures()[k]} == {name}
        assert changed.with_figure(name, rule.figures()[name]) == rule
    with pytest.raises(ValueError, match=r"figure: found 'true_positive', wanted one of .* did you mean 'c=x true_positive'"):
        rule.with_figure("true_positive", 1.0)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(BIT, BIT, BIT, BIT, st.sampled_from([0.0, 5.0, 40.0, 0.01]), st.integers(0, 9)), min_size=4, max_size=9))
def test_the_range_over_missing_labels_holds_that_of_all_labellings(rows) -> None:
    labels, champion, own, _, amounts = columns_of(rows)
    hidden = np.where(np.arange(len(labels)) < 4, -1, labels)  # the first four have no label
    rule, seen = ValueMatrix(**FRAUD), of_decisions(hidden, champion, own, amounts)
    gained, lost = int(((own > champion) & (hidden < 0)).sum()), int(((own < champion) & (hidden < 0)).sum())
    low, high = rule.difference_range(seen.paired, gained, lost, 4 - gained - lost, given=seen)
    truths = []
    for guess in itertools.product((0, 1), repeat=4):
        whole = np.concatenate((guess, labels[4:]))
        truths.append(gain_and_se_per_1k(rule, whole, own, champion, amounts)[0])
    assert low <= min(truths) + 1e-6
    assert high >= max(truths) - 1e-6
    if gained + lost == 0:
        close((low, high), (min(truths), max(truths)))


def test_the_range_over_missing_labels_is_reached_where_amounts_are_all_the_same() -> None:
    labels, champion, own = np.array([-1, -1, -1, 1]), np.array([0, 0, 1, 0]), np.array([1, 1, 0, 1])
    seen = of_decisions(labels, champion, own, {"amount": np.full(4, 10.0), "fee": np.full(4, 3.0)})
    rule = ValueMatrix(**FRAUD)
    gained, lost = (19.0, -3.02), (-19.0, 3.02)  # flagging a fraud: 9 rather than -10; a false alarm: -3 rather than .02
    known = 19.0
    wanted = ((known + 2 * min(gained) + min(lost)) * 250, (known + 2 * max(gained) + max(lost)) * 250)
    close(rule.difference_range(seen.paired, 2, 1, 0, given=seen), wanted)


def test_the_range_over_missing_labels_is_not_bounded_where_nothing_was_kept_for_it() -> None:
    seen = sliced(2)[-1]
    open_range = (-math.inf, math.inf)
    assert ValueMatrix(**FRAUD).difference_range(seen.paired, 0, 0, 0) == open_range
    assert ValueMatrix(**FRAUD).difference_range(seen.paired, 1, 0, 0, given=replace(seen, unlabelled_moments=None)) == open_range
    rule = ValueMatrix(**FRAUD, overrides=OVERRIDES)
    assert rule.difference_range(seen.paired, 1, 0, 0) == open_range
    vs = rule.gain(seen).vs_champion_per_1k
    close(rule.difference_range(seen.paired, 0, 0, 0, given=seen), (vs, vs))


def test_the_range_over_missing_labels_under_values_of_slices() -> None:
    labels, champion, own, amounts, where, seen = sliced(5, 12)
    hidden = labels.copy()
    hidden[:5] = -1
    ids = np.stack([np.zeros(12), 1 + np.array(["xyz".index(w) for w in where]), np.full(12, 4)], axis=1).astype(np.uint16)
    seen = of_decisions(hidden, champion, own, amounts, None, ids, SLICED)
    rule = ValueMatrix(**FRAUD, overrides=OVERRIDES)
    gained, lost = int((own > champion)[:5].sum()), int((own < champion)[:5].sum())
    assert gained + lost > 0
    low, high = rule.difference_range(seen.paired, gained, lost, 5 - gained - lost, given=seen)
    truths = [
        gain_and_se_per_1k(rule, np.concatenate((guess, labels[5:])), own, champion, amounts, where)[0]
        for guess in itertools.product((0, 1), repeat=5)
    ]
    assert low - 1e-6 <= min(truths) < max(truths) <= high + 1e-6
