"""Regression metrics: values of scikit-learn, intervals by the definition, degenerate cells, digits, and coverage in seeded worlds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn

from harness.metrics.bias import Bias
from harness.metrics.mae import Mae
from harness.metrics.mape import Mape
from harness.metrics.mse import Mse
from harness.metrics.r2 import R2
from harness.metrics.rmse import Rmse
from harness.records.tally import Grid
from harness.stats.effective_clusters import FEW_EFFECTIVE
from harness.tallies.regression import tally_regression
from tests.oracles import regression_oracle as oracle

METRICS = {m.name: m for m in (Mae(), Mse(), Rmse(), R2(), Bias(), Mape())}
N_CELLS = 4


def tally(predictions, labels, cells=None, weights=None, clusters=None):
    n_cells = 1 if cells is None else int(cells.max()) + 1
    names = tuple(map(str, range(n_cells)))
    ids = (np.zeros(len(labels), np.int32) if cells is None else cells.astype(np.int32))[:, None]
    arrays = np.asarray(predictions, np.float32), np.asarray(labels, np.float64)
    return tally_regression(*arrays, ids, None, Grid(names, names, ("all",)), weights, clusters)


def compute(name, *rows, confidence=0.95, **more):
    return METRICS[name].compute(tally(*rows, **more), confidence, 0)


def sliced(seed=1, n=400):
    predictions, labels, weights, clusters = oracle.random_rows(seed, n)
    return predictions, labels, np.random.default_rng(seed).integers(0, N_CELLS, n), weights, clusters


def rows_of(cell, rows):
    keep = (rows[2] == cell) & ~np.isnan(rows[1])
    return [values[keep] for values in rows]


SCIKIT = {
    "mae": sklearn.mean_absolute_error,
    "mse": sklearn.mean_squared_error,
    "rmse": sklearn.root_mean_squared_error,
    "r2": sklearn.r2_score,
    "bias": lambda y, p, sample_weight=None: np.average(p - y, weights=sample_weight),
    "mape": lambda y, p, sample_weight=None: sklearn.mean_absolute_percentage_error(
        y[y != 0], p[y != 0], sample_weight=None if sample_weight is None else sample_weight[y != 0]
    ),
}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_scikit_learns(name, weighted):
    rows = sliced()
    found = compute(name, *rows[:3], weights=rows[3] if weighted else None)
    for cell in range(N_CELLS):
        p, y, _, w, _ = rows_of(cell, rows)
        expected = SCIKIT[name](y, p.astype(np.float64), sample_weight=w if weighted else None)
        np.testing.assert_allclose(found.value[cell], expected, rtol=1e-11)
    assert found.undefined_reason.tolist() == [None] * N_CELLS


def quantile_of(weights, clusters, confidence):
    """Student's quantile with the effective clusters less 1: (sum M)² / sum M², M the weight in a cluster."""
    held = np.array([weights[clusters == c].sum() for c in np.unique(clusters)])
    return stats.t.ppf(0.5 + confidence / 2, held.sum() ** 2 / (held**2).sum() - 1)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_are_the_sandwich_of_the_influences(name, weighted, clustered, confidence):
    rows = sliced(2)
    design = {"weights": rows[3] if weighted else None, "clusters": rows[4] if clustered else None}
    found = compute(name, *rows[:3], confidence=confidence, **design)
    for cell in range(N_CELLS):
        p, y, _, w, c = rows_of(cell, rows)
        w, c = w if weighted else np.ones(len(y)), c if clustered else np.arange(len(y))
        value, influence = oracle.value_and_influence(name, p, y, w)
        kept = (y != 0) if name == "mape" else np.ones(len(y), bool)
        counted = c if clustered else c[kept]
        se = np.sqrt(oracle.variance(np.array(influence) if clustered else np.array(influence)[kept], counted))
        half = quantile_of(w[kept], c[kept], confidence) * se
        if name in ("mse", "rmse"):
            expected = value * np.exp(-half / value), value * np.exp(half / value)
        elif name == "r2":
            expected = 1 - (1 - value) * np.exp(half / (1 - value)), 1 - (1 - value) * np.exp(-half / (1 - value))
        else:
            expected = value - half, value + half
        np.testing.assert_allclose([found.ci_low[cell], found.ci_high[cell]], expected, rtol=1e-8)


@pytest.mark.parametrize("name", ["mae", "bias"])
def test_the_interval_of_a_mean_of_plain_rows_is_students(name):
    p, y, *_ = rows_of(0, sliced(3))
    found = compute(name, p, y)
    errors = p.astype(np.float64) - y
    expected = stats.ttest_1samp(np.abs(errors) if name == "mae" else errors, 0).confidence_interval(0.95)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [expected.low, expected.high], rtol=1e-10)


def test_the_interval_of_mse_is_that_of_rmse_squared():
    p, y, *_ = rows_of(0, sliced(3))
    mse, rmse = compute("mse", p, y), compute("rmse", p, y)
    np.testing.assert_allclose([mse.ci_low[0], mse.ci_high[0]], [rmse.ci_low[0] ** 2, rmse.ci_high[0] ** 2], rtol=1e-12)


def test_the_interval_of_mape_is_students_of_the_rows_it_keeps_and_says_how_many_it_leaves_out():
    p, y, *_ = rows_of(0, sliced(4))
    kept = y != 0
    expected = stats.ttest_1samp(np.abs(p[kept].astype(np.float64) - y[kept]) / np.abs(y[kept]), 0).confidence_interval(0.95)
    found = compute("mape", p, y)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [max(expected.low, 0), expected.high], rtol=1e-10)
    assert found.ci_method[0] == f"linearised, Student t; {(~kept).sum()} rows with label 0 left out"
    assert compute("mape", p[kept], y[kept]).ci_method[0] == "linearised, Student t"


def test_weight_two_is_not_two_rows_for_the_interval_but_is_for_the_value():
    p, y, *_ = rows_of(0, sliced(5))
    once, heavy = compute("mae", p, y), compute("mae", p, y, weights=np.full(len(y), 2.0))
    np.testing.assert_allclose([heavy.value[0], heavy.ci_low[0]], [once.value[0], once.ci_low[0]], rtol=1e-12)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_are_undefined(name, n):
    found = compute(name, np.ones(n), np.full(n, 2.0))
    assert np.isnan([found.value[0], found.ci_low[0], found.ci_high[0]]).all()
    assert (found.undefined_reason[0], found.ci_method[0]) == ("fewer than 2 rows", "")


@pytest.mark.parametrize("name", [name for name in METRICS if name != "r2"])
def test_errors_that_are_all_alike_have_no_interval(name):
    found = compute(name, np.full(1000, 3.1), np.full(1000, 0.1))
    np.testing.assert_allclose(found.value[0], {"mse": 9.0, "mape": 30.0}.get(name, 3.0), rtol=1e-6)
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == "no interval: the errors are the same in all rows, or nearly so"


@pytest.mark.parametrize("name", METRICS)
def test_no_error_at_all_has_no_interval(name):
    labels = np.arange(1.0, 9.0)
    found = compute(name, labels, labels)
    assert found.value[0] == (1.0 if name == "r2" else 0.0)
    assert np.isnan(found.ci_high[0])
    assert found.ci_method[0].startswith("no interval: ")


@pytest.mark.parametrize("label", [0.0, 0.1, 7.3e8])
def test_r2_is_undefined_where_labels_do_not_vary(label):
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.full(5000, label), rng.normal(size=5000)])
    found = compute("r2", labels + rng.normal(size=10_000), labels, np.repeat([0, 1], 5000))
    assert np.isnan(found.value[0])
    assert found.undefined_reason[0].startswith("the labels do not vary")
    assert np.isfinite([found.value[1], found.ci_low[1]]).all() == (label < 1e8)


def test_mape_is_undefined_without_labels_other_than_zero():
    found = compute("mape", [1.0, 2.0, 3.0], [0.0, 0.0, 5.0])
    assert np.isnan(found.value[0])
    assert found.undefined_reason[0] == "fewer than 2 rows with a label other than 0"


@pytest.mark.parametrize("name", METRICS)
def test_nine_clusters_have_a_value_and_no_interval_and_ten_have_one(name):
    rng = np.random.default_rng(6)
    labels = rng.normal(5.0, 1.0, 200)
    predictions = labels + rng.normal(size=200)
    for n_clusters in (9, 10):
        found = compute(name, predictions, labels, clusters=np.arange(200) % n_clusters)
        assert np.isfinite(found.value[0])
        assert np.isfinite(found.ci_low[0]) == (n_clusters == 10)
        assert n_clusters == 10 or found.ci_method[0] == "no interval: fewer than 10 clusters"


def test_nearly_all_weight_in_one_row_has_no_interval():
    weights = np.array([1e6, 1.0, 1.0, 1.0])
    found = compute("mae", [1.0, 2.0, 3.0, 5.0], [0.0, 0.0, 0.0, 0.0], weights=weights)
    assert found.ci_method[0] == FEW_EFFECTIVE


@pytest.mark.parametrize("name", METRICS)
def test_two_rows_that_are_neither_weighted_nor_clustered_suffice_and_nine_weighted_ones_do_not(name):
    rng = np.random.default_rng(8)
    labels = rng.normal(5.0, 1.0, 9)
    predictions = labels + rng.normal(size=9)
    assert np.isfinite(compute(name, predictions[:4], labels[:4]).ci_low[0])
    weighted = compute(name, predictions, labels, weights=rng.uniform(0.5, 2.0, 9))
    assert np.isfinite(weighted.value[0])
    assert (np.isnan(weighted.ci_low[0]), weighted.ci_method[0][: len(FEW_EFFECTIVE)]) == (True, FEW_EFFECTIVE)


def test_a_label_near_zero_leaves_the_other_metrics_alone():
    rows = [10.0, 1.0, 1.5], [1e-308, 1.0, 2.0]
    found = compute("mape", *rows)
    assert np.isnan(found.value[0])
    assert found.undefined_reason[0].startswith("beyond what 64-bit numbers hold")
    assert np.isfinite(compute("mae", *rows).ci_low[0])
    square_beyond = compute("mape", [10.0, 1.0, 1.5], [1e-200, 1.0, 2.0])
    assert np.isfinite(square_beyond.value[0])
    assert square_beyond.ci_method[0].startswith("no interval: beyond what 64-bit numbers hold")


def test_bounds_stay_in_the_range():
    labels = np.array([1.0, 2.0, 4.0])
    for name, metric in METRICS.items():
        found = compute(name, labels + np.array([0.0, 0.001, 3.0]), labels)
        assert metric.lowest <= found.ci_low[0] <= found.value[0] <= found.ci_high[0] <= metric.highest


@pytest.mark.parametrize("name", METRICS)
def test_labels_of_a_million_and_little_noise_keep_their_digits(name):
    rng = np.random.default_rng(7)
    labels = 1e6 + rng.normal(0.0, 0.5, 500)
    predictions = (1e6 + rng.normal(0.0, 0.5, 500)).astype(np.float32)
    found = compute(name, predictions, labels)
    value, influence = oracle.value_and_influence(name, predictions, labels, np.ones(500))
    np.testing.assert_allclose(found.value[0], value, rtol=1e-9)
    half = stats.t.ppf(0.975, 499) * np.sqrt(oracle.variance(influence, range(500)))
    expected = {"mse": value * np.exp(half / value), "rmse": value * np.exp(half / value)}.get(name, value + half)
    if name == "r2":
        expected = 1 - (1 - value) * np.exp(-half / (1 - value))
    np.testing.assert_allclose(found.ci_high[0] - value, expected - value, rtol=1e-6)


@pytest.mark.parametrize(("offset", "has_interval", "is_defined"), [(100.0, True, True), (1e3, False, True), (1e5, False, False)])
def test_r2_of_a_slice_far_from_the_others_is_right_or_not_told(offset, has_interval, is_defined):
    rng = np.random.default_rng(8)
    cells = np.repeat([0, 1], 300)
    labels = rng.normal(0.0, 1.0, 600) + np.where(cells == 0, offset, -offset)
    predictions = (labels + rng.normal(0.0, 0.5, 600)).astype(np.float32)
    found = compute("r2", predictions, labels, cells)
    value, influence = oracle.value_and_influence("r2", predictions[:300], labels[:300], np.ones(300))
    assert np.isfinite(found.value[0]) == is_defined
    assert np.isfinite(found.ci_low[0]) == has_interval
    if is_defined:
        np.testing.assert_allclose(found.value[0], value, rtol=1e-6)
    if has_interval:
        half = stats.t.ppf(0.975, 299) * np.sqrt(oracle.variance(influence, range(300)))
        np.testing.assert_allclose(found.ci_high[0], 1 - (1 - value) * np.exp(-half / (1 - value)), rtol=1e-5)


N_WORLDS = 1000
TRUTH = {"mae": np.sqrt(2 / np.pi), "mse": 1.0, "rmse": 1.0, "r2": 0.8, "bias": 0.0}


def worlds(n, seed):
    """Each simulated data set is a slice: normal errors of variance 1 on predictions of variance 4."""
    rng = np.random.default_rng(seed)
    predictions = rng.normal(0.0, 2.0, n * N_WORLDS).astype(np.float32)
    return predictions, predictions + rng.normal(size=n * N_WORLDS), np.repeat(np.arange(N_WORLDS), n)


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize(("n", "least"), [(30, 0.90), (300, 0.93)])
def test_intervals_of_plain_rows_cover(name, n, least):
    found = compute(name, *worlds(n, n))
    coverage = ((found.ci_low <= TRUTH[name]) & (TRUTH[name] <= found.ci_high)).mean()
    assert least <= coverage <= 0.95 + 4 * np.sqrt(0.95 * 0.05 / N_WORLDS)


@pytest.mark.parametrize("name", TRUTH)
def test_intervals_of_clusters_cover_and_those_of_rows_would_not(name):
    n_clusters, size = 60, 5
    rng = np.random.default_rng(11)
    n = N_WORLDS * n_clusters * size
    clusters = np.repeat(np.arange(N_WORLDS * n_clusters), size)
    shared = rng.normal(size=(2, N_WORLDS * n_clusters))[:, clusters]
    predictions = (2.0 * (0.8 * shared[0] + 0.6 * rng.normal(size=n))).astype(np.float32)
    labels = predictions + 0.8 * shared[1] + 0.6 * rng.normal(size=n)
    cells = np.repeat(np.arange(N_WORLDS), n_clusters * size)

    def coverage(found):
        return ((found.ci_low <= TRUTH[name]) & (TRUTH[name] <= found.ci_high)).mean()

    assert 0.915 <= coverage(compute(name, predictions, labels, cells, clusters=clusters)) <= 0.98
    assert coverage(compute(name, predictions, labels, cells)) < 0.90
