"""Changes of unit: found for many shapes and sizes, and not claimed for shifts, seasons, spreads and mixtures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from harness.drift.contract_check import check_column
from harness.drift.unit_change import find_unit_change, unit_change_by_window
from harness.drift.unit_names import TEMPERATURES, UNITS
from harness.records.contract import ColumnRule
from tests.oracles.contract import ks
from tests.support.contract_rows import cells_of, compared, number_column, profile_of

Draw = Callable[[np.random.Generator, int], Any]
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(50, 10, n),
    "lognormal": lambda rng, n: rng.lognormal(3, 0.3, n),
    "uniform": lambda rng, n: rng.uniform(0, 1, n),
    "beta": lambda rng, n: rng.beta(4, 3, n),
    "skewed whole numbers": lambda rng, n: rng.geometric(0.05, n),
    "about zero": lambda rng, n: rng.normal(0, 1, n),
    "many zeros": lambda rng, n: rng.lognormal(0, 0.5, n) * (rng.random(n) < 0.7),
}
IN_THE_BAND = ("normal", "lognormal", "uniform", "skewed whole numbers")  # shapes of which 200 rows tell 2.54 from 2 and 3


def two(shape: Draw, n: int, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return np.asarray(shape(rng, n), dtype=np.float64), np.asarray(shape(rng, n), dtype=np.float64)


@pytest.mark.parametrize("n", [200, 100_000])
@pytest.mark.parametrize("factor", [10.0, 100.0, 1000.0, 0.01, 0.001, 60.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_factor_is_found_by_name(shape: str, factor: float, n: int) -> None:
    reference, current = two(SHAPES[shape], n)
    change = find_unit_change(reference, current * factor, "x")
    assert change is not None
    assert (change.column, change.factor, change.offset, change.window) == ("x", pytest.approx(factor), 0.0, None)
    assert change.name.startswith(f"{factor:g} (" if factor > 1 else f"1/{1 / factor:g} (")


@pytest.mark.parametrize(("shape", "n"), [*((shape, 200) for shape in IN_THE_BAND), *((s, 100_000) for s in SHAPES if s != "about zero")])
def test_a_small_factor_is_found_where_the_rows_tell_it_from_a_season(shape: str, n: int) -> None:
    reference, current = two(SHAPES[shape], n)
    change = find_unit_change(reference, current * 2.54)
    assert change is not None
    assert change.name == "2.54 (inches written in centimetres)"


@pytest.mark.parametrize(("factor", "name"), [(1.609344, "1.609 (miles"), (0.45359237, "0.4536 (pounds"), (1 / 0.3048, "1/0.3048 (metres")])
def test_other_small_factors_have_their_names(factor: float, name: str) -> None:
    reference, current = two(SHAPES["normal"], 20_000)
    change = find_unit_change(reference, current * factor)
    assert change is not None
    assert change.name.startswith(name)


@pytest.mark.parametrize("n", [200, 100_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_fahrenheit_is_found_both_ways(shape: str, n: int) -> None:
    reference, current = two(SHAPES[shape], n)
    there, back = find_unit_change(reference, current * 1.8 + 32), find_unit_change(reference * 1.8 + 32, current)
    assert there is not None
    assert back is not None
    assert [(c.factor, c.offset, c.name) for c in (there, back)] == [(u.factor, u.offset, u.name) for u in TEMPERATURES]


def test_another_factor_is_named_as_one() -> None:
    reference, current = two(SHAPES["skewed whole numbers"], 20_000)
    change = find_unit_change(reference, current * 3.7)
    assert change is not None
    assert (change.name, change.factor) == ("a factor 3.7", 3.7)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_both_distances_are_exact_and_ties_survive_the_conversion(dtype: str) -> None:
    reference, current = (np.round(values).astype(dtype) for values in two(SHAPES["normal"], 300))
    change = find_unit_change(reference, current * np.array(100, dtype=dtype))
    assert change is not None
    assert change.ks_raw == pytest.approx(ks(reference.tolist(), (current * 100).tolist()))
    assert change.ks_rescaled == pytest.approx(ks(reference.tolist(), current.tolist()))
    assert change.ks_rescaled == pytest.approx(ks_2samp(reference, current, method="asymp").statistic)
    whole = find_unit_change(reference * 1.0, current * 0.01)
    assert whole is not None
    assert whole.ks_rescaled == change.ks_rescaled


UNCHANGED: dict[str, tuple[Draw, Draw]] = {
    "a shift": (lambda rng, n: rng.normal(50, 10, n), lambda rng, n: rng.normal(70, 10, n)),
    "a shift by 32": (lambda rng, n: rng.normal(0, 1, n), lambda rng, n: rng.normal(32, 1, n)),
    "a shift to ten times the mean": (lambda rng, n: rng.normal(10, 1, n), lambda rng, n: rng.normal(100, 1, n)),
    "a wider lognormal": (lambda rng, n: rng.lognormal(0, 1, n), lambda rng, n: rng.lognormal(0, 2, n)),
    "a shifted and wider lognormal": (lambda rng, n: rng.lognormal(0, 0.5, n), lambda rng, n: rng.lognormal(2, 1.5, n)),
    "a season of 1.3": (lambda rng, n: rng.lognormal(0, 0.2, n), lambda rng, n: 1.3 * rng.lognormal(0, 0.2, n)),
    "a season of 1.5": (lambda rng, n: rng.lognormal(0, 0.2, n), lambda rng, n: 1.5 * rng.lognormal(0, 0.2, n)),
    "a season of 3": (lambda rng, n: rng.lognormal(0, 0.2, n), lambda rng, n: 3 * rng.lognormal(0, 0.2, n)),
    "counts that double": (lambda rng, n: rng.poisson(10, n), lambda rng, n: rng.poisson(20, n)),
    "counts that are doubled": (lambda rng, n: rng.geometric(0.1, n), lambda rng, n: 2 * rng.geometric(0.1, n)),
    "another shape in the range": (lambda rng, n: rng.beta(2, 5, n), lambda rng, n: rng.beta(5, 2, n)),
    "another column of 0 to 100": (lambda rng, n: rng.beta(2, 5, n), lambda rng, n: rng.normal(50, 15, n)),
    "half of the rows in percent": (
        lambda rng, n: rng.beta(4, 3, n),
        lambda rng, n: rng.beta(4, 3, n) * np.where(rng.random(n) < 0.5, 100, 1),
    ),
    "the upper end gone": (lambda rng, n: rng.beta(5, 2, n), lambda rng, n: np.minimum(rng.beta(5, 2, n), 0.5)),
    "two values": (lambda rng, n: rng.random(n) < 0.3, lambda rng, n: 100 * (rng.random(n) < 0.9)),
    "a constant": (lambda rng, n: np.full(n, 3), lambda rng, n: np.full(n, 300)),
}


@pytest.mark.parametrize("n", [200, 20_000])
@pytest.mark.parametrize("world", UNCHANGED)
def test_what_is_no_change_of_unit_is_not_claimed(world: str, n: int) -> None:
    for seed in range(5 if n < 1_000 else 1):
        rng = np.random.default_rng(seed)
        reference, current = (np.asarray(draw(rng, n), dtype=np.float64) for draw in UNCHANGED[world])
        assert find_unit_change(reference, current) is None


def test_no_claim_in_five_hundred_samples_of_one_distribution() -> None:
    for seed in range(500):
        reference, current = two(list(SHAPES.values())[seed % len(SHAPES)], 100 + seed, seed)
        assert find_unit_change(reference, current) is None


def test_shares_in_percent_are_found_though_the_upper_end_is_gone() -> None:
    reference, current = two(SHAPES["beta"], 5_000)
    change = find_unit_change(reference, 100 * current[current < 0.6])
    assert change is not None
    assert (change.factor, change.ks_raw) == (100.0, pytest.approx(1.0, abs=0.01))
    assert change.name.startswith("100 (a share written in percent), of values from ")
    assert change.name.endswith(" to 0.6 alone")
    assert find_unit_change(reference, current[current < 0.6]) is None


@pytest.mark.parametrize("values", [[], [1.0] * 50, [np.nan] * 300, [np.inf] * 300, [1e-320, 5e-324, 0.0] * 100])
def test_too_few_values_claim_nothing(values: list[float]) -> None:
    reference, current = two(SHAPES["normal"], 300)
    assert find_unit_change(reference, np.array(values)) is None
    assert find_unit_change(np.array(values), current) is None


def test_a_factor_beyond_float64_is_no_unit() -> None:
    reference, current = two(SHAPES["normal"], 600)
    assert find_unit_change(reference * 1e-307, current * 1e305) is None
    assert find_unit_change(reference * 1e305, current * 1e-307) is None


def test_missing_and_infinite_values_are_left_out_and_extremes_do_no_harm() -> None:
    reference, current = two(SHAPES["lognormal"], 300)
    more = np.concatenate([100 * current, [np.nan, np.inf, -np.inf, 1e308]])
    change = find_unit_change(np.concatenate([reference, [np.nan, 1e-308]]), more)
    assert change is not None
    assert change.factor == 100.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1.0, 100.0]))
def test_the_order_of_rows_is_free(seed: int, factor: float) -> None:
    reference, current = two(SHAPES["beta"], 150, seed)
    rng = np.random.default_rng(seed)
    assert find_unit_change(reference, factor * current) == find_unit_change(rng.permutation(reference), factor * rng.permutation(current))


def test_the_first_window_in_which_it_holds_is_named() -> None:
    reference, current = two(SHAPES["normal"], 1_200)
    windows = np.repeat(np.array([1, 2, 3, 4], dtype=np.int32), 300)
    names = ("all", "jan", "feb", "mar", "apr")
    claimed = unit_change_by_window(reference, np.where(windows >= 3, 100.0, 1.0) * current, windows, names, "x")
    assert claimed is not None
    assert (claimed[0].name, claimed[0].window, claimed[1]) == ("100 (a share written in percent)", "mar", (3, 4))
    whole = unit_change_by_window(reference, 100 * current, windows, names)
    assert whole is not None
    assert (whole[0].window, whole[1]) == ("jan", (1, 2, 3, 4))
    none = unit_change_by_window(reference, 100 * current, np.zeros(1_200, dtype=np.int32), ("all",))
    assert none is not None
    assert (none[0].window, none[1]) == (None, ())
    assert unit_change_by_window(reference, current, windows, names) is None
    mixed = np.where(np.arange(1_200) % 2, 100.0, 1.0)  # in every window
    assert unit_change_by_window(reference, mixed * current, windows, names) is None


def test_the_check_makes_it_a_violation_of_the_rows_in_those_windows() -> None:
    reference, current = two(SHAPES["normal"], 600)
    windows = [1] * 200 + [2] * 200 + [3] * 200
    column = number_column(reference, np.concatenate([current[:200], 1.8 * current[200:] + 32]))
    rows, cells = compared(600, 600), cells_of([1] * 600, windows)
    profile = profile_of(column, 600)
    ((found,), _, _) = check_column(ColumnRule("x"), column, rows, cells, profile)
    assert (found.check, found.window, found.n_rows, found.rows) == ("unit", "w2", 400, (800, 801, 802))
    assert found.found == "values as of another unit, 1.8 x + 32: 1.8 x + 32 (Celsius written in Fahrenheit)"
    assert "; converted back, the KS distance falls from 0.993 to 0.050" in found.sentence
    for rule in (ColumnRule("x", check_unit=False), ColumnRule("x", is_unique=True), ColumnRule("x", is_monotone=True)):
        assert "unit" not in [v.check for v in check_column(rule, column, rows, cells, profile)[0]]


def test_a_stored_profile_stands_for_its_rows_by_its_quantiles() -> None:
    reference, current = two(SHAPES["normal"], 600)
    profile = profile_of(number_column(reference, []), 600)
    for factor, checks in ((100.0, ["unit"]), (1.3, [])):
        found, _, _ = check_column(ColumnRule("x"), number_column([], factor * current), compared(0, 600), cells_of([], [0] * 600), profile)
        assert [v.check for v in found] == checks


def test_factors_are_named_once_and_have_their_inverses() -> None:
    factors = [unit.factor for unit in UNITS]
    assert len(set(factors)) == len(factors) == len({unit.name for unit in UNITS})
    assert all(any(abs(f * other - 1) < 1e-12 for other in factors) for f in factors)
