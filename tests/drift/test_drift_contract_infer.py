"""Contracts inferred from a reference: each rule, and that an ordinary next sample keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.drift.contract_check import check_column
from harness.drift.contract_infer import infer_contract, infer_rule
from harness.drift.contract_rows import present_values
from harness.drift.contract_values import all_differ, never_falls, rises
from harness.records.column import Column
from harness.records.contract import ColumnRule
from harness.records.profile import Cardinality
from tests.support.contract_rows import cells_of, compared, number_column, profile_of, text_column

NAN, INF = np.nan, np.inf


def rule_of(values: Any, dtype: str = "float64", windows: tuple[int, ...] = (), **changes: Any) -> Any:
    column = number_column(values, [], dtype, **changes)
    return infer_rule(profile_of(column, len(column.values), windows))


def test_presence_and_type_are_as_they_were() -> None:
    contract = infer_contract([profile_of(number_column([1.0, 2.0], [], "int64"), 2)], "reference 2013-03")
    assert (contract.source, contract.is_inferred) == ("reference 2013-03", True)
    assert [(r.column, r.type, r.required) for r in contract.rules] == [("x", "int64", True)]


@pytest.mark.parametrize(("n_missing", "limit"), [(0, 0.01), (1, 0.03), (50, 1.0), (100, 1.0)])
def test_missing_values_may_double_and_be_one_in_a_hundred_more(n_missing: int, limit: float) -> None:
    assert rule_of([NAN] * n_missing + [float(i % 7) for i in range(100 - n_missing)]).max_missing_share == limit


@pytest.mark.parametrize(
    ("values", "dtype", "low", "high"),
    [
        ([0.0, 0.5, 1.0], "float64", -3.0, 4.0),
        ([10.0, 20.0, 30.0], "float64", -50.0, 90.0),
        ([26.06, 41.0, 60.08], "float64", -76.0, 162.14),  # degrees Fahrenheit of March: a summer has 100
        ([0, 50, 100], "int64", 0, 400),  # counts: never below 0, and they come to it
        ([80, 900, 4983], "int64", 0, 19692),  # as near 0 as distances come
        ([1, 4, 7], "int64", 0, 25),
        ([20, 50, 90], "int64", -190, 300),
        ([-100, -50, 0], "int64", -400, 0),
        ([0.1, 20.0, 40.0], "float64", -119.6, 159.7),  # degrees, say, that a colder month takes below 0
        ([0.0] * 20 + [20.0, 40.0] * 40, "float64", 0.0, 160.0),  # rain: often 0 exactly and never below
        ([0.0] + [20.0, 30.0, 40.0] * 100, "float64", -120.0, 160.0),  # once 0 in 301 rows
        ([0.0] * 20 + [-20.0, -40.0] * 40, "float64", -160.0, 0.0),
        ([2.0, 200.0, 450.0], "float64", -998.0, 1794.0),  # seats: -999 means that they are not known
        ([-1000.0, 0.0, 400.0], "float64", -5200.0, 4600.0),  # as low as these, -999 is a value as others are
        ([1e6, 1.00004e6], "float64", 999880.0, 1000160.0),
        ([-1.0, 0.0, 1.0], "float64", -7.0, 7.0),
        ([5.0, 5.0, 5.0], "float64", None, None),  # of a constant no spread is known
        ([1.0, 2.0, INF], "float64", None, None),
        ([0.0] * 1000 + [9.0], "float64", 0.0, None),  # 99 in 100 are 0: nothing says how far the others go
        ([NAN, NAN], "float64", None, None),
    ],
)
def test_the_range_is_widened_by_three_spreads(values: list[float], dtype: str, low: float | None, high: float | None) -> None:
    rule = rule_of(values, dtype)
    assert [bound if bound is None else round(bound, 6) for bound in (rule.minimum, rule.maximum)] == [low, high]


def test_a_spread_beyond_float64_leaves_no_bounds() -> None:
    profile = profile_of(number_column([1.0, 2.0], []), 2)
    moments = replace(profile.moments, minimum=np.array([-1e308]), maximum=np.array([1e308]))
    rule = infer_rule(replace(profile, moments=moments))
    assert (rule.minimum, rule.maximum) == (None, None)


def test_whole_numbers_have_whole_bounds_and_times_have_none() -> None:
    rule = rule_of([1, 2, 5, 11, 30], "int64")
    assert isinstance(rule.maximum, int)
    time = rule_of([1, 2, 5], "int64", kind="time")
    assert (time.minimum, time.maximum, time.is_unique) == (None, None, False)


@pytest.mark.parametrize("draw", ["normal", "lognormal", "exponential", "pareto"])
def test_the_next_sample_of_a_heavy_tail_keeps_the_range_as_a_rule(draw: str) -> None:
    # Pareto's tail of index 2; the reference's own spread alone is left by one log-normal sample in ten, and by more of the Pareto's
    sampler = {"pareto": lambda g: g.pareto(2.0, 1_000), "lognormal": lambda g: g.lognormal(0.0, 1.0, 1_000)}
    broken = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        first, second = (sampler[draw](rng) if draw in sampler else getattr(rng, draw)(size=1_000) for _ in range(2))
        rule = rule_of(first)
        broken += bool(second.min() < rule.minimum or second.max() > rule.maximum)
    assert broken <= 4  # of 200: one in a hundred, and its binomial noise


def closed(texts: list[str | None], windows: tuple[int, ...] = (), **changes: Any) -> Any:
    profile = profile_of(text_column(texts, [], **changes), len(texts), windows)
    return infer_rule(profile)


def test_a_set_is_closed_where_more_values_would_have_shown() -> None:
    rule = closed(["a", "b", None] * 100)
    assert (rule.categories, rule.max_unseen_share) == (("a", "b"), 0.01)
    assert closed(["a", "b"] * 99).categories is None  # fewer than 100 rows a value
    assert closed([str(i) for i in range(51)] * 100).categories is None
    assert len(closed([str(i) for i in range(50)] * 100).categories) == 50
    assert closed(["true", "false"] * 200, type="bool").categories is None
    assert closed([None] * 200).categories is None


def test_values_of_the_current_rows_or_that_were_not_counted_one_by_one_are_in_no_closed_set() -> None:
    column = text_column(["a", "b"] * 100, ["c"])
    profile = profile_of(column, 200)
    assert infer_rule(profile).categories == ("a", "b")
    assert infer_rule(replace(profile, cardinality=Cardinality(3.0, "exact"))).categories is None


def test_a_set_that_still_grows_is_not_closed() -> None:
    days = ["2013-03-01"] * 150 + ["2013-03-02"] * 150
    assert closed(days, tuple([1] * 150 + [2] * 150)).categories is None
    assert closed(["a", "b"] * 150, tuple([1] * 150 + [2] * 150)).categories == ("a", "b")


@pytest.mark.parametrize(("n_distinct", "dtype", "is_open"), [(85, "int64", True), (84, "int64", False), (100, "float64", False)])
def test_whole_numbers_that_differ_in_nearly_every_row_have_no_range_but_a_unit(n_distinct: int, dtype: str, is_open: bool) -> None:
    values = [*range(n_distinct), *[0] * (100 - n_distinct)]
    rule = rule_of(values, dtype)
    assert (rule.minimum is None, rule.maximum is None, rule.check_unit, rule.is_unique) == (is_open, is_open, True, False)
    estimated = replace(profile_of(number_column(values, [], dtype), 100), cardinality=Cardinality(0.92 * n_distinct, "hyperloglog"))
    assert (infer_rule(estimated).minimum is None) == (dtype == "int64" and 0.92 * n_distinct >= 85)
    assert rule_of(range(99), "int64").maximum is not None  # of 99 rows, all different says little


def test_amounts_that_are_all_different_may_repeat_in_more_rows() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.choice(1_000_000, 1_000, replace=False), rng.integers(0, 1_000_000, 20_000)
    column = number_column(first, second, "int64")
    reference = profile_of(column, 1_000)
    assert check_column(infer_rule(reference), column, compared(1_000, 20_000), cells_of([0] * 1_000, [0] * 20_000), reference)[:2] == (
        [],
        [],
    )


def test_an_id_is_unique_and_its_values_go_on() -> None:
    number, text = number_column(range(5), [], "int64"), text_column(["a", "b"] * 200, [])
    unique = infer_rule(profile_of(number, 5), is_unique=True)
    assert unique == ColumnRule("x", type="int64", max_missing_share=0.01, is_unique=True, check_unit=False, check_stays=False)
    session = infer_rule(profile_of(text, 400), goes_on=True)
    assert session == ColumnRule("x", type="string", max_missing_share=0.01, check_unit=False, check_stays=False)


def test_values_that_rise_with_the_rows_go_on() -> None:
    months = np.repeat([1, 2, 3], 200)
    column = number_column(months, np.repeat(range(4, 13), 200), "int64")
    windows = list(months), [*np.repeat(range(1, 10), 200)]
    reference = profile_of(column, 600, windows[0])
    rule = infer_rule(reference, goes_on=rises(months))
    assert check_column(rule, column, compared(600, 1_800), cells_of(*windows), reference)[:2] == ([], [])
    assert infer_rule(reference).maximum == 9  # without it December is out of range


@pytest.mark.parametrize(
    ("values", "does"),
    [
        (np.repeat([1, 2], 50), True),
        (np.repeat([1, 2], 49), False),  # 98 rows
        (np.repeat(1, 200), False),
        ([*range(200), 198], False),
        ([*range(1 << 16), (1 << 16) - 2, 1 << 17], False),  # it falls where two pieces meet
        (np.arange((1 << 16) + 1), True),
    ],
)
def test_a_column_rises_where_it_differs_and_never_falls(values: Any, does: bool) -> None:
    assert rises(np.asarray(values)) == does


def test_reference_rows_without_a_value_are_left_out() -> None:
    number = number_column([3.0, NAN, 1.0], [9.0])
    assert present_values(number, slice(0, 3)).tolist() == [3.0, 1.0]
    masked = number_column([3, 0, 1], [9], "int64", is_missing=np.array([False, True, False, False]))
    assert present_values(masked, np.array([1, 2, 3])).tolist() == [1, 9]
    assert present_values(text_column(["b", None, "a", "b"], []), slice(0, 4)).tolist() == [0, 1, 0]
    assert [all_differ(np.array(v)) for v in ([], [1], [2, 1], [2, 1, 2])] == [True, True, True, False]


@pytest.mark.parametrize(
    ("values", "windows", "may"),
    [
        ([1.0, 2.0] * 5, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5], False),
        ([1.0, 2.0] * 4 + [3.0, 3.0], [1, 1, 2, 2, 3, 3, 4, 4, 5, 5], True),  # constant in one of them
        ([1.0, 2.0] * 4, [1, 1, 2, 2, 3, 3, 4, 4], True),  # four windows are too few: a season has constants of its own
        ([1.0, 2.0] * 5, [], False),
        ([1.0, 1.0], [], True),
        (([0.0] * 9 + [1.0]) * 5, [*np.repeat(range(1, 6), 10)], True),  # mostly one value: a window without the other is common
        (([0.0] * 8 + [1.0] * 2) * 5, [*np.repeat(range(1, 6), 10)], False),
    ],
)
def test_what_varied_in_every_window_must_not_be_constant(values: list[float], windows: list[int], may: bool) -> None:
    assert rule_of(values, windows=tuple(windows)).may_be_constant == may


def test_a_time_may_be_constant_in_a_window() -> None:
    assert rule_of(range(10), "int64", (), kind="time").may_be_constant


def test_only_named_columns_must_never_fall() -> None:
    profile = profile_of(number_column([1, 2], [], "int64", kind="time"), 2)
    assert [infer_contract([profile], "r", names).rules[0].is_monotone for names in ((), ("x",))] == [False, True]
    assert [never_falls(np.array(v)) for v in ([], [1], [1, 1, 2], [2, 1])] == [True, True, True, False]


def test_a_column_that_cannot_be_compared_is_only_present() -> None:
    column = Column("x", "list<item: double>", "list<item: double>", "none")
    profile = replace(profile_of(number_column([1.0], []), 1), kind="none", type="list<item: double>")
    rule = infer_rule(profile)
    assert (rule.type, rule.max_missing_share, rule.minimum) == ("list<item: double>", None, None)
    assert check_column(rule, column, compared(1, 1), cells_of([0], [0]), None, None) == ([], [], 1)


@pytest.mark.parametrize("seed", range(20))
def test_rows_like_the_reference_keep_the_contract_that_was_inferred_from_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows = [1] * 400 + [2] * 400
    for draw in (
        lambda: rng.normal(50, 10, 800),
        lambda: rng.lognormal(0, 1, 800),
        lambda: rng.poisson(3, 800).astype(float),
        lambda: np.where(rng.random(800) < 0.05, NAN, rng.random(800)),
        lambda: (rng.random(800) < 0.01).astype(float),
    ):
        column = number_column(draw(), draw())
        reference = profile_of(column, 800, windows)
        found = check_column(infer_rule(reference), column, compared(800, 800), cells_of(windows, windows), reference, None)
        assert found[:2] == ([], [])
