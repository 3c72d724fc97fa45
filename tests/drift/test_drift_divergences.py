"""PSI and Jensen-Shannon of binned shares: against their definitions and SciPy, the bins of PSI, its null, its p-value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, chi2_contingency

from harness.drift.jensen_shannon import JensenShannon
from harness.drift.psi import Psi
from tests.oracles import drift_statistics as oracle
from tests.support.column_pairs import pair_of

COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=9).filter(
    lambda c: all(map(sum, zip(*c, strict=True)))
)


def sides(counts):
    return tuple(np.array(side, float) for side in zip(*counts, strict=True))


@given(COUNTS, st.sampled_from(["floor", "add"]))
def test_psi_of_any_counts(counts, zeros):
    reference, current = sides(counts)
    found = float(Psi(zeros=zeros).of_counts(reference, current))
    assert found == pytest.approx(oracle.psi(reference, current, zeros), rel=1e-10, abs=1e-12)


@given(COUNTS)
def test_jensen_shannon_of_any_counts(counts):
    reference, current = sides(counts)
    found = float(JensenShannon().of_counts(reference, current))
    assert found == pytest.approx(oracle.jensen_shannon(reference, current), rel=1e-10, abs=1e-8)  # a root: 1e-16 becomes 1e-8
    assert found == pytest.approx(jensenshannon(reference, current, base=2), rel=1e-10, abs=1e-7)


@given(COUNTS, st.randoms())
def test_the_order_of_bins_is_free_and_sides_may_be_exchanged(counts, random):
    shuffled = random.sample(counts, len(counts))
    for statistic in (Psi(), JensenShannon()):
        value = float(statistic.of_counts(*sides(counts)))
        assert float(statistic.of_counts(*sides(shuffled))) == pytest.approx(value, rel=1e-10, abs=1e-12)
        assert float(statistic.of_counts(*sides(counts)[::-1])) == pytest.approx(value, rel=1e-10, abs=1e-12)


def test_many_tables_at_once_are_as_one_by_one():
    rng = np.random.default_rng(0)
    reference, current = rng.poisson(2.0, (2, 50, 7)).astype(float) + np.eye(7)[3]
    for statistic in (Psi(), Psi(zeros="add"), JensenShannon()):
        one_by_one = [float(statistic.of_counts(r, c)) for r, c in zip(reference, current, strict=True)]
        np.testing.assert_allclose(statistic.of_counts(reference, current), one_by_one, rtol=1e-12)


def test_a_bin_that_is_empty_on_both_sides_leaves_the_sum_and_the_number_of_bins():
    with_empty = pair_of(["a"] * 30 + ["b"] * 10, ["a"] * 20 + ["b"] * 20)
    reading = Psi().read(with_empty)
    assert with_empty.reference.counts.tolist() == [30, 10, 0]  # missing is empty
    assert reading.value == pytest.approx(oracle.psi([30, 10], [20, 20]))
    assert "mean 0.05," in reading.note  # (2 - 1)(1/40 + 1/40)


def test_the_note_says_what_psi_is_without_drift():
    rng = np.random.default_rng(4)
    pair = pair_of(rng.normal(size=500), rng.normal(size=100))
    in_use = int(((pair.reference.counts + pair.current.counts) > 0).sum())
    mean = oracle.psi_without_drift(pair.reference.counts, pair.current.counts)
    point = chi2.isf(0.05, in_use - 1) * (1 / 500 + 1 / 100)
    assert f"without drift: mean {mean:.3g}, 95 % point {point:.3g}" in Psi().read(pair).note


def test_missing_below_and_above_are_bins_of_their_own():
    reference = np.arange(100.0)
    inside = Psi().read(pair_of(reference, reference)).value
    assert inside == 0.0
    for extreme in (np.nan, -np.inf, -5.0, 1e9):
        current = np.concatenate([reference, np.full(100, extreme)])
        pair = pair_of(reference, current)
        half = pair.reference.counts + np.where(pair.current.counts > pair.reference.counts, 100, 0)
        assert Psi().read(pair).value == pytest.approx(oracle.psi(pair.reference.counts, half))
        assert Psi().read(pair).value > 2.0


def test_the_p_value_is_that_of_homogeneity_with_the_outer_bins_counted_in():
    rng = np.random.default_rng(5)
    pair = pair_of(rng.normal(size=2_000), rng.normal(0.1, 1.1, size=1_000))
    joined = np.array([np.r_[c[0] + c[1], c[2:10], c[10] + c[11]] for c in (pair.reference.counts, pair.current.counts)])
    wanted = chi2_contingency(joined, correction=False).pvalue
    for statistic in (Psi(), JensenShannon()):
        reading = statistic.read(pair)
        assert reading.p_value == pytest.approx(wanted, rel=1e-9)
        assert "rows treated as independent" in reading.note


def test_one_row_beyond_the_reference_is_no_drift():
    """The reference cannot have rows out there, so such a bin says nothing of how rare they are."""
    reference = np.random.default_rng(6).uniform(size=100_000)
    inside, beyond = reference[:100], np.append(reference[:99], 1.5)
    assert Psi().read(pair_of(reference, beyond)).p_value == pytest.approx(Psi().read(pair_of(reference, inside)).p_value, abs=0.1)


@pytest.mark.parametrize(("reference", "current", "said"), [([], ["a"], "no reference rows"), (["a"], [], "no current rows")])
@pytest.mark.parametrize("statistic", [Psi(threshold=0.2), JensenShannon(threshold=0.1)])
def test_an_empty_side_is_undefined(statistic, reference, current, said):
    reading = statistic.read(pair_of(reference, current))
    assert np.isnan(reading.value)
    assert (reading.exceeds, reading.p_value) == (None, None)
    assert said in reading.note
    assert (reading.n_reference, reading.n_current) == (len(reference), len(current))


@pytest.mark.parametrize("statistic", [Psi(threshold=0.2), JensenShannon(threshold=0.1)])
def test_constants(statistic):
    same = statistic.read(pair_of(np.full(50, 2.0), np.full(40, 2.0)))
    assert (same.value, same.exceeds, same.p_value) == (0.0, False, None)
    assert "no test" in same.note
    moved = statistic.read(pair_of(np.full(50, 2.0), np.full(40, 3.0)))
    assert moved.exceeds
    assert moved.p_value < 1e-10


def test_one_row_a_side_and_no_values_at_all():
    one = Psi(threshold=0.2).read(pair_of(np.array([1.0]), np.array([2.0])))
    assert one.p_value is None
    assert one.value == pytest.approx(oracle.psi([1, 0], [0, 1]))
    nothing = Psi().read(pair_of(np.array([np.nan, np.nan]), np.array([np.nan])))
    assert (nothing.value, nothing.p_value) == (0.0, None)


def test_integers_beyond_float64_are_told_apart():
    low = 2**60
    pair = pair_of(np.full(30, low, np.int64), np.full(30, low + 1, np.int64))
    assert Psi().read(pair).value > 1.0


def test_a_label_that_is_not_there_yet_is_on_neither_side():
    values = ["0", "1"] * 20, ["0", "1"] * 10 + [None] * 20
    assert JensenShannon().read(pair_of(*values)).value > 0.1
    label = JensenShannon().read(pair_of(*values, is_label=True))
    assert label.value == 0.0
    assert (label.n_reference, label.n_current) == (40, 20)


def test_an_unknown_rule_for_empty_bins_is_refused():
    with pytest.raises(ValueError, match=r"zeros: found 'flor', wanted floor, add; did you mean 'floor'"):
        Psi(zeros="flor")
    with pytest.raises(ValueError, match="threshold: found -1"):
        Psi(threshold=-1.0)
    with pytest.raises(ValueError, match="n_resamples: found 0"):
        Psi(n_resamples=0)
