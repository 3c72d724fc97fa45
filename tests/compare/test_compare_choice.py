"""Holm's correction and the worst slice."""

from __future__ import annotations

import numpy as np
from statsmodels.stats.multitest import multipletests

from harness.compare.worst_slice import WorstSlice, worst_slice
from harness.records.metric import Differences, MetricValues
from harness.records.tally import Grid
from harness.stats.holm import holm


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(1).random((40, 3)) ** 3
    p[3] = p[4]  # ties
    expected = np.column_stack([multipletests(column, method="holm")[1] for column in p.T])
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)
    np.testing.assert_allclose(holm(p[:, 0]), expected[:, 0], rtol=1e-12)


def test_holm_leaves_out_what_was_not_tested():
    p = np.array([0.04, np.nan, 0.01, np.nan])
    np.testing.assert_array_equal(holm(p), [0.04, np.nan, 0.02, np.nan])
    assert np.isnan(holm(np.full(3, np.nan))).all()
    assert holm(np.empty(0)).shape == (0,)


def test_holm_counts_tests_made_elsewhere():
    np.testing.assert_allclose(holm(np.array([0.01, 0.02]), n_family=10), [0.1, 0.18])


GRID = Grid(("all", "carrier", "carrier", "carrier*origin"), ("all", "UA", "DL", "UA*EWR"), ("all", "2013-05"))
N = np.array([90, 9, 40, 4, 50, 5, 30, 3])


def values(*numbers):
    value = np.array(numbers, dtype=np.float64)
    nothing = np.full(len(value), None, dtype=np.object_)
    return MetricValues("auc", value, value, value, nothing, nothing)


def differences(difference):
    blank = np.full(len(difference), np.nan)
    text = np.full(len(difference), "", dtype=np.object_)
    return Differences(
        metric="auc",
        champion="a",
        challenger="b",
        higher_is_better=True,
        n=N,
        champion_value=blank,
        challenger_value=blank,
        difference=np.asarray(difference, dtype=np.float64),
        se=blank,
        ci_low=blank,
        ci_high=blank,
        simultaneous_low=blank,
        simultaneous_high=blank,
        method=text,
        p_value=blank,
        p_value_corrected=blank,
        correction="holm",
    )


def test_worst_slice_is_over_all_windows_and_not_all_rows():
    numbers = values(0.1, 0.1, 0.7, 0.0, 0.8, 0.0, 0.6, 0.0)
    assert worst_slice(numbers, None, N, GRID) == WorstSlice("carrier*origin=UA*EWR", 0.6, None)
    assert worst_slice(numbers, None, N, GRID, higher_is_better=False) == WorstSlice("carrier=DL", 0.8, None)


def test_small_and_undefined_slices_are_not_ranked():
    numbers = values(0.9, 0.9, 0.7, 0.9, np.nan, 0.9, 0.6, 0.9)
    found = worst_slice(numbers, differences([0, 0, -0.02, 0, 0, 0, 0.5, 0]), N, GRID, min_n=31)
    assert found == WorstSlice("carrier=UA", 0.7, -0.02)
    assert worst_slice(numbers, None, N, GRID, min_n=1000) is None


def test_an_undefined_difference_is_none():
    found = worst_slice(values(*[0.5] * 8), differences([np.nan] * 8), N, GRID)
    assert found == WorstSlice("carrier=UA", 0.5, None)
