"""The two-sample ordering against exact fractions and SciPy, on each of its paths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

import kernels.two_sample as two_sample_module
import kernels.two_sample_buckets as buckets_module
import kernels.two_sample_quantiles as quantiles_module
from kernels.two_sample import TwoSampleResult, ordered_sample, two_sample
from kernels.two_sample_buckets import N_BUCKETS, BucketMap, bucket_map, bucketed, fits, sorted_rows
from kernels.two_sample_open import mark_open_buckets
from kernels.two_sample_quantiles import exact_quantiles
from kernels.two_sample_runs import Runs, runs_of, walk_runs
from kernels.two_sample_walk import walk_rows
from tests.oracles import two_sample as oracle

PATHS = ["sorted", "buckets", "ordered"]


def tailed(rng, n, shift):
    return np.exp(rng.normal(0, 5, n)) * (1 + shift)


SAMPLES = {
    "normal": lambda rng, n, shift: rng.normal(shift, 1, n),
    "far from zero": lambda rng, n, shift: 1e9 + rng.normal(shift, 1, n),
    "heavy tail": tailed,
    "both tails": lambda rng, n, shift: rng.standard_cauchy(n) + shift,
    "mostly zero": lambda rng, n, shift: np.where(rng.random(n) < 0.6, 0.0, rng.normal(shift, 1, n)),
    "two heaps": lambda rng, n, shift: np.where(rng.random(n) < 0.5, rng.normal(0, 1e-6, n), rng.normal(1e6 + shift, 1, n)),
    "few values": lambda rng, n, shift: rng.poisson(2 + shift, n).astype(float),
    "integers": lambda rng, n, shift: rng.integers(0, 400, n) + np.round(shift),
    "one value": lambda rng, n, shift: np.full(n, 3.0),
}


@pytest.fixture(params=PATHS)
def compare(request, monkeypatch):
    """Return `two_sample` on one path: all sorted, in buckets, or in buckets with the reference sorted before."""
    monkeypatch.setattr(two_sample_module, "FEW_ROWS", 10**9 if request.param == "sorted" else 0)
    if request.param == "ordered":
        return lambda reference, current, **more: two_sample(ordered_sample(reference), current, **more)
    return two_sample


def assert_equals_definition(result, reference, current):
    expected = oracle.two_sample(reference, current)
    assert result.ks == float(expected.ks)
    assert result.ks_at == float(expected.ks_at)
    assert result.wasserstein == pytest.approx(float(expected.wasserstein), rel=1e-12, abs=0)
    assert (result.n_reference, result.n_current) == (len(reference), len(current))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("n", "m", "shift"), [(300, 300, 0.0), (300, 200, 0.5), (1, 300, 0.0), (300, 1, 9.0), (1, 1, 1.0)])
def test_equals_the_definition(compare, sample, dtype, n, m, shift):
    rng = np.random.default_rng(7)
    factor = 1000 if dtype == np.int64 and sample != "heavy tail" else 1
    reference, current = ((SAMPLES[sample](rng, size, by) * factor).astype(dtype) for size, by in ((n, 0.0), (m, shift)))
    assert_equals_definition(compare(reference, current), reference, current)


@pytest.mark.parametrize("shift", [0.0, 0.01, 100.0])
def test_equals_scipy_on_many_rows(compare, shift):
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=50_000), rng.normal(shift, 1, 30_000)
    found, ks = compare(reference, current), ks_2samp(reference, current, method="asymp")
    assert found.ks == pytest.approx(ks.statistic, rel=1e-12)
    assert found.ks_at == ks.statistic_location
    assert found.wasserstein == pytest.approx(wasserstein_distance(reference, current), rel=1e-12)


def test_one_ahead_of_the_other_everywhere_differs_by_the_means(compare):
    reference = np.random.default_rng(5).normal(size=4000)
    found = compare(reference, reference + 0.25)
    assert found.wasserstein == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize("n", [3, 4000])
def test_a_sample_against_itself(compare, n):
    values = np.random.default_rng(5).normal(size=n)
    assert compare(values, values[::-1].copy()) == TwoSampleResult(0.0, values.min(), 0.0, n, n)


def test_the_first_of_equal_distances_is_named(compare):
    found = compare(np.array([1.0, 5.0]), np.array([3.0, 7.0]))
    assert found == TwoSampleResult(0.5, 1.0, pytest.approx(2.0, rel=1e-15), 2, 2)
    reference, current = np.arange(0.0, 400.0, 2), np.arange(1.0, 401.0, 2)
    found = compare(reference, current)
    assert (found.ks, found.ks_at) == (1 / 200, 0.0)


def test_integers_that_float64_cannot_tell_apart_are_ordered(compare):
    near = 2**60 + np.arange(300, dtype=np.int64)
    assert_equals_definition(compare(near, near + 1), near, near + 1)
    assert compare(near, near + 1).wasserstein == pytest.approx(1.0, rel=1e-15)
    assert compare(near[:1], near[1:2]).ks == 1.0


def test_the_widest_integers(compare):
    ends = np.iinfo(np.int64)
    reference, current = np.array([ends.min, ends.min, 0]), np.array([ends.max, ends.max, 1])
    assert_equals_definition(compare(reference, current), reference, current)
    assert compare(reference[:1], current[:1]).wasserstein == 2.0**64


def test_values_whose_gaps_leave_float64(compare):
    found = compare(np.array([-1.7e308, -1.7e308, 0.0]), np.array([1.7e308, 0.0, 0.0]))
    assert (found.ks, found.ks_at, found.wasserstein) == (2 / 3, -1.7e308, pytest.approx(1.7e308, rel=1e-12))
    assert compare(np.array([-1.7e308]), np.array([1.7e308])).wasserstein == np.inf


def test_signed_zeros_are_one_value(compare):
    negative = np.concatenate([np.full(5, -0.0), np.linspace(-1, 1, 40)])
    found = compare(negative, np.abs(negative))
    assert_equals_definition(found, negative, np.abs(negative))
    same = compare(np.array([-0.0]), np.array([0.0]))
    assert (same.ks, same.wasserstein) == (0.0, 0.0)
    assert not np.signbit(same.ks_at)


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_a_side_without_rows_is_undefined(compare, n, m):
    found = compare(np.arange(float(n)), np.arange(float(m)))
    np.testing.assert_array_equal([found.ks, found.ks_at, found.wasserstein], np.nan)
    assert (found.n_reference, found.n_current) == (n, m)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(compare, bad):
    good, spoiled = np.arange(9.0), np.array([*np.arange(8.0), bad])
    for sides in ((good, spoiled), (spoiled, good)):
        with pytest.raises(ValueError, match="holds NaN or infinite values; wanted finite ones: count and leave out the others first"):
            compare(*sides)


def test_what_cannot_be_compared_is_refused(monkeypatch):
    values = np.arange(4.0)
    with pytest.raises(TypeError, match="current has dtype int32; wanted float32, float64, int64"):
        two_sample(values, values.astype(np.int32))
    with pytest.raises(TypeError, match="reference is float64 and current float32; wanted one dtype, and both on one device"):
        two_sample(values, values.astype(np.float32))
    with pytest.raises(ValueError, match=r"reference has shape \(2, 2\); wanted one dimension"):
        two_sample(values.reshape(2, 2), values)
    with pytest.raises(ValueError, match="n_threads is 0"):
        two_sample(values, values, n_threads=0)
    monkeypatch.setattr(two_sample_module, "MAX_PRODUCT", 16)
    with pytest.raises(ValueError, match=r"4 reference rows times 4 current rows; wanted a product below 2\*\*62"):
        two_sample(values, values)


@pytest.mark.parametrize("n_threads", [2, 3, None])
def test_threads_leave_every_bit(compare, monkeypatch, n_threads):
    monkeypatch.setattr(two_sample_module, "PIECE_ROWS", 64)
    monkeypatch.setattr(buckets_module, "PIECE_ROWS", 100)
    rng = np.random.default_rng(2)
    reference, current = rng.lognormal(0, 2, 1000), np.round(rng.lognormal(0.1, 2, 700), 2)
    found = compare(reference, current, n_threads=n_threads)
    assert found == compare(reference, current, n_threads=1)
    assert_equals_definition(found, reference, current)


values_of = st.lists(
    st.one_of(st.integers(-20, 20).map(float), st.floats(-1e6, 1e6, width=32)).filter(lambda value: value == 0 or abs(value) > 1e-6),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(reference=values_of, current=values_of, centre=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e6), n_pieces=st.integers(1, 9))
def test_no_answer_depends_on_where_buckets_and_pieces_lie(reference, current, centre, scale, n_pieces):
    first, second = np.array(reference), np.array(current)
    expected = oracle.two_sample(first, second)
    unit = bucket_map(np.arange(99.0))
    buckets = BucketMap(centre, scale, unit.borders / unit.scale * scale)
    in_buckets = two_sample_module._from_buckets(bucketed(first, buckets), bucketed(second, buckets), buckets)
    n, m = len(first), len(second)
    in_pieces = two_sample_module._result(*walk_rows(np.sort(first), np.sort(second), -(-(n + m) // n_pieces), 1), n, m)
    spread = float(max(np.abs(first).max(), np.abs(second).max(), abs(centre)))
    runs = (runs_of(np.sort(values), len(values)) for values in (first, second))
    by_value = two_sample_module._result(*walk_runs(*next(runs), *next(runs)), n, m)
    for found in (in_buckets, in_pieces, by_value):
        assert (found.ks, found.ks_at) == (float(expected.ks), float(expected.ks_at))
        assert found.wasserstein == pytest.approx(float(expected.wasserstein), rel=1e-12, abs=1e-15 * spread)


@pytest.mark.parametrize("seed", range(20))
def test_areas_add_up_whatever_the_borders(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=50), rng.normal(1, 1, size=40)
    unit = bucket_map(np.arange(99.0))
    buckets = BucketMap(0.0, 1.0, rng.normal(0, 3, len(unit.borders)))
    found = two_sample_module._from_buckets(bucketed(first, buckets), bucketed(second, buckets), buckets)
    assert found.wasserstein == pytest.approx(float(oracle.two_sample(first, second).wasserstein), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(reference=values_of, current=values_of, seed=st.integers(0, 99))
def test_row_order_and_sides_are_free(reference, current, seed):
    first, second = np.array(reference), np.array(current)
    rng = np.random.default_rng(seed)
    plain, moved = two_sample(first, second), two_sample(rng.permutation(first), rng.permutation(second))
    assert moved == plain
    turned = two_sample(second, first)
    assert (turned.ks, turned.ks_at) == (plain.ks, plain.ks_at)
    assert turned.wasserstein == pytest.approx(plain.wasserstein, rel=1e-12)


@pytest.mark.parametrize("sample", ["normal", "heavy tail", "both tails"])
def test_most_rows_need_no_sorting(sample):
    rng = np.random.default_rng(1)
    reference, current = SAMPLES[sample](rng, 200_000, 0.0), SAMPLES[sample](rng, 200_000, 0.2)
    buckets = bucket_map(reference)
    sides = [bucketed(values, buckets) for values in (reference, current)]
    counts = np.stack([side.counts for side in sides])
    is_open = np.zeros(N_BUCKETS, np.bool_)
    mark_open_buckets(counts, is_open)
    assert 0 < counts[:, is_open].sum() < 0.3 * counts.sum()
    np.testing.assert_array_equal(sorted_rows(sides[0], np.ones(N_BUCKETS, np.bool_)), np.sort(reference))
    kept = bucketed(np.sort(reference), buckets, are_sorted=True)
    np.testing.assert_array_equal(kept.counts, sides[0].counts)
    np.testing.assert_array_equal(sorted_rows(kept, is_open), sorted_rows(sides[0], is_open))


def test_buckets_never_change_the_order_of_values():
    rng = np.random.default_rng(4)
    values = np.sort(np.concatenate([rng.standard_cauchy(20_000) * 10.0 ** rng.integers(-20, 250, 20_000), [0.0, -0.0, 1e290, -1e290]]))
    for centre in (0.0, 0.1, -3e7):
        for scale in (1e-290, 0.7, 1e290):
            borders = np.zeros(N_BUCKETS + 1)
            ids = bucketed(values, BucketMap(centre, scale, borders)).ids
            assert (np.diff(ids.astype(np.int64)) >= 0).all()
            assert ids.max() < N_BUCKETS


def test_values_that_are_sorted_as_a_whole():
    assert bucket_map(np.repeat([1.0, 2.0], 500)) is None
    assert bucket_map(np.array([1.0])) is None
    assert bucket_map(np.arange(99.0) * 1e306) is None
    unit = bucket_map(np.arange(99.0))
    assert not fits(unit, (np.float64(0), np.float64(1e291)))
    assert fits(unit, (np.float64(0), np.float64(1e289)))
    whole = bucket_map(np.arange(99))
    assert not fits(whole, (np.int64(-1), np.int64(2**63 - 1)))


def test_few_values_are_walked_by_value(monkeypatch):
    monkeypatch.setattr(two_sample_module, "walk_rows", None)
    rng = np.random.default_rng(8)
    reference, current = rng.poisson(3, 70_000).astype(np.float32), rng.poisson(3.1, 300).astype(np.float32)
    for sides in ((reference, current), (ordered_sample(reference), current), (ordered_sample(reference), current[:1])):
        found, rows = two_sample(*sides), sides[1]
        ks = ks_2samp(reference, rows, method="asymp")
        assert (found.ks, found.ks_at) == (pytest.approx(ks.statistic, rel=1e-12), ks.statistic_location)
        assert found.wasserstein == pytest.approx(wasserstein_distance(reference, rows), rel=1e-12)


def test_runs_of_many_values_are_given_up():
    values = np.array([1, 1, 2, 2, 2, 7])
    found = runs_of(values, 3)
    assert isinstance(found, Runs)
    np.testing.assert_array_equal(found.values, [1, 2, 7])
    np.testing.assert_array_equal(found.ends, [0, 2, 5, 6])
    assert runs_of(values, 2) is None
    assert runs_of(values, -1) is None


@pytest.mark.parametrize("few_rows", [0, 10**9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("n", [1, 2, 500])
def test_quantiles_equal_numpys_and_the_definition(monkeypatch, sample, dtype, n, few_rows):
    monkeypatch.setattr(quantiles_module, "FEW_ROWS", few_rows)
    values = (SAMPLES[sample](np.random.default_rng(6), n, 0.0) * 100).astype(dtype)
    probabilities = [0.9, 0.0, 1.0, 0.5, 0.123, 0.001, 1 / 3]
    found = exact_quantiles(values, probabilities)
    np.testing.assert_array_equal(found, np.quantile(values.astype(np.float64), probabilities))
    np.testing.assert_array_equal(found, exact_quantiles(ordered_sample(values), probabilities))
    for one, probability in zip(found, probabilities, strict=True):
        assert one == pytest.approx(float(oracle.quantile(values, probability)), rel=1e-12, abs=1e-9)


def test_quantiles_that_are_undefined_or_refused():
    np.testing.assert_array_equal(exact_quantiles(np.zeros(0), [0.0, 0.5]), [np.nan, np.nan])
    with pytest.raises(ValueError, match=r"probabilities are \[50.0\]; wanted 0 .. 1: pass shares, not per cents"):
        exact_quantiles(np.arange(3.0), [50])
    with pytest.raises(ValueError, match="values holds NaN or infinite values"):
        exact_quantiles(np.array([np.nan]), [0.5])
