"""Mean, spread, missing share, cardinality and constancy: N-sigma against windows, and what stands in where there are too few."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.drift.cardinality_shift import CardinalityShift
from harness.drift.constancy import Constancy, one_value_p
from harness.drift.mean_shift import MeanShift
from harness.drift.missing_share import MissingShare
from harness.drift.sigma import sigma_test
from harness.drift.std_shift import StdShift
from tests.support.column_pairs import pair_of

ALL = (MeanShift(), StdShift(), MissingShare(), CardinalityShift(), Constancy())
FIGURES = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=5, max_size=12)


def normal(seed, *sizes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=n) for n in sizes]


@given(FIGURES.filter(lambda w: len(set(w)) > 1), st.floats(-1e3, 1e3))
def test_sigma_is_the_prediction_interval_of_one_more_window(windows, current):
    """A new figure is at p exactly where the interval of level 1 - p has its border."""
    found = sigma_test(current, np.array(windows))
    mean, spread, n = np.mean(windows), np.std(windows, ddof=1), len(windows)
    half = stats.t(n - 1).isf(found.p_value / 2) * spread * math.sqrt(1 + 1 / n)
    assert half == pytest.approx(abs(current - mean), rel=1e-6, abs=1e-9)
    assert (found.reference, found.n_windows) == (pytest.approx(mean), n)
    assert math.copysign(1.0, found.n_sigma) == math.copysign(1.0, current - found.reference)


def test_sigma_keeps_its_level_of_five_windows():
    worlds = np.random.default_rng(0).normal(size=(4_000, 6))
    p_values = np.array([sigma_test(row[5], row[:5]).p_value for row in worlds])
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 4_000))


@pytest.mark.parametrize("windows", [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, math.nan], [2.0] * 6, []])
def test_too_few_windows_and_windows_without_spread_say_nothing(windows):
    assert sigma_test(1.0, np.array(windows)) is None


@pytest.mark.parametrize("statistic", [MeanShift(threshold=0.2), StdShift(threshold=0.2)])
def test_against_five_windows_the_value_is_the_difference_from_their_mean(statistic):
    reference, current = normal(1, 600, 100)
    pair = pair_of(reference, current * 1.5 + 0.4, windows=5)
    found = statistic.read(pair)
    figures = [getattr(w, statistic.name) for w in pair.reference_windows]
    own = getattr(pair.current, statistic.name)
    t = (own - np.mean(figures)) / (np.std(figures, ddof=1) * math.sqrt(1 + 1 / 5))
    assert found.value == pytest.approx(own - np.mean(figures))
    assert found.p_value == pytest.approx(2 * stats.t(4).sf(abs(t)))
    assert f"{t:+.2g} sigma of 5 reference windows" in found.note


@pytest.mark.parametrize("windows", [0, 4])
def test_of_fewer_windows_a_mean_is_welchs_and_says_so(windows):
    reference, current = normal(2, 300, 90)
    current = current * 1.7 + 0.1
    found = MeanShift(threshold=0.2).read(pair_of(reference, current, windows=windows))
    assert found.value == pytest.approx(current.mean() - reference.mean())
    assert found.p_value == pytest.approx(stats.ttest_ind(current, reference, equal_var=False).pvalue, rel=1e-9)
    assert "standard errors, rows treated as independent; fewer than 5 reference windows" in found.note


def test_windows_that_are_all_alike_give_way_to_the_standard_error():
    reference = np.tile([1.0, 2.0, 3.0], 60)
    found = MeanShift().read(pair_of(reference, np.array([2.0, 3.0, 4.0]), windows=6))
    assert "reference windows are all alike" in found.note
    assert found.p_value == pytest.approx(stats.ttest_ind([2.0, 3.0, 4.0], reference, equal_var=False).pvalue)


def test_thresholds_are_told_in_the_unit_of_the_value():
    reference, current = normal(3, 400, 300)
    pair = pair_of(reference * 10, current * 13 + 4)
    spread = pair.reference.std
    mean, std = MeanShift(threshold=0.2).read(pair), StdShift(threshold=0.2).read(pair)
    assert (mean.threshold, std.threshold) == (pytest.approx(0.2 * spread), pytest.approx(0.2 * spread))
    assert mean.exceeds
    assert std.exceeds
    assert not MeanShift(threshold=0.6).read(pair).exceeds
    assert MeanShift().read(pair).exceeds is None


def test_a_time_moves_by_seconds():
    reference = np.arange(300, dtype=np.int64) * 60_000_000
    pair = pair_of(reference, reference * 2 + 3_600_000_000, kind="time")
    mean, std = MeanShift(threshold=0.2).read(pair), StdShift(threshold=0.2).read(pair)
    assert mean.value == pytest.approx(3_600.0 + 149.5 * 60)
    assert std.value == pytest.approx(reference.std(ddof=1) / 1e6)
    seconds = pair_of(reference / 1e6, (reference * 2 + 3_600_000_000) / 1e6)
    for found, statistic in ((mean, MeanShift(threshold=0.2)), (std, StdShift(threshold=0.2))):
        wanted = statistic.read(seconds)
        assert (found.threshold, found.p_value) == (pytest.approx(wanted.threshold), pytest.approx(wanted.p_value))


def test_the_error_of_a_standard_deviation_is_that_of_many_samples():
    """Half of the samples' variance comes from either side; of a normal column it is 1 / (2 n) each."""
    found = [StdShift().read(pair_of(*normal(seed, 200, 200))) for seed in range(400)]
    scale = np.std([r.value for r in found])
    assert scale == pytest.approx(math.sqrt(1 / 400 + 1 / 400), rel=0.12)
    z = [stats.norm.isf(r.p_value / 2) for r in found]
    assert np.mean(np.square(z)) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 400))


def test_the_error_of_a_standard_deviation_is_of_the_pooled_fourth_moment():
    rng = np.random.default_rng(9)
    reference, current = rng.lognormal(size=300), rng.lognormal(0.2, 1.0, size=200)
    found = StdShift().read(pair_of(reference, current))
    centred = [side - side.mean() for side in (reference, current)]
    second, fourth = ((centred[0] ** k).sum() / 500 + (centred[1] ** k).sum() / 500 for k in (2, 4))
    error = math.sqrt((fourth - second**2) * (1 / 300 + 1 / 200)) / (reference.std(ddof=1) + current.std(ddof=1))
    assert found.value == pytest.approx(current.std(ddof=1) - reference.std(ddof=1))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.value) / error))


def test_without_values_the_fourth_moment_is_a_normal_columns_and_said_so():
    pair = pair_of(*normal(4, 500, 400))
    known = StdShift().read(pair)
    bare = dataclasses.replace(pair, reference=dataclasses.replace(pair.reference, values=None))
    found = StdShift().read(bare)
    assert "fourth moment of a normal column" in found.note
    assert "fourth moment" not in known.note
    assert found.value == known.value
    assert found.p_value == pytest.approx(known.p_value, rel=0.1)


def test_where_neither_side_varies_any_difference_decides():
    same, moved = pair_of(np.full(9, 2.0), np.full(8, 2.0)), pair_of(np.full(9, 2.0), np.full(8, 2.5))
    for statistic in (MeanShift(threshold=0.2), StdShift(threshold=0.2)):
        reading = statistic.read(same)
        assert (reading.value, reading.exceeds, reading.p_value, reading.decides_alone) == (0.0, False, None, True)
    found = MeanShift(threshold=0.2).read(moved)
    assert (found.value, found.exceeds, found.p_value, found.decides_alone) == (0.5, True, None, True)
    assert "any difference decides" in found.note


def test_one_value_on_a_side():
    pair = pair_of(np.array([1.0]), np.array([2.0, 3.0]))
    found = MeanShift(threshold=0.2).read(pair)
    assert found.value == 1.5
    assert (found.p_value, found.exceeds, found.threshold) == (None, None, None)
    assert "fewer than two values" in found.note
    assert np.isnan(StdShift(threshold=0.2).read(pair).value)


@pytest.mark.parametrize("statistic", ALL)
def test_a_side_without_rows_is_undefined(statistic):
    found = statistic.read(pair_of(np.array([]), np.array([1.0, 2.0])))
    assert np.isnan(found.value)
    assert (found.p_value, found.exceeds) == (None, None)
    assert "no reference values" in found.note


def test_infinite_values_are_in_no_mean_and_counted():
    pair = pair_of(np.array([1.0, 2.0, 3.0, np.inf]), np.array([1.0, 2.0, 3.0, np.nan]))
    for statistic in (MeanShift(), StdShift()):
        found = statistic.read(pair)
        assert (found.value, found.n_reference, found.n_current) == (0.0, 3, 3)
        assert "1 infinite left out" in found.note


def test_missing_share_of_few_windows_is_two_proportions():
    reference, current = np.r_[np.ones(190), np.full(10, np.nan)], np.r_[np.ones(80), np.full(20, np.nan)]
    found = MissingShare(threshold=0.05).read(pair_of(reference, current))
    assert found.value == pytest.approx(0.2 - 0.05)
    assert found.p_value == pytest.approx(stats.chi2_contingency([[10, 190], [20, 80]], correction=False).pvalue)
    assert found.exceeds
    assert (found.n_reference, found.n_current) == (200, 100)


def test_missing_share_by_windows_and_by_days():
    rng = np.random.default_rng(5)
    reference = np.where(rng.uniform(size=600) < 0.1, np.nan, 1.0)
    current = np.where(rng.uniform(size=100) < 0.4, np.nan, 1.0)
    by_windows = MissingShare().read(pair_of(reference, current, windows=6))
    assert "sigma of 6 reference windows" in by_windows.note
    days = np.repeat(np.arange(20), 30), np.repeat(np.arange(20, 30), 10)
    by_days = MissingShare().read(pair_of(reference, current, days=days))
    assert "999 resamples of 30 days" in by_days.note
    assert by_days.p_value <= 0.002


def test_nothing_missing_anywhere_has_no_test():
    found = MissingShare(threshold=0.05).read(pair_of(np.ones(9), np.ones(9)))
    assert (found.value, found.exceeds, found.p_value) == (0.0, False, None)


def test_missing_share_is_of_every_column_but_the_label():
    assert [MissingShare().applies_to(kind, False) for kind in ("number", "time", "category", "none")] == [True, True, True, False]
    assert not MissingShare().applies_to("category", True)
    assert MissingShare().read(pair_of(["a", None], ["a", "b", None, None, "c"])).value == pytest.approx(-0.1 + 0.0)


def test_cardinality_is_read_against_windows_of_about_as_many_rows():
    rng = np.random.default_rng(6)
    reference = [str(v) for v in rng.integers(0, 40, 600)]
    current = [str(v) for v in rng.integers(0, 10, 100)]
    pair = pair_of(reference, current, windows=6)
    found = CardinalityShift(threshold=0.2).read(pair)
    mean = np.mean([w.n_distinct for w in pair.reference_windows])
    assert found.value == pytest.approx(10 - mean)
    assert found.threshold == pytest.approx(0.2 * mean)
    assert found.exceeds
    assert found.p_value < 0.001
    long = CardinalityShift(threshold=0.2).read(pair_of(reference, reference, windows=6))
    assert (long.value, long.exceeds, long.p_value) == (0.0, None, None)
    assert "shown only" in long.note


def test_cardinality_of_five_alike_windows_is_compared_without_a_p_value():
    found = CardinalityShift(threshold=0.2).read(pair_of(["a", "b", "c"] * 6, ["a", "a", "a"], windows=6))
    assert (found.value, found.exceeds, found.p_value) == (-2.0, True, None)


def test_values_that_were_not_counted_have_no_line():
    pair = pair_of(*normal(7, 50, 50))
    assert CardinalityShift().read(dataclasses.replace(pair, current=dataclasses.replace(pair.current, n_distinct=None))) is None


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(lambda t: sum(t) > 1), st.integers(1, 4))
def test_one_value_of_rows_dealt_at_random(totals, n_drawn):
    rows = [i for i, t in enumerate(totals) for _ in range(t)]
    n_drawn = min(n_drawn, len(rows))
    dealt = [len({rows[i] for i in chosen}) == 1 for chosen in itertools.combinations(range(len(rows)), n_drawn)]
    assert one_value_p(np.array(totals, float), n_drawn) == pytest.approx(np.mean(dealt), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "current", "value", "said"),
    [
        (np.arange(50.0), np.full(20, 3.0), 1.0, "become constant"),
        (np.full(50, 3.0), np.arange(20.0), -1.0, "begun to vary"),
        (np.full(50, 3.0), np.full(20, 4.0), 0.0, "constant as before"),
        (np.arange(50.0), np.arange(20.0), 0.0, "varies as before"),
        (["a", "b"] * 20, ["a"] * 30 + [None], 1.0, "become constant"),
        (["a"] * 20, ["b"] * 20, 0.0, "constant as before"),
    ],
)
def test_constancy(reference, current, value, said):
    found = Constancy(threshold=1.0).read(pair_of(reference, current))
    assert found.value == value
    assert said in found.note
    assert found.exceeds is (value != 0.0)
    assert (found.p_value is None) is (value == 0.0)
    assert found.p_value is None or found.p_value < 1e-5


def test_a_rare_category_that_a_small_side_lacks_is_no_constancy():
    found = Constancy(threshold=1.0).read(pair_of(["a"] * 99 + ["b"], ["a"] * 10))
    assert found.value == 1.0
    assert found.p_value == pytest.approx(100 / 110)  # "b" is among the other 100 rows


def test_constancy_against_windows_some_of_which_are_constant():
    reference = [["a", "b", "a"], ["a", "a", "a"], ["a", "b", "b"], ["a", "b", "b"], ["b", "b", "b"]]
    found = Constancy(threshold=1.0).read(pair_of([v for window in reference for v in window], ["a", "a", "a"], windows=reference))
    assert found.value == pytest.approx(1.0 - 2 / 5)
    assert "sigma of 5 reference windows" in found.note
    assert not found.exceeds


def test_constant_infinities_and_integers_beyond_float64():
    assert Constancy().read(pair_of(np.arange(5.0), np.array([np.inf, np.inf]))).value == 1.0
    assert Constancy().read(pair_of(np.arange(5.0), np.array([np.inf, -np.inf]))).value == 0.0
    assert Constancy().read(pair_of(np.arange(5.0), np.array([np.inf, 1.0]))).value == 0.0
    assert Constancy().read(pair_of(np.arange(5.0), np.array([np.inf, 1e9]))).value == 0.0  # both are above
    low = 2**60
    varies = np.array([low, low + 1] * 5, np.int64)
    assert Constancy().read(pair_of(np.full(10, low, np.int64), varies)).value == -1.0


def test_one_value_alone_is_not_constant_but_undefined():
    assert np.isnan(Constancy().read(pair_of(np.arange(5.0), np.array([1.0]))).value)


@pytest.mark.parametrize("statistic", ALL)
def test_the_order_of_rows_is_free(statistic):
    rng = np.random.default_rng(8)
    reference, current = rng.integers(0, 9, 200).astype(float), rng.integers(0, 9, 100).astype(float)
    reference[::7], current[::5] = np.nan, np.nan
    first = statistic.read(pair_of(reference, current))
    second = statistic.read(pair_of(rng.permutation(reference), rng.permutation(current)))
    assert second.value == pytest.approx(first.value, abs=1e-12)
    assert first.p_value is None or second.p_value == pytest.approx(first.p_value)


def test_names_and_kinds():
    assert [s.name for s in ALL] == ["mean", "std", "missing_share", "cardinality", "constancy"]
    assert [s.applies_to("category", False) for s in ALL] == [False, False, True, True, True]
    assert not any(s.applies_to("none", False) for s in ALL)


def test_a_window_of_a_few_rows_is_not_all_of_the_spread():
    rng = np.random.default_rng(0)
    whole = [rng.normal(size=5_000) for _ in range(6)]
    reference, current = np.concatenate([*whole, [40.0, 41.0, 42.0]]), rng.normal(0.5, 1.0, 5_000)
    pair = pair_of(reference, current, windows=[*whole, np.array([40.0, 41.0, 42.0])])
    found = MeanShift(threshold=0.2).read(pair)
    assert "of 6 reference windows" in found.note
    assert found.p_value < 1e-4
