"""Inferring a contract and holding other rows against it, together: clean logs keep it, each planted fault breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.drift.contract_check import check_column
from harness.drift.contract_infer import infer_rule
from harness.drift.contract_rows import present_values
from harness.drift.contract_values import all_differ, never_falls, rises
from harness.records.column import Column
from tests.support.contract_rows import cells_of, compared, number_column, profile_of, text_column

NAN = np.nan
Rng = np.random.Generator
WORDS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA")


def names(rng: Rng, n: int, k: int) -> list[str | None]:
    """Return values of k categories, the commonest about k times as common as the rarest."""
    weights = 1.0 / np.arange(1, k + 1)
    return [f"c{i}" for i in rng.choice(k, n, p=weights / weights.sum())]


def holed(rng: Rng, values: Any, most: float = 0.3) -> Any:
    """Return the values with a share of them missing, the same in any rows."""
    return np.where(rng.random(len(values)) < rng.uniform(0.0, most), NAN, values)


def clustered(values: Any) -> Any:
    """Return values that stay for 20 rows, as the weather of an hour does for its flights."""
    return np.repeat(values[: -(-len(values) // 20)], 20)[: len(values)]


NUMBERS: dict[str, Callable[[Rng, int], Any]] = {
    "degrees": lambda rng, n: rng.normal(rng.uniform(-20, 60), rng.uniform(1, 20), n),
    "degrees of an hour": lambda rng, n: clustered(rng.normal(50, 10, n)),
    "amounts": lambda rng, n: rng.lognormal(rng.uniform(-3, 6), rng.uniform(0.2, 1.2), n),
    "amounts in cents": lambda rng, n: np.round(rng.lognormal(10, rng.uniform(0.2, 1.0), n)),
    "delays": lambda rng, n: np.round(rng.gamma(0.6, 40, n) - 10),
    "shares": lambda rng, n: rng.beta(rng.uniform(0.5, 5), rng.uniform(0.5, 5), n),
    "rain": lambda rng, n: rng.exponential(0.1, n) * (rng.random(n) < rng.uniform(0.2, 0.9)),
    "two kinds": lambda rng, n: np.where(rng.random(n) < 0.3, rng.normal(5, 1, n), rng.normal(50, 3, n)),
    "with holes": lambda rng, n: holed(rng, rng.normal(0, 1, n)),
    "often missing": lambda rng, n: np.where(rng.random(n) < 0.79, NAN, rng.exponential(20, n)),
    "a flag": lambda rng, n: (rng.random(n) < 10 ** -rng.uniform(0.3, 2.5)).astype(float),
}
WHOLE: dict[str, Callable[[Rng, int], Any]] = {
    "counts": lambda rng, n: rng.poisson(rng.uniform(0.2, 30), n),
    "hours": lambda rng, n: rng.integers(5, 24, n),
    "random ids": lambda rng, n: rng.integers(0, 2**62, n),
    "ids that repeat": lambda rng, n: rng.integers(0, 10 * n, n),
    "row numbers": lambda rng, n: np.arange(n) + 1_000,
    "months": lambda rng, n: 1 + np.arange(n) * 12 // n,
    "a few scores": lambda rng, n: rng.choice([1, 2, 3, 5, 8, 13], n),
}
TEXTS: dict[str, Callable[[Rng, int], Any]] = {
    "a few names": lambda rng, n: names(rng, n, int(rng.integers(2, 12))),
    "many names": lambda rng, n: names(rng, n, int(rng.integers(20, 300))),
    "free texts": lambda rng, n: [f"t{i}" for i in rng.integers(0, 50 * n, n)],
    "names with holes": lambda rng, n: [None if rng.random() < 0.05 else name for name in names(rng, n, 5)],
}


def column_of(name: str, rng: Rng, n: int, n_reference: int) -> Column:
    """Return one clean column, all of whose rows are drawn alike."""
    if name in TEXTS:
        values = TEXTS[name](rng, n)
        return text_column(values[:n_reference], values[n_reference:])
    values = (NUMBERS | WHOLE)[name](rng, n)
    return number_column(values[:n_reference], values[n_reference:], "int64" if name in WHOLE else "float64")


def held(column: Column, n_reference: int, windows: tuple[list[int], list[int]], id_: bool = False, time: bool = False) -> list[str]:
    """Infer the rule of the reference rows as a log's is, and return the sentences of what the current rows break, and of what could not run."""
    stored = column.codes if column.kind == "category" else column.values
    assert stored is not None
    present, n = present_values(column, slice(0, n_reference)), len(stored) - n_reference
    reference = profile_of(column, n_reference, windows[0])
    number = column.kind == "number"
    rule = infer_rule(reference, time and never_falls(present), id_ and all_differ(present), id_ or (number and (time or rises(present))))
    violations, not_checked, _ = check_column(rule, column, compared(n_reference, n, 0), cells_of(*windows), reference)
    return [v.sentence for v in violations] + [f"{c.check}: {c.reason}" for c in not_checked]


def cut(n: int, n_windows: int, n_last: int = 0) -> list[int]:
    """Return the window of n rows in equal windows, after which the last n_last rows have one of their own; 0 without windows."""
    own = [1 + i * n_windows // max(n - n_last, 1) for i in range(n - n_last)]
    return [*own, *[n_windows + 1] * n_last] if n_windows else [0] * n


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_a_clean_log_keeps_its_contract_in_every_world(first: int) -> None:
    broken = {}
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        n_reference, n = int(rng.integers(800, 3_000)), int(rng.integers(800, 3_000))
        n_windows = [int(rng.choice([0, 1, 2, 6])), int(rng.choice([1, 4, 9]))] if seed % 4 else [0, 0]
        n_windows[0] = max(n_windows[0], min(n_windows[1], 1))
        n_last = int(rng.integers(0, 60)) if n_windows[1] else 0  # the log ends within a window
        windows = cut(n_reference, n_windows[0]), cut(n, n_windows[1], n_last)
        for name in rng.choice([*NUMBERS, *WHOLE, *TEXTS], 6, replace=False):
            if said := held(column_of(str(name), rng, n_reference + n, n_reference), n_reference, windows):
                broken[seed, str(name)] = said
    assert broken == {}


N = 2_000
WINDOWS = cut(N, 1), cut(N, 4)


def world(shape: Callable[[Rng], Any], fault: Callable[[Any, Rng], Any], seed: int, dtype: str = "float64", **changes: Any) -> Column:
    """Return a reference and current rows of one shape, the fault in the current ones."""
    rng = np.random.default_rng(seed)
    return number_column(shape(rng), fault(shape(rng), rng), dtype, **changes)


SHAPES: dict[str, Callable[[Rng], Any]] = {
    "shares": lambda rng: rng.beta(2, 5, N),
    "degrees": lambda rng: rng.normal(41, 6.5, N),
    "amounts": lambda rng: rng.lognormal(3, 0.5, N),
    "distances": lambda rng: np.round(rng.gamma(2, 500, N) + 80),
}
FAULTS: dict[str, tuple[Callable[[Any, Rng], Any], set[str]]] = {
    "times 100": (lambda v, rng: 100 * v, {"unit", "range"}),
    "a thousandth": (lambda v, rng: v / 1000, {"unit"}),
    "Celsius in Fahrenheit": (lambda v, rng: 1.8 * v + 32, {"unit"}),
    "5 % missing": (lambda v, rng: np.where(rng.random(N) < 0.05, NAN, v), {"missing"}),
    "half missing at the end": (lambda v, rng: np.where((np.arange(N) >= N // 2) & (rng.random(N) < 0.7), NAN, v), {"missing", "nulls"}),
    "constant at the end": (lambda v, rng: np.where(np.arange(N) >= N // 2, v[0], v), {"constant"}),
    "constant": (lambda v, rng: np.full(N, v[0]), {"constant"}),
    "some 1e9": (lambda v, rng: np.where(rng.random(N) < 0.005, 1e9, v), {"range"}),
    "some infinite": (lambda v, rng: np.where(rng.random(N) < 0.005, np.inf, v), {"range"}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_planted_fault_breaks_the_contract_of_numbers(shape: str, fault: str) -> None:
    plant, wanted = FAULTS[fault]
    for seed in range(10):
        column = world(SHAPES[shape], plant, seed)
        reference = profile_of(column, N, WINDOWS[0])
        violations = check_column(infer_rule(reference), column, compared(N, N), cells_of(*WINDOWS), reference)[0]
        assert wanted & {v.check for v in violations}, (seed, [v.sentence for v in violations])


@pytest.mark.parametrize("shape", ["shares", "degrees", "amounts", "seats"])
def test_codes_of_missing_values_break_the_range(shape: str) -> None:
    shapes = SHAPES | {"seats": lambda rng: rng.choice([2.0, 55.0, 140.0, 200.0, 450.0], N)}
    column = world(shapes[shape], lambda v, rng: np.where(rng.random(N) < 0.005, -999.0, v), 1)
    (said,) = held(column, N, WINDOWS)
    assert "found -999" in said


@pytest.mark.parametrize("shape", SHAPES)
def test_constants_and_units_are_found_without_windows(shape: str) -> None:
    for fault in ("constant", "times 100"):
        column = world(SHAPES[shape], FAULTS[fault][0], 2)
        assert held(column, N, (cut(N, 0), cut(N, 0))) != []


def test_a_season_keeps_the_contract() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        march, year = rng.normal(41, 6.5, N), 62 + 22 * np.sin(np.linspace(0, 5, N)) + rng.normal(0, 6, N)
        dew, dew_of_year = march - rng.gamma(4, 4, N), year - rng.gamma(4, 4, N)
        for reference, current in ((march, year), (np.maximum(dew, 0.02), dew_of_year), (np.round(march), np.round(year))):
            assert held(number_column(reference, np.where(rng.random(N) < 0.005, NAN, current)), N, WINDOWS) == []


def test_a_type_that_changed_breaks_it() -> None:
    column = world(SHAPES["amounts"], lambda v, rng: v, 1, type="int64", reference_type="double")
    (said,) = held(column, N, WINDOWS)
    assert "expected type double, found type int64" in said


@pytest.mark.parametrize(("share", "breaks"), [(0.0, False), (0.005, False), (0.02, True), (0.5, True)])
def test_unseen_categories_break_it_from_one_in_a_hundred_rows(share: float, breaks: bool) -> None:
    rng = np.random.default_rng(4)
    values = [str(v) for v in rng.choice(WORDS, 2 * N)]
    n_unseen = int(share * N)
    said = held(text_column(values[:N], [*["XX"] * n_unseen, *values[N + n_unseen :]]), N, WINDOWS)
    assert (len(said), all("'XX'" in s for s in said)) == (int(breaks), True)


def test_an_id_that_repeats_breaks_it_and_ids_that_go_on_do_not() -> None:
    column = number_column(np.arange(107_414, 107_414 + N), np.arange(27_004, 27_004 + N), "int64")
    assert held(column, N, WINDOWS, id_=True) == []
    (said,) = held(replace(column, values=np.append(column.values[:-1], 27_004)), N, WINDOWS, id_=True)
    assert said == (
        "x: expected no value twice, found 1 that stood before: 1 of 2,000 current rows, first in window w4 (log row 3,999: 27004)"
    )


def test_a_time_that_goes_back_breaks_it() -> None:
    times = np.arange(2 * N) * 1_000_000
    column = number_column(times[:N], times[N:], "int64", kind="time")
    assert held(column, N, WINDOWS, time=True) == []
    back = np.append(times[:-1], 0)
    (said,) = held(replace(column, values=back), N, WINDOWS, time=True)
    assert "expected no value below that of the row before" in said
