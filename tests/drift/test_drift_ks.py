"""KS and Wasserstein: values and p-values against their definitions and SciPy, units, what is undefined."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstwo, wasserstein_distance

from harness.drift.kolmogorov_smirnov import KolmogorovSmirnov, ks_of_counts
from harness.drift.wasserstein import Wasserstein, wasserstein_of_counts
from harness.records.drift import DayCounts
from harness.records.profile import Bins
from tests.oracles import drift_statistics as oracle
from tests.support.column_pairs import pair_of

VALUES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12)


@given(VALUES, VALUES)
def test_values_and_exact_p_of_small_samples_with_ties(reference, current):
    pair = pair_of(np.array(reference), np.array(current))
    found = KolmogorovSmirnov(threshold=0.1).read(pair)
    assert found.value == pytest.approx(oracle.ks(reference, current), abs=1e-12)
    rounding = 1e-9 if found.note.startswith("exact p") else 7e-5
    assert found.p_value == pytest.approx(oracle.ks_exact_p(len(reference), len(current), found.value), rel=rounding, abs=1e-12)
    assert found.exceeds is (found.value >= 0.1)
    assert Wasserstein().read(pair).value == pytest.approx(oracle.wasserstein(reference, current), abs=1e-12)


@pytest.mark.parametrize(("n", "m", "exact"), [(10_000, 9_000, True), (10_001, 300, False), (300, 10_001, False)])
def test_the_p_value_is_exact_up_to_ten_thousand_rows(n, m, exact):
    rng = np.random.default_rng(n)
    reference, current = rng.normal(size=n), rng.normal(0.02, 1.0, size=m)
    found = KolmogorovSmirnov().read(pair_of(reference, current))
    wanted = ks_2samp(reference, current, method="exact" if exact else "asymp")
    other = ks_2samp(reference, current, method="asymp" if exact else "exact")
    assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-9)
    assert abs(found.p_value - other.pvalue) > 1e-6
    assert found.note.startswith("exact p" if exact else "asymptotic p")


@pytest.mark.parametrize("n", [5, 7])
def test_a_p_value_of_one_that_scipy_refuses_to_count_is_the_asymptotic_one(n):
    """Sides of equal size with the least D: the exact count rounds to more than 1, and SciPy would warn."""
    reference = np.arange(float(n))
    with pytest.warns(RuntimeWarning, match="Exact calculation unsuccessful"):
        ks_2samp(reference, reference + 0.5, method="exact")
    found = KolmogorovSmirnov().read(pair_of(reference, reference + 0.5))
    assert found.value == pytest.approx(1 / n)
    assert found.p_value == pytest.approx(1.0, abs=7e-5)
    assert found.note.startswith("asymptotic p")


def test_wasserstein_carries_the_p_value_of_ks_and_says_so():
    pair = pair_of(np.arange(50.0), np.arange(40.0) * 2)
    ks = KolmogorovSmirnov().read(pair)
    for statistic in (Wasserstein(), Wasserstein(normed=True)):
        found = statistic.read(pair)
        assert found.p_value == ks.p_value
        assert "p of KS" in found.note


def test_wasserstein_is_scipys_in_the_unit_of_the_column_and_over_the_references_spread():
    rng = np.random.default_rng(1)
    reference, current = rng.lognormal(size=301), rng.lognormal(0.3, size=200).round(2)
    pair = pair_of(reference, current)
    wanted = wasserstein_distance(reference, current)
    assert Wasserstein().read(pair).value == pytest.approx(wanted, rel=1e-10)
    assert Wasserstein(normed=True).read(pair).value == pytest.approx(wanted / reference.std(ddof=1), rel=1e-10)
    assert (Wasserstein().name, Wasserstein(normed=True).name) == ("wasserstein", "wasserstein_normed")


def test_a_time_moves_by_seconds():
    day_us = 86_400_000_000
    reference = np.arange(20, dtype=np.int64) * day_us
    pair = pair_of(reference, reference + day_us // 2, kind="time")
    assert Wasserstein().read(pair).value == pytest.approx(43_200.0)
    assert Wasserstein(normed=True).read(pair).value == pytest.approx(43_200e6 / reference.std(ddof=1))


def test_infinite_values_are_left_out_and_counted():
    reference, current = np.array([1.0, 2.0, np.inf, -np.inf, np.nan]), np.array([1.0, 2.0, np.inf])
    for statistic in (KolmogorovSmirnov(), Wasserstein()):
        found = statistic.read(pair_of(reference, current))
        assert (found.value, found.n_reference, found.n_current) == (0.0, 2, 2)
        assert "3 infinite left out" in found.note


@pytest.mark.parametrize("statistic", [KolmogorovSmirnov(threshold=0.1), Wasserstein(threshold=0.1), Wasserstein(normed=True)])
def test_no_finite_value_on_a_side_is_undefined(statistic):
    nothing, something = np.array([np.nan, np.inf]), np.array([1.0, 2.0])
    for sides, said in (((nothing, something), "no reference finite values"), ((something, nothing), "no current finite values")):
        found = statistic.read(pair_of(*sides, bins=Bins(edges=(0.0, 1.0, 2.0))))
        assert np.isnan(found.value)
        assert (found.p_value, found.exceeds) == (None, None)
        assert said in found.note


def test_over_a_reference_that_does_not_vary_it_is_undefined():
    pair = pair_of(np.full(9, 2.0), np.array([2.0, 3.0]))
    assert Wasserstein().read(pair).value == 0.5
    found = Wasserstein(normed=True, threshold=0.1).read(pair)
    assert np.isnan(found.value)
    assert found.exceeds is None
    assert "does not vary" in found.note


def test_plus_and_minus_zero_are_equal_and_integers_beyond_float64_are_not():
    assert KolmogorovSmirnov().read(pair_of(np.array([0.0, 0.0]), np.array([-0.0, -0.0]))).value == 0.0
    low = 2**60
    found = KolmogorovSmirnov().read(pair_of(np.full(12, low, np.int64), np.full(12, low + 1, np.int64)))
    assert found.value == 1.0
    assert found.p_value < 1e-4


def test_of_a_stored_profile_ks_is_a_lower_bound_and_wasserstein_undefined():
    rng = np.random.default_rng(2)
    pair = pair_of(rng.normal(size=400), rng.normal(0.4, 1.0, size=300))
    stored = dataclasses.replace(pair, order=None, reference=dataclasses.replace(pair.reference, values=None))
    found, exact = KolmogorovSmirnov().read(stored), KolmogorovSmirnov().read(pair)
    counts = [np.cumsum(side.counts[:-1]) / side.n_present for side in (pair.reference, pair.current)]
    assert found.value == pytest.approx(np.abs(counts[0] - counts[1]).max())
    assert found.value <= exact.value
    assert found.p_value == pytest.approx(kstwo.sf(found.value, round(400 * 300 / 700)))
    assert "lower bound" in found.note
    area = Wasserstein(threshold=1.0).read(stored)
    assert np.isnan(area.value)
    assert "not at hand" in area.note


def test_neither_is_of_categories():
    for statistic in (KolmogorovSmirnov(), Wasserstein()):
        assert [statistic.applies_to(kind, False) for kind in ("number", "time", "category", "none")] == [True, True, False, False]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=6).filter(lambda c: all(map(sum, zip(*c, strict=True))))
)
def test_of_bins_they_are_those_of_values_at_the_places_of_the_bins(counts):
    reference, current = (np.array(side) for side in zip(*counts, strict=True))
    places = np.cumsum(np.arange(len(counts)) + 1.0)
    values = [np.repeat(places, side) for side in (reference, current)]
    assert float(ks_of_counts(reference, current)) == pytest.approx(oracle.ks(*values), abs=1e-12)
    assert float(wasserstein_of_counts(reference, current, np.diff(places))) == pytest.approx(oracle.wasserstein(*values), abs=1e-9)


def test_by_days_both_are_resampled_in_bins():
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(12), 20), np.repeat(np.arange(12, 24), 20)
    level = np.concatenate([rng.normal(size=12), rng.normal(size=12) + 5])
    pair = pair_of(rng.normal(level[days[0]], 0.5), rng.normal(level[days[1]], 0.5), days=days)
    assert isinstance(pair.days, DayCounts)
    for statistic in (KolmogorovSmirnov(), Wasserstein(), Wasserstein(normed=True)):
        found = statistic.read(pair)
        assert found.p_value == pytest.approx(1 / 1000)
        assert "999 resamples of 24 days" in found.note
        assert "of the bins" in found.note
        assert "p of KS" not in found.note
        assert found.value == statistic.read(dataclasses.replace(pair, days=None)).value


def test_by_days_a_column_of_two_values_keeps_its_outer_bins():
    days = np.repeat(np.arange(12), 5), np.repeat(np.arange(12, 24), 5)
    pair = pair_of(np.full(60, 3.0), np.full(60, 7.0), days=days)
    for statistic in (KolmogorovSmirnov(), Wasserstein()):
        assert statistic.read(pair).p_value == pytest.approx(1 / 1000)


def test_by_days_missing_values_are_in_neither_distribution():
    days = np.repeat(np.arange(12), 10), np.repeat(np.arange(12, 24), 10)
    reference = np.tile(np.arange(10.0), 12)
    current = np.tile([0.0, 9.0, 4.0, 5.0, *[np.nan] * 6], 12)
    for statistic in (KolmogorovSmirnov(), Wasserstein()):
        full = statistic.read(pair_of(reference, np.tile([0.0, 9.0, 4.0, 5.0], 12), days=(days[0], np.repeat(np.arange(12, 24), 4))))
        assert statistic.read(pair_of(reference, current, days=days)).p_value == full.p_value
    alike = np.where(np.arange(120) % 20 < 10, reference, np.nan)
    assert KolmogorovSmirnov().read(pair_of(reference, alike, days=days)).p_value == 1.0


def test_by_days_what_the_bins_cannot_show_is_tested_by_rows_and_said_so():
    """Ones are 3 rows in 10 of the reference: all its deciles are 0 or 1, and one bin holds both."""
    days = np.repeat(np.arange(12), 10), np.repeat(np.arange(12, 24), 10)
    reference, current = np.tile([0.0] * 7 + [1.0] * 3, 12), np.tile([0.0] * 2 + [1.0] * 8, 12)
    pair = pair_of(reference, current, bins=Bins(edges=(0.0, 1.0)), days=days)
    for statistic in (KolmogorovSmirnov(), Wasserstein()):
        found = statistic.read(pair)
        assert found.value == pytest.approx(0.5)
        assert found.p_value == statistic.read(dataclasses.replace(pair, days=None)).p_value < 1e-6
        assert "rows treated as independent" in found.note
