"""Metrics over time and retraining rules, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare.over_time import over_time, retrain_reading
from harness.records.metric import MetricValues
from harness.records.over_time import RetrainRule
from harness.records.tally import Grid
from harness.stats.mover import independent_difference

GRID = Grid(("all", "site", "site"), ("all", "a", "b"), ("all", "2024-01", "2024-02", "2024-03", "2024-04"))
N = np.array([400, 100, 100, 100, 100, 200, 50, 50, 50, 50, 200, 50, 20, 50, 50])
VALUE = np.array([0.7, 0.75, 0.72, 0.66, 0.69, 0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.7, 0.5, np.nan, 0.55])


def values(metric="auc"):
    none = np.full(15, None, object)
    return MetricValues(metric, VALUE, VALUE - 0.03, VALUE + 0.02, none, none)


def reference():
    none = np.full(1, None, object)
    return MetricValues("auc", np.array([0.78]), np.array([0.77]), np.array([0.79]), none, none)


def test_reference_and_windows_stand_side_by_side_with_the_difference_to_the_last():
    rows = over_time("mlp", values(), N, GRID, reference(), 77)
    assert [(r.period, r.n, r.value) for r in rows] == [
        ("reference", 77, 0.78), ("2024-01", 100, 0.75), ("2024-02", 100, 0.72), ("2024-03", 100, 0.66), ("2024-04", 100, 0.69),
    ]  # fmt: skip
    assert {(r.variant, r.metric, r.slice_by, r.slice_value, r.last_window) for r in rows} == {("mlp", "auc", "all", "all", "2024-04")}
    np.testing.assert_allclose([r.last_minus_this for r in rows], [-0.09, -0.06, -0.03, 0.03, np.nan], atol=1e-12)
    wanted = independent_difference(*(np.array([x]) for x in (0.69, 0.66, 0.71, 0.78, 0.77, 0.79)))
    np.testing.assert_allclose([rows[0].last_minus_this_ci_low, rows[0].last_minus_this_ci_high], np.ravel(wanted))
    assert np.isnan(rows[-1].last_minus_this_ci_low)


def test_another_slice_has_its_windows_and_no_reference():
    rows = over_time("mlp", values(), N, GRID, reference(), 77, slice_by="site", slice_value="a")
    assert [(r.period, r.value) for r in rows] == [(window, 0.8) for window in GRID.windows[1:]]


def test_without_windows_or_slice_there_is_nothing():
    assert over_time("mlp", values(), N, GRID, slice_by="site", slice_value="c") == ()
    assert over_time("mlp", values(), N[:3], Grid(GRID.slice_by, GRID.slice_value, ("all",))) == ()


@pytest.mark.parametrize(
    ("rule", "first", "held", "certain"),
    [
        (RetrainRule("auc", "all", "all", below=0.7), "2024-03", 2, "2024-03"),
        (RetrainRule("auc", "all", "all", below=0.70999), "2024-03", 2, "2024-03"),
        (RetrainRule("auc", "all", "all", below=0.721), "2024-02", 3, "2024-03"),
        (RetrainRule("auc", "all", "all", above=0.74), "2024-01", 1, None),
        (RetrainRule("auc", "all", "all", above=0.71), "2024-01", 2, "2024-01"),
        (RetrainRule("auc", "site", "a", below=0.5), None, 0, None),
    ],
)
def test_a_rule_names_the_first_window_in_which_it_held(rule, first, held, certain):
    found = retrain_reading("mlp", rule, [values()], N, GRID)
    assert (found.first_window, found.n_held, found.first_certain, found.n_windows, found.trouble) == (first, held, certain, 4, None)
    if first is not None:
        assert found.value == VALUE[GRID.windows.index(first)]


def test_windows_with_few_rows_or_without_a_value_are_skipped_and_counted():
    found = retrain_reading("mlp", RetrainRule("auc", "site", "b", below=0.6), [values()], N, GRID)
    assert (found.n_windows, found.n_skipped, found.first_window) == (2, 2, "2024-04")


@pytest.mark.parametrize(
    ("rule", "grid", "said"),
    [
        (RetrainRule("acu", "all", "all", below=0.7), GRID, "no metric 'acu'; did you mean 'auc'?; add it to metrics"),
        (RetrainRule("auc", "site", "z", below=0.7), GRID, "the replay has no slice 'site=z'"),
        (RetrainRule("auc", "all", "all", below=0.7), Grid(GRID.slice_by, GRID.slice_value, ("all",)), "the replay has no windows"),
    ],
)
def test_a_rule_that_cannot_be_read_says_why(rule, grid, said):
    found = retrain_reading("mlp", rule, [values()], N, grid)
    assert said in (found.trouble or "")
    assert found.first_window is None
