"""Sums by place and quantiles, of the host and in a card's own order, against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.drift import place_sums
from harness.drift.place_sums import mean_of, sums_by_place
from harness.drift.quantiles import quantiles_of, quantiles_of_sorted
from tests.oracles import place_sums as oracle


@pytest.fixture(autouse=True)
def no_card_is_asked(monkeypatch):
    monkeypatch.setattr(place_sums, "check_fits", lambda what, n_bytes: None)


def test_what_is_asked_of_the_card_counts_thin_places(monkeypatch):
    asked = []
    monkeypatch.setattr(place_sums, "check_fits", lambda what, n_bytes: asked.append(n_bytes))
    by_place([0, 1], [1.0, 2.0], 9, True)
    by_place([0] * 100, [1.0] * 100, 2, True)
    assert asked == [2 * 64 + 2 * 2200, 100 * 64 + 2 * 2200]


def by_place(places, values, n_places, is_on_card):
    return sums_by_place(np, np.array(places, np.int64), [None, np.array(values, np.float64)], n_places, is_on_card=is_on_card)


@pytest.mark.parametrize("is_on_card", [False, True])
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6)), max_size=60), st.integers(5, 9))
def test_sums_are_those_of_the_definition(is_on_card, rows, n_places):
    places, values = [p for p, _ in rows], [v for _, v in rows]
    n, total = by_place(places, values, n_places, is_on_card)
    assert n.tolist() == [float(places.count(place)) for place in range(n_places)]
    np.testing.assert_allclose(total, oracle.sums_by_place(places, values, n_places), rtol=1e-12, atol=1e-8)
    assert (n.dtype, total.dtype) == (np.float64, np.float64)


@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 64 * 64 + 1])
def test_any_number_of_steps(n):
    """One value, a whole line, and one that takes another step."""
    places, values = np.where(np.arange(n) % 97 == 5, 2, 0), np.arange(n) % 8 / 8  # exact in float64
    for count, total in ((by_place(places, values, 4, True)), (by_place(places, values, 4, False))):
        assert count.tolist() == np.bincount(places, minlength=4).tolist()
        assert total.tolist() == oracle.sums_by_place(places, values, 4)


def test_sums_of_a_card_do_not_depend_on_the_order_of_other_places():
    rng = np.random.default_rng(0)
    places, values = rng.integers(0, 3, 500), rng.normal(size=500)
    order = np.argsort(rng.random(500) + 10 * (places == 1), kind="stable")  # moves rows of place 1 behind all others, not among themselves
    of_one = np.flatnonzero(places == 1)
    order = np.concatenate([order[places[order] != 1], of_one])
    assert by_place(places, values, 3, True)[1][1] == by_place(places[order], values[order], 3, True)[1][1]


@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_means(n):
    values = np.random.default_rng(n).normal(size=n)
    for is_on_card in (False, True):
        assert mean_of(np, values, is_on_card=is_on_card) == pytest.approx(values.mean(), rel=1e-13, abs=1e-15)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_are_numpys(values, probabilities):
    expected = np.quantile(np.array(values), probabilities)
    np.testing.assert_array_equal(quantiles_of_sorted(np.sort(values), probabilities), expected)
    np.testing.assert_array_equal(quantiles_of(np.array(values), probabilities), expected)


def test_quantiles_of_nothing_are_not_defined():
    assert np.isnan(quantiles_of_sorted(np.zeros(0), [0.5])).all()
    assert np.isnan(quantiles_of(np.zeros(0), [0.5])).all()
