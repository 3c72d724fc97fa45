"""Benjamini and Hochberg's correction: against its step-up rule and SciPy, and one call for many families."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from harness.stats.benjamini_hochberg import benjamini_hochberg
from tests.oracles import drift_statistics as oracle

P_VALUES = st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0, 0.05, 1e-300, float("nan")])), max_size=12)


@given(P_VALUES)
def test_it_is_the_smallest_level_at_which_the_step_up_rule_rejects(p_values):
    found = benjamini_hochberg(np.array(p_values, float))
    np.testing.assert_allclose(found, oracle.benjamini_hochberg(p_values), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_it_is_scipys(n):
    p_value = np.random.default_rng(n).uniform(size=n) ** 4
    np.testing.assert_allclose(benjamini_hochberg(p_value), false_discovery_control(p_value), rtol=1e-12)


@given(st.lists(st.tuples(st.integers(-3, 3), st.one_of(st.floats(0.0, 1.0), st.just(float("nan")))), max_size=40), st.randoms())
def test_many_families_at_once_are_as_each_by_itself_in_any_order(tests, random):
    random.shuffle(tests)
    family = np.array([f for f, _ in tests], np.int64)
    p_value = np.array([p for _, p in tests], float)
    found = benjamini_hochberg(p_value, family)
    for own in set(family.tolist()):
        np.testing.assert_array_equal(found[family == own], benjamini_hochberg(p_value[family == own]))


def test_tiny_p_values_keep_their_digits_among_many_families():
    family = np.arange(200_000) // 2
    p_value = np.where(family == 77_777, 1e-200, 0.5)
    found = benjamini_hochberg(p_value, family)
    np.testing.assert_array_equal(found[family == 77_777], [1e-200, 1e-200])
    assert (found[family != 77_777] == 0.5).all()


def test_no_test_is_no_member_of_the_family():
    np.testing.assert_array_equal(benjamini_hochberg(np.array([0.01, np.nan, np.nan])), [0.01, np.nan, np.nan])
    assert np.isnan(benjamini_hochberg(np.array([np.nan, np.nan]))).all()
    assert len(benjamini_hochberg(np.array([]))) == 0
