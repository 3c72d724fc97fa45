"""Profile evidently: against its definition value by value, against what Evidently itself said, and at its borders."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.drift.evidently.chi_square import EvidentlyChiSquare
from harness.drift.evidently.default import EvidentlyChoice, default_choice
from harness.drift.evidently.jensen_shannon import EvidentlyJensenShannon
from harness.drift.evidently.kl import EvidentlyKl
from harness.drift.evidently.ks import EvidentlyKs
from harness.drift.evidently.psi import EvidentlyPsi
from harness.drift.evidently.statistic import EvidentlyStatistic, has_more_values_than
from harness.drift.evidently.wasserstein import EvidentlyWasserstein
from harness.drift.evidently.z_test import EvidentlyZTest
from harness.plugins import build_all
from harness.records.drift import ColumnPair, Reading
from harness.records.profile import Bins
from tests.conformance.peers_drift import FILE, checksum, columns
from tests.oracles import peers_drift as oracle
from tests.support.column_pairs import pair_of

CHOICES: dict[str, type[EvidentlyChoice]] = {
    "ks": EvidentlyKs,
    "chi_square": EvidentlyChiSquare,
    "z_test": EvidentlyZTest,
    "wasserstein_normed": EvidentlyWasserstein,
    "jensen_shannon": EvidentlyJensenShannon,
}
DISPLAYED = {
    "K-S p_value": "ks",
    "chi-square p_value": "chi_square",
    "Z-test p_value": "z_test",
    "Wasserstein distance (normed)": "wasserstein_normed",
    "Jensen-Shannon distance": "jensen_shannon",
}
ALWAYS: dict[str, EvidentlyStatistic] = {
    **{name: choice(by_default=False) for name, choice in CHOICES.items()},
    "psi": EvidentlyPsi(),
    "kl": EvidentlyKl(),
}
NUMBERS = st.lists(st.sampled_from([-2.5, -0.0, 0.0, 0.25, 1.0, 3.0, 7.0, math.nan, math.inf, -math.inf]), min_size=1, max_size=30)
MANY = st.lists(st.integers(-3000, 3000).map(lambda v: v / 7), min_size=25, max_size=60)
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=30)
RECORDED = json.loads(FILE.read_text())
COLUMNS = columns()


def read(name: str, pair: ColumnPair) -> Reading:
    found = ALWAYS[name].read(pair)
    assert found is not None
    return found


def pair(reference: Any, current: Any) -> ColumnPair:
    """Pair of texts, or of numbers as arrays."""
    is_text = any(isinstance(v, str) for v in [*reference, *current])
    return pair_of(reference, current, kind="category") if is_text else pair_of(np.asarray(reference), np.asarray(current))


def seen_as(reading: Reading) -> float:
    """What Evidently shows: p of a test, else the distance."""
    return reading.value if reading.p_value is None else reading.p_value


@pytest.mark.parametrize("column", list(COLUMNS))
def test_every_comparison_says_what_evidently_said(column: str) -> None:
    reference, current = COLUMNS[column]
    recorded = RECORDED["cases"][column]
    assert [checksum(reference), checksum(current)] == pytest.approx(recorded["checksums"]), (
        "the columns are no longer those on which it ran"
    )
    both = pair(reference, current)
    default = recorded["evidently"]["default"]
    rows = {name: choice().read(both) for name, choice in CHOICES.items()}
    chosen = DISPLAYED[default["method"]]
    assert [name for name, row in rows.items() if row is not None] == [chosen]
    wanted = {name: (found["value"], found["drifted"]) for name, found in recorded["evidently"].items() if name != "default"}
    wanted[chosen] = (default["value"], default["drifted"])
    tolerance = 1e-6 if column == "large float32" else 1e-9  # pandas keeps the standard deviation of float32 in float32
    for name, (value, drifted) in wanted.items():
        reading = read(name, both)
        if math.isnan(value):
            assert math.isnan(reading.value), name
            assert reading.exceeds is None, name
        else:
            assert seen_as(reading) == pytest.approx(value, rel=tolerance, abs=1e-14), name
            assert reading.exceeds is drifted, name


def test_figures_of_evidentlys_own_tests() -> None:
    """Counts of its tests of drift methods."""
    reference, current = (
        [name for name, n in zip("abcdef", side, strict=True) for _ in range(n)] for side in ([16, 18, 16, 14, 12, 12], [16] * 5 + [8])
    )
    both = pair(reference, current)
    assert read("chi_square", both).p_value == pytest.approx(0.67309, abs=5e-6)
    assert read("jensen_shannon", both).value == pytest.approx(0.068048, abs=5e-7)


@given(st.one_of(st.tuples(NUMBERS, NUMBERS), st.tuples(TEXTS, TEXTS), st.tuples(MANY, MANY)), st.randoms())
def test_every_comparison_is_its_definition_in_any_order(sides: tuple[list[Any], list[Any]], shuffled: Any) -> None:
    reference, current = ([*side] for side in sides)
    is_text = any(isinstance(v, str) for v in [*reference, *current])
    if not oracle.finite(reference) or not oracle.finite(current):
        return
    for side in (reference, current):
        shuffled.shuffle(side)
    both = pair(reference, current)
    assert default_choice(both) == oracle.evidently_choice(reference, current)
    n_values = len({*oracle.finite(reference), *oracle.finite(current)})
    wanted: dict[str, float] = {
        "jensen_shannon": oracle.jensen_shannon(*oracle.evidently_shares(*sides)),
        "psi": oracle.psi(*sides),
        "kl": oracle.kl(*sides),
    }
    if not is_text:
        kept = [oracle.finite(side) for side in sides]
        wanted |= {"ks": oracle.ks(*kept), "wasserstein_normed": oracle.wasserstein_normed(*sides)}
    tests = {
        name: of(*sides)
        for name, of, ok in (("chi_square", oracle.chi_square, n_values > 1), ("z_test", oracle.z_test, n_values < 3))
        if ok
    }
    for name, (value, p_value) in tests.items():
        found = read(name, both)
        assert found.p_value == pytest.approx(p_value, rel=1e-9, abs=1e-14)
        assert abs(found.value) == pytest.approx(abs(value), rel=1e-9, abs=1e-12)
    for name, value in wanted.items():
        # Of nearly equal sides the divergence is a difference of nearly equal sums, and Jensen and Shannon's distance its root.
        assert read(name, both).value == pytest.approx(value, rel=1e-9, abs=3e-8 if name == "jensen_shannon" else 1e-12), name


@pytest.mark.parametrize(
    ("n_reference", "n_values", "chosen"),
    [
        (1000, 6, "ks"), (1000, 5, "chi_square"), (1000, 3, "chi_square"), (1000, 2, "z_test"), (1000, 1, "z_test"),
        (1001, 6, "wasserstein_normed"), (1001, 5, "jensen_shannon"), (1001, 1, "jensen_shannon"),
    ],
)  # fmt: skip
def test_the_default_goes_by_reference_rows_with_a_value_and_by_values_of_both_sides(n_reference: int, n_values: int, chosen: str) -> None:
    reference = np.concatenate([np.zeros(n_reference), [np.nan, np.inf]])
    both = pair(reference, np.arange(n_values, dtype=float))
    assert [name for name, choice in CHOICES.items() if choice().read(both) is not None] == [chosen]
    texts = ["a"] * n_reference
    expected = "jensen_shannon" if n_reference > 1000 else "chi_square" if n_values > 2 else "z_test"
    both = pair([*texts, None], [chr(ord("a") + i) for i in range(n_values)])
    assert [name for name, choice in CHOICES.items() if choice().read(both) is not None] == [expected]


def test_many_values_beyond_the_head_of_a_column_are_seen() -> None:
    values = np.concatenate([np.zeros(5000), np.arange(6.0)])
    assert has_more_values_than(values, 5)
    assert not has_more_values_than(values, 6)
    assert not has_more_values_than(np.zeros(0), 0)


def test_neighbouring_integers_beyond_float64_are_two_values() -> None:
    big = 2**53
    both = pair(np.array([big] * 30 + [big + 1] * 10), np.array([big] * 10 + [big + 1] * 30))
    assert default_choice(both) == "z_test"
    assert read("psi", both).value == pytest.approx(math.log(3))


def test_a_distance_decides_at_its_threshold_and_tests_by_their_p_value() -> None:
    both = pair([*"aaab"], [*"abbb"])
    for name in ("jensen_shannon", "psi", "kl"):
        value = read(name, both).value
        at, above = (replace(ALWAYS[name], threshold=limit).read(both) for limit in (value, np.nextafter(value, 2)))
        assert (at and at.exceeds, above and above.exceeds) == (True, False), name
    numbers = pair(np.arange(20.0), np.arange(4, 24.0))
    for name, sides, at_p in (("ks", numbers, True), ("chi_square", both, False), ("z_test", both, False)):
        p_value = read(name, sides).p_value
        assert p_value is not None
        at, above = (replace(ALWAYS[name], threshold=limit).read(sides) for limit in (p_value, np.nextafter(p_value, 2)))
        assert (at and at.exceeds, above and above.exceeds) == (at_p, True), name
        assert at is not None
        assert at.threshold is None, "the threshold is of p, not of the value"


def test_nothing_is_corrected_and_null_thresholds_decide_nothing() -> None:
    both = pair([*"aaab"], [*"abbb"])
    for name, statistic in ALWAYS.items():
        sides = pair(np.arange(9.0), np.arange(9.0)) if not statistic.applies_to("category", False) else both
        assert read(name, sides).decides_alone
        shown = replace(statistic, threshold=None).read(sides)
        assert shown is not None
        assert shown.exceeds is None
        assert not math.isnan(shown.value)


def test_rows_left_out_are_counted() -> None:
    reading = read("ks", pair(np.array([1.0, np.nan, np.inf, 2.0]), np.array([1.0, -np.inf, 3.0])))
    assert (reading.n_reference, reading.n_current) == (2, 2)
    assert "2 infinite values left out" in reading.note


@pytest.mark.parametrize(("reference", "current", "side"), [([np.nan, np.inf], [1.0], "reference"), ([1.0], [], "current")])
def test_a_side_without_values_is_undefined(reference: list[float], current: list[float], side: str) -> None:
    both = pair_of(np.array(reference, float), np.array(current, float))
    rows = [row for choice in CHOICES.values() if (row := choice().read(both)) is not None]
    assert len(rows) == 1
    assert math.isnan(rows[0].value)
    assert (rows[0].exceeds, rows[0].p_value) == (None, None)
    assert f"no {side} row has a value" in rows[0].note


def test_undefined_comparisons_say_why() -> None:
    assert "one value alone" in read("chi_square", pair(["a"], ["a"])).note
    assert "it compares two" in read("z_test", pair([*"abc"], ["a"])).note
    neighbours = np.repeat(1e16 + 2.0 * np.arange(21), 50_000)  # 20 steps between floats, and Sturges asks for 22 bins
    huge = np.linspace(-1.7, 1.7, 30) * 1e308
    for values in (neighbours, huge):
        with np.errstate(over="ignore", invalid="ignore"):  # of the moments that a pair holds
            both = pair(values, values[:100])
        for name in ("jensen_shannon", "psi", "kl"):
            reading = read(name, both)
            assert math.isnan(reading.value)
            assert "too close together, or too far apart, for bins" in reading.note
    assert "too far apart for float64" in read("wasserstein_normed", replace(both, order=None)).note


def test_without_values_of_the_reference_a_number_is_undefined() -> None:
    both = pair(np.arange(9.0), np.arange(9.0))
    stored = replace(both, reference=replace(both.reference, values=None), order=None)
    assert default_choice(stored) == "ks"
    assert "a stored profile has counts alone" in read("ks", stored).note


def test_an_unseen_value_is_named_and_makes_chi_square_infinite() -> None:
    reading = read("chi_square", pair([*"aab"], [*"abcd"]))
    assert (reading.value, reading.p_value, reading.exceeds) == (math.inf, 0.0, True)
    assert "2 values that the reference never had" in reading.note


def test_rare_values_in_one_bin_are_said() -> None:
    both = pair_of(["a", "a", "other"], ["a", "other", "other"], bins=Bins(categories=("a", "other")), kind="category")
    assert "raise drift.max_categories" in read("jensen_shannon", both).note


def test_without_the_kernels_order_the_distance_is_the_same() -> None:
    both = pair(np.arange(12.0), np.arange(3, 15.0))
    assert read("wasserstein_normed", replace(both, order=None)).value == read("wasserstein_normed", both).value


def test_the_reference_is_counted_once_for_all_its_windows() -> None:
    both = pair(np.repeat([0.0, 1.0, 2.0], 10), np.array([0.0, 1.0]))
    asked, values = [0], both.reference.values
    assert values is not None

    def counted() -> Any:
        asked[0] += 1
        return values()

    first = replace(both, reference=replace(both.reference, values=counted))
    assert read("psi", first).value > 0
    n_asked = asked[0]
    assert read("psi", replace(first, current=both.reference)).value == 0
    assert asked[0] == n_asked


def test_times_are_not_compared_and_numbers_alone_are_ordered() -> None:
    assert not any(statistic.applies_to("time", False) for statistic in ALWAYS.values())
    assert [name for name, statistic in ALWAYS.items() if not statistic.applies_to("category", True)] == ["ks", "wasserstein_normed"]


def test_the_option_names_its_statistics_as_the_rows_will_be_named() -> None:
    option = yaml.safe_load((Path(__file__).parents[2] / "conf" / "drift" / "evidently.yaml").read_text())
    assert (option["name"], option["profile"]) == ("evidently", "evidently")
    assert [statistic.name for statistic in build_all(option["statistics"], "statistics")] == list(option["statistics"])
    never = {name for name, spec in option["statistics"].items() if spec["threshold"] is None}
    assert set(option["statistics"]) - never == set(CHOICES), (
        "only what its default chooses may decide, or shares of drifted columns differ"
    )
