"""The bins of a column: deciles of the reference, categories of either side, bins that a stored profile brings."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift.bins import DECILES, OTHER, category_bins, has_shared_rows, number_bins, present_values, recode_to
from harness.records.column import Column
from harness.records.profile import Bins
from tests.oracles.column_cells import bin_of, type_7


def deciles_of(values):
    return np.array([float(type_7(values, share)) for share in map(str, DECILES)])


def of_names(*names):
    return Column("c", "string", "string", "category", codes=np.zeros(0, np.int32), categories=names)


def test_distinct_deciles_are_the_edges_and_hold_a_tenth_each():
    values = np.arange(0.0, 1000.0)
    edges = number_bins(deciles_of(values)).edges
    assert edges == tuple(deciles_of(values).tolist())
    counts = np.bincount([bin_of(v, edges) for v in values], minlength=12)
    assert counts.tolist() == [0, *[100] * 10, 0]


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 7.0, -3.0, 1e9]) | st.floats(-1e6, 1e6), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_values_at_which_deciles_stand_together_are_alone_and_no_value_of_the_reference_is_outside(drawn):
    values = np.array(drawn)
    deciles = deciles_of(values)
    bins = number_bins(deciles)
    assert all(a < b for a, b in pairwise(bins.edges[:-1]))
    assert bins.edges[-2] <= bins.edges[-1]
    assert len(bins.edges) >= 2
    places = {v: bin_of(v, bins.edges) for v in drawn}
    assert min(places.values()) >= 1, "none below"
    assert max(places.values()) <= len(bins.edges) - 1, "none above"
    for value in {a for a, b in pairwise(deciles.tolist()) if a == b}:
        with_it = {v for v in drawn if places[v] == bin_of(value, bins.edges)}
        assert with_it <= {value} | {v for v in drawn if 0 < abs(v) < 1e-307}, "two deciles or more: a bin of its own"


def test_zeros_and_ones_are_told_apart_whatever_their_shares():
    for n_ones in (1, 20, 50, 80, 99):
        values = np.array([0.0] * (100 - n_ones) + [1.0] * n_ones)
        edges = number_bins(deciles_of(values)).edges
        assert bin_of(0.0, edges) != bin_of(1.0, edges), n_ones


def test_a_constant_and_nothing_at_all():
    assert number_bins(np.full(11, -0.0)).edges == (0.0, 0.0)
    assert number_bins(np.full(11, 7.5)).edges == (7.5, 7.5)
    assert number_bins(np.full(11, math.nan)).edges == (0.0, 0.0)
    edges = number_bins(np.full(11, 7.5)).edges
    assert [bin_of(v, edges) for v in (7.4, 7.5, 7.6)] == [0, 1, 2]


def test_ends_of_whole_numbers_are_not_rounded():
    low, high = 2**53 + 1, 2**60 + 1
    values = np.linspace(float(low), float(high), 11)
    edges = number_bins(values, (low, high)).edges
    assert (edges[0], edges[-1]) == (low, high)
    assert [bin_of(v, edges) for v in (low - 1, low, high, high + 1)] == [0, 1, len(edges) - 1, len(edges)]


@given(
    st.dictionaries(st.sampled_from("abcdefgh") | st.just(OTHER), st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=9),
    st.integers(1, 10),
)
@settings(max_examples=150, deadline=None)
def test_categories_are_those_of_the_greatest_shares_and_the_rest_is_other(counts, max_categories):
    names = tuple(counts)
    reference = np.array([counts[name][0] for name in names], np.int64)
    current = np.array([counts[name][1] for name in names], np.int64)
    bins, recode = category_bins(of_names(*names), reference, current, max_categories)
    rows = {name: sum(counts[name]) for name in names}
    present = [name for name in names if rows[name] > 0]
    order = sorted((name for name in present if name != OTHER), key=lambda name: (-rows[name], name))
    shown = order[:max_categories]
    assert bins.categories == (*shown, *([OTHER] if len(present) > len(shown) else []))
    for name, code in zip(names, recode.tolist(), strict=True):
        if name in present:
            assert bins.categories[code] == (name if name in shown else OTHER)
    assert has_shared_rows(bins, np.append(np.bincount(recode, minlength=bins.n_bins - 1), 0)) == (len(present) > len(shown))


@given(
    st.lists(st.sampled_from("abcdef"), unique=True, max_size=5),
    st.booleans(),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9), max_size=8),
    st.integers(1, 9),
)
@settings(max_examples=150, deadline=None)
def test_stored_categories_keep_their_places_and_unknown_ones_stand_after_them(known, has_other, counts, max_categories):
    stored = Bins(categories=(*known, *([OTHER] if has_other else [])))
    names = tuple(counts)
    bins, recode = recode_to(stored, names, np.array([counts[name] for name in names], np.int64), max_categories)
    assert bins.categories[: len(stored.categories)] == stored.categories
    if has_other:
        assert bins == stored
    else:
        unknown = sorted((name for name in names if name not in known and counts[name]), key=lambda name: (-counts[name], name))
        shown = unknown[: max(max_categories - len(known), 0)]
        assert bins.categories == (*known, *shown, *([OTHER] if len(unknown) > len(shown) else []))
    for name, code in zip(names, recode.tolist(), strict=True):
        if counts[name]:
            assert bins.categories[code] in (name, OTHER)
            assert (bins.categories[code] == name) == (name in bins.categories)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_there_are_finite_and_in_their_order(dtype):
    values = np.array([3, math.inf, 1, math.nan, -math.inf, 2], dtype)
    assert present_values(values, None).tolist() == [3, 1, 2]
    assert present_values(values, np.array([True, False, False, False, False, False])).tolist() == [1, 2]
    assert present_values(values[:0], None).tolist() == []


def test_whole_numbers_are_there_where_no_mask_says_otherwise():
    values = np.array([5, 2**60 + 1, 7])
    assert present_values(values, np.array([False, False, True])).tolist() == [5, 2**60 + 1]
    assert present_values(values, None) is values


def test_which_categories_are_counted_one_by_one_says_nothing_of_how_they_split_between_the_sides():
    """Chosen by the shares of either side, the smaller one would seem to hold more of the chosen ones than it does."""
    from scipy.stats import chi2_contingency

    rng, n_beyond = np.random.default_rng(3), 0
    for _ in range(200):
        sides = [np.bincount(rng.integers(0, 600, n), minlength=600) for n in (1_000, 4_000)]
        bins, recode = category_bins(of_names(*(f"c{i:03}" for i in range(600))), *sides, 200)
        table = [np.bincount(recode, weights=side, minlength=bins.n_bins - 1) for side in sides]
        is_other = np.arange(bins.n_bins - 1) == bins.n_bins - 2
        n_beyond += chi2_contingency([[side[is_other].sum(), side[~is_other].sum()] for side in table], correction=False).pvalue < 0.05
    assert n_beyond <= 20  # 5 % of 200, and three standard errors
