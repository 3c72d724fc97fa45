"""The tally of predictions that are numbers against exact sums, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ScoreError
from harness.records.tally import Grid
from harness.records.task_tally import PAIRED_REGRESSION_COMPONENTS, REGRESSION_COMPONENTS, PairedRegressionTally, RegressionTally
from harness.tallies.regression import mean_label, tally_paired_regression, tally_regression
from harness.tallies.stored import from_columns, to_columns
from tests.oracles import cluster_oracle, regression_oracle

N_SLICES, N_WINDOWS = 4, 3
NAMES = tuple(map(str, range(N_SLICES)))
GRID = Grid(NAMES, NAMES, tuple(map(str, range(N_WINDOWS))))


def log(seed, n):
    predictions, labels, weights, clusters = regression_oracle.random_rows(seed, n)
    rng = np.random.default_rng(seed + 1000)
    slice_ids = np.zeros((n, 2), np.uint16)
    slice_ids[:, 1] = 1 + rng.integers(0, N_SLICES - 1, n)
    return predictions, labels, slice_ids, rng.integers(0, N_WINDOWS, n).astype(np.int32), weights, clusters


def components(predictions, labels, centre):
    """One variant's components by their names, a row at a time."""
    rows = []
    for p, label in zip(predictions, labels, strict=True):
        e, y = float(p) - label, label - centre
        share = abs(e) / abs(label) if label != 0 else 0.0
        rows.append([1.0, e, abs(e), e * e, y, y * y, float(label != 0), share])
    return np.array(rows).reshape(len(rows), 8)


def expected_totals(values, log, weights, clusters):
    _, labels, slice_ids, window_ids, *_ = log
    rows = np.flatnonzero(~np.isnan(labels))
    none = np.zeros((len(labels), 0), np.int32)
    return cluster_oracle.cluster_totals(none, values, rows, weights, clusters, slice_ids, window_ids, N_SLICES, N_WINDOWS, 0)


def check(tally, expected):
    np.testing.assert_array_equal(tally.totals.n_clusters, expected[0])
    np.testing.assert_allclose(tally.totals.total, expected[1], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(tally.totals.cross, expected[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n", [0, 1, 80])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clustered", [False, True])
def test_the_tally_equals_its_definition(n, weighted, clustered):
    rows = log(n, n)
    predictions, labels, slice_ids, window_ids = rows[:4]
    weights, clusters = rows[4] if weighted else None, rows[5] if clustered else None
    tally = tally_regression(predictions, labels, slice_ids, window_ids, GRID, weights, clusters)
    judged = ~np.isnan(labels)
    centre = np.average(labels[judged], weights=None if weights is None else weights[judged]) if judged.any() else 0.0
    np.testing.assert_allclose(tally.centre, np.full(GRID.n_cells, centre), rtol=1e-12)
    check(tally, expected_totals(components(predictions, labels, centre), rows, weights, clusters))
    assert tally.is_clustered.tolist() == [clustered] * GRID.n_cells
    for cell, (one, window) in enumerate(np.ndindex(N_SLICES, N_WINDOWS)):
        inside = judged & (slice_ids == one).any(axis=1) & ((window == 0) | (window_ids == window))
        assert (tally.rows[cell], tally.n_zero[cell]) == (inside.sum(), (labels[inside] == 0).sum())
    np.testing.assert_array_equal(tally.n, tally.rows)


@pytest.mark.parametrize("clustered", [False, True])
def test_the_paired_tally_has_the_champions_sums_and_those_of_the_difference(clustered):
    rows = log(7, 60)
    champion, labels, slice_ids, window_ids, weights, clusters = rows
    challenger = (champion + np.random.default_rng(1).normal(0, 0.5, 60)).astype(np.float32)
    design = weights, clusters if clustered else None
    pair = tally_paired_regression(champion, challenger, labels, slice_ids, window_ids, GRID, *design)
    a, b = (components(p, labels, pair.centre[0]) for p in (champion, challenger))
    at = REGRESSION_COMPONENTS.index
    columns = {"weight": a[:, 0], "y": a[:, at("y")], "y_squared": a[:, at("y_squared")], "nonzero": a[:, at("nonzero")]}
    for name in ("error", "absolute_error", "squared_error", "absolute_percentage_error"):
        columns |= {f"champion_{name}": a[:, at(name)], name: b[:, at(name)] - a[:, at(name)]}
    values = np.stack([columns[name] for name in PAIRED_REGRESSION_COMPONENTS], axis=1)
    check(pair, expected_totals(values, rows, *design))
    np.testing.assert_array_equal(pair.n_zero, tally_regression(champion, labels, slice_ids, window_ids, GRID, *design).n_zero)


def test_rows_of_weight_zero_are_no_rows():
    predictions, labels, slice_ids, window_ids, weights, clusters = log(3, 50)
    weights[::3] = 0.0
    tally = tally_regression(predictions, labels, slice_ids, window_ids, GRID, weights, clusters)
    labels[::3], weights[::3] = np.nan, 1.0
    left_out = tally_regression(predictions, labels, slice_ids, window_ids, GRID, weights, clusters)
    np.testing.assert_array_equal(tally.rows, left_out.rows)
    np.testing.assert_array_equal(tally.totals.cross, left_out.totals.cross)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_threads_change_no_bit(monkeypatch, n_threads):
    monkeypatch.setattr("kernels.cluster_tally.tally_chunk_rows", lambda n_cells: 7)
    rows = log(5, 90)
    one, other = (tally_regression(*rows[:4], GRID, *rows[4:], n_threads=n) for n in (1, n_threads))
    assert one.totals.cross.tobytes() == other.totals.cross.tobytes()


def test_the_centre_keeps_the_digits_of_labels_far_from_zero():
    labels = 1e12 + np.arange(7) / 8
    assert mean_label(labels, None, np.arange(7)) == 1e12 + 0.375
    assert mean_label(labels, np.array([1.0, 0, 0, 0, 0, 0, 3.0]), np.arange(7)) == 1e12 + 0.5625


def test_a_label_near_zero_overflows_in_its_own_component_alone():
    labels, slice_ids = np.array([1e-308, 1.0, 2.0]), np.zeros((3, 1), np.uint16)
    tally = tally_regression(np.array([10.0, 1.0, 1.0], np.float32), labels, slice_ids, None, Grid(("a",), ("a",), ("all",)))
    at = REGRESSION_COMPONENTS.index("absolute_percentage_error")
    assert np.isinf(tally.totals.total[0, at])
    assert np.isfinite(tally.totals.total[0, :at]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_no_finite_numbers_are_refused_with_their_count(bad):
    predictions, labels, slice_ids, window_ids, *_ = log(2, 30)
    broken = predictions.copy()
    broken[:2] = bad
    with pytest.raises(ScoreError, match="predictions: 2 of 30 predictions are NaN or infinite; wanted finite numbers"):
        tally_regression(broken, labels, slice_ids, window_ids, GRID)
    with pytest.raises(ScoreError, match="challenger: 2 of 30"):
        tally_paired_regression(predictions, broken, labels, slice_ids, window_ids, GRID)


def test_predictions_of_another_form_are_refused():
    _, labels, slice_ids, window_ids, *_ = log(2, 30)
    with pytest.raises(ScoreError, match=r"predictions are int64 \(30,\); wanted floats \(30,\)"):
        tally_regression(np.zeros(30, np.int64), labels, slice_ids, window_ids, GRID)
    with pytest.raises(ScoreError, match=r"predictions are float32 \(30, 1\); wanted floats \(30,\)"):
        tally_regression(np.zeros((30, 1), np.float32), labels, slice_ids, window_ids, GRID)


def test_stored_columns_give_the_tallies_back():
    rows = log(3, 40)
    tally = tally_regression(*rows[:4], GRID, *rows[4:])
    pair = tally_paired_regression(rows[0], rows[0], *rows[1:4], GRID, *rows[4:])
    for kind, one in ((RegressionTally, tally), (PairedRegressionTally, pair)):
        columns, back = to_columns(one), to_columns(from_columns(kind, to_columns(one)))
        assert list(columns) == list(back)
        for name, values in columns.items():
            np.testing.assert_array_equal(values, back[name], err_msg=name)
