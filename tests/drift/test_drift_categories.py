"""Chi-square, Cramér's V, total variation, Hellinger: against their definitions and SciPy; the test of homogeneity; names in the note."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association

from harness.drift.chi_square import ChiSquare
from harness.drift.cramers_v import CramersV
from harness.drift.hellinger import Hellinger
from harness.drift.homogeneity import homogeneity, permutation_moments
from harness.drift.total_variation import TotalVariation
from tests.oracles import drift_statistics as oracle
from tests.support.column_pairs import pair_of

ALL = (ChiSquare(), CramersV(), TotalVariation(), Hellinger())
COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=9).filter(
    lambda c: all(map(sum, zip(*c, strict=True)))
)
FEW = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=4).filter(
    lambda c: all(map(sum, zip(*c, strict=True))) and sum(map(sum, c)) in range(4, 11) and sum(sum(pair) > 0 for pair in c) > 1
)


def sides(counts):
    return tuple(np.array(side, float) for side in zip(*counts, strict=True))


def texts(counts):
    return [[f"c{i}" for i, k in enumerate(side) for _ in range(k)] for side in zip(*counts, strict=True)]


@given(COUNTS)
def test_values_of_any_counts(counts):
    reference, current = sides(counts)
    chi = oracle.chi_square(reference, current)
    assert float(ChiSquare().of_counts(reference, current)) == pytest.approx(chi, rel=1e-9, abs=1e-9)
    assert float(TotalVariation().of_counts(reference, current)) == pytest.approx(oracle.total_variation(reference, current), abs=1e-12)
    assert float(Hellinger().of_counts(reference, current)) == pytest.approx(oracle.hellinger(reference, current), abs=1e-7)
    found = float(CramersV().of_counts(reference, current))
    if sum(sum(pair) > 0 for pair in counts) > 1:
        assert found == pytest.approx((chi / (reference.sum() + current.sum())) ** 0.5, abs=1e-9)
    else:
        assert np.isnan(found)


@pytest.mark.parametrize("seed", range(5))
def test_chi_square_its_p_value_and_v_are_scipys(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(20, 90, (2, 6))
    table = [[str(i) for i, k in enumerate(side) for _ in range(k)] for side in counts]
    wanted = chi2_contingency(counts, correction=False)
    found = ChiSquare().read(pair_of(*table))
    assert found.value == pytest.approx(wanted.statistic, rel=1e-10)
    assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-10)
    assert CramersV().read(pair_of(*table)).value == pytest.approx(association(counts, method="cramer"), rel=1e-10)
    for statistic in ALL:
        assert statistic.read(pair_of(*table)).p_value == found.p_value


@settings(max_examples=40)
@given(FEW)
def test_moments_are_those_of_all_ways_to_deal_the_rows_out(counts):
    reference, current = zip(*counts, strict=True)
    dealt = np.array(oracle.dealt_out(reference, current, oracle.chi_square))
    mean, variance = permutation_moments(*sides(counts))
    assert mean == pytest.approx(dealt.mean(), rel=1e-9)
    assert variance == pytest.approx(dealt.var(), rel=1e-7, abs=1e-9)


def test_sparse_bins_are_referred_to_the_moments_and_said_so():
    dense = homogeneity(np.array([50.0, 50.0]), np.array([40.0, 60.0]))
    sparse = homogeneity(np.array([50.0, 50.0, 4.0]), np.array([40.0, 60.0, 4.0]))
    assert "sparse" not in dense.how
    assert "sparse" in sparse.how
    assert sparse.p_value != pytest.approx(chi2_contingency([[50, 50, 4], [40, 60, 4]], correction=False).pvalue, rel=1e-6)


def test_a_single_unseen_row_among_few_current_ones_is_as_rare_as_it_is():
    """One of 100 current rows against 10,000: dealt at random it is a current one in 1 of 101 worlds."""
    found = homogeneity(np.array([10_000.0, 0.0]), np.array([99.0, 1.0]))
    naive = chi2_contingency([[10_000, 0], [99, 1]], correction=False).pvalue
    assert naive < 1e-20
    assert 1e-3 < found.p_value < 0.02


@pytest.mark.parametrize("name", ["zipf", "rare"])
@pytest.mark.parametrize(("n", "m"), [(400, 400), (10_000, 100)])
def test_homogeneity_keeps_its_level_in_sparse_bins_where_chi_square_does_not(name, n, m):
    share = 1.0 / np.arange(1, 201) if name == "zipf" else np.r_[0.995, np.full(10, 0.0005)]
    rng = np.random.default_rng(7)
    worlds = rng.multinomial(n, share / share.sum(), 600), rng.multinomial(m, share / share.sum(), 600)
    p_values = np.array([homogeneity(a, b).p_value or 1.0 for a, b in zip(*(w.astype(float) for w in worlds), strict=True)])
    assert (p_values < 0.05).mean() < 0.08  # .05 and three standard errors of 600
    assert (p_values < 0.05).mean() > 0.01 or name == "rare"


def test_all_values_different_are_no_evidence():
    assert homogeneity(np.r_[np.ones(10), np.zeros(10)], np.r_[np.zeros(10), np.ones(10)]).p_value == 1.0


def test_unseen_and_vanished_categories_are_named_with_their_rows():
    reference = ["a"] * 50 + ["gone"] * 7
    current = ["a"] * 50 + ["n1"] * 1 + ["n2"] * 9
    for statistic in ALL:
        note = statistic.read(pair_of(reference, current)).note
        assert "2 unseen: n2 9, n1 1; 1 vanished: gone 7" in note
    same = ChiSquare().read(pair_of(reference, reference)).note
    assert "unseen" not in same
    assert "vanished" not in same


def test_no_more_than_five_are_named():
    current = ["a"] * 50 + [f"n{i}" for i in range(8)]
    note = ChiSquare().read(pair_of(["a"] * 50, current)).note
    assert "8 unseen: n0 1, n1 1, n2 1, n3 1, n4 1, …" in note
    assert "n5" not in note


@given(COUNTS, st.randoms())
def test_the_order_of_rows_and_the_names_of_categories_are_free(counts, random):
    reference, current = texts(counts)
    renamed = {f"c{i}": f"z{len(counts) - i}" for i in range(len(counts))}
    shuffled = [random.sample([renamed[v] for v in side], len(side)) for side in (reference, current)]
    for statistic in ALL:
        first, second = statistic.read(pair_of(reference, current)), statistic.read(pair_of(*shuffled))
        assert second.value == pytest.approx(first.value, rel=1e-9, abs=1e-9, nan_ok=True)
        assert (first.p_value is None) is (second.p_value is None)
        assert first.p_value is None or second.p_value == pytest.approx(first.p_value, rel=1e-9)


def test_one_category_on_both_sides():
    pair = pair_of(["a"] * 9, ["a"] * 8)
    assert [statistic.read(pair).value for statistic in (ChiSquare(), TotalVariation(), Hellinger())] == [0.0, 0.0, 0.0]
    found = CramersV(threshold=0.1).read(pair)
    assert np.isnan(found.value)
    assert found.exceeds is None
    assert all(statistic.read(pair).p_value is None for statistic in ALL)


@pytest.mark.parametrize("statistic", ALL)
def test_an_empty_side_is_undefined(statistic):
    assert np.isnan(statistic.read(pair_of([], ["a"])).value)
    assert "no reference rows" in statistic.read(pair_of([], ["a"])).note


def test_missing_counts_as_a_category_but_not_of_a_label():
    values = ["a", "b"] * 30, ["a", "b"] * 30 + [None] * 60
    for statistic in ALL:
        assert statistic.read(pair_of(*values)).p_value < 1e-6
        assert statistic.read(pair_of(*values, is_label=True)).p_value == pytest.approx(1.0)


@pytest.mark.parametrize("statistic", ALL)
def test_they_are_of_categories_alone(statistic):
    assert [statistic.applies_to(kind, False) for kind in ("number", "time", "category", "none")] == [False, False, True, False]
    assert statistic.name in {"chi_square", "cramers_v", "total_variation", "hellinger"}
