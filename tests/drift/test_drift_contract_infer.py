"""Contracts inferred from a reference: each rule, and that an ordinary next sample keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.drift.contract_check import check_column
from harness.drift.contract_infer import infer_contract, infer_rule
from harness.drift.contract_values import never_falls
from harness.records.column import Column
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


@pytest.mark.parametrize(("n_missing", "limit"), [(0, 0.0), (1, 0.03), (50, 1.0), (100, 1.0)])
def test_missing_values_may_double_and_be_one_in_a_hundred_more(n_missing: int, limit: float) -> None:
    assert rule_of([NAN] * n_missing + [float(i % 7) for i in range(100 - n_missing)]).max_missing_share == limit


@pytest.mark.parametrize(
    ("values", "dtype", "low", "high"),
    [
        ([10.0, 20.0, 30.0], "float64", -10.0, 50.0),
        ([0, 50, 100], "int64", 0, 200),  # never below 0, and it comes to it
        ([-100, -50, 0], "int64", -200, 0),
        ([80.0, 900.0, 4983.0], "float64", 0.0, 9886.0),  # as near 0 as distances come
        ([8.0, 50.0, 100.0], "float64", -84.0, 192.0),  # degrees, say, that a colder month takes below 0
        ([-1.0, 0.0, 1.0], "float64", -3.0, 3.0),
        ([5.0, 5.0, 5.0], "float64", None, None),  # of a constant no spread is known
        ([1.0, 2.0, INF], "float64", None, None),
        ([0.0] * 1000 + [9.0], "float64", 0.0, None),  # 99 in 100 are 0: nothing says how far the others go
        ([NAN, NAN], "float64", None, None),
    ],
)
def test_the_range_is_widened_by_its_own_spread(values: list[float], dtype: str, low: float | None, high: float | None) -> None:
    rule = rule_of(values, dtype)
    assert [bound if bound is None else round(bound, 6) for bound in (rule.minimum, rule.maximum)] == [low, high]


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


@pytest.mark.parametrize(
    ("values", "dtype", "unique"),
    [(range(1000), "int64", True), (range(999), "int64", False), ([0, *range(1000)], "int64", False), (range(1000), "float64", False)],
)
def test_ids_are_unique_and_have_neither_range_nor_unit(values: Any, dtype: str, unique: bool) -> None:
    rule = rule_of(list(values), dtype)
    assert (rule.is_unique, rule.check_unit, rule.minimum is None) == (unique, not unique, unique)


def test_texts_are_unique_and_an_estimate_of_them_says_nothing() -> None:
    texts = [f"id{i}" for i in range(1000)]
    assert closed([*texts]).is_unique
    profile = profile_of(text_column(texts, []), 1000)
    assert not infer_rule(replace(profile, cardinality=Cardinality(1000.0, "hyperloglog"))).is_unique


def test_what_varied_in_every_window_must_not_be_constant() -> None:
    windows = tuple([1] * 2 + [2] * 2)
    assert not rule_of([1.0, 2.0, 3.0, 4.0], windows=windows).may_be_constant
    assert rule_of([1.0, 1.0, 3.0, 4.0], windows=windows).may_be_constant
    assert rule_of([1.0, 2.0, 3.0, 4.0]).may_be_constant


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
