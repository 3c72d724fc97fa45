"""Paired differences of regression metrics: values of scikit-learn, the paired t test, the sandwich, digits, and coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.records.tally import Grid
from harness.records.task_tally import PairedRegressionTally
from harness.stats.effective_clusters import FEW_EFFECTIVE
from harness.tallies.regression import tally_paired_regression
from tests.oracles import regression_oracle as oracle

METRICS = list(PAIRED_METRICS[PairedRegressionTally])
N_CELLS = 3


def paired(champion, challenger, labels, cells=None, weights=None, clusters=None):
    n_cells = 1 if cells is None else int(cells.max()) + 1
    names = tuple(map(str, range(n_cells)))
    ids = (np.zeros(len(labels), np.int32) if cells is None else cells.astype(np.int32))[:, None]
    arrays = np.asarray(champion, np.float32), np.asarray(challenger, np.float32), np.asarray(labels, np.float64)
    return tally_paired_regression(*arrays, ids, None, Grid(names, names, ("all",)), weights, clusters)


def compare(pair, metric, confidence=0.95, **more):
    return paired_differences(pair, metric, "champion", "challenger", confidence, **more)


def sliced(seed=1, n=300):
    champion, labels, weights, clusters = oracle.random_rows(seed, n)
    rng = np.random.default_rng(seed)
    challenger = (0.7 * champion + 0.3 * np.nan_to_num(labels) + rng.normal(0, 0.3, n)).astype(np.float32)
    return champion, challenger, labels, rng.integers(0, N_CELLS, n), weights, clusters


def rows_of(cell, rows):
    keep = (rows[3] == cell) & ~np.isnan(rows[2])
    return [values[keep] for values in rows]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clustered", [False, True])
def test_values_and_errors_are_those_of_the_definition(metric, weighted, clustered):
    rows = sliced()
    found = compare(paired(*rows[:4], rows[4] if weighted else None, rows[5] if clustered else None), metric)
    for cell in range(N_CELLS):
        a, b, y, _, w, c = rows_of(cell, rows)
        kept = (y != 0) if metric == "mape" else np.ones(len(y), bool)
        w, c = w if weighted else np.ones(len(y)), c if clustered else np.arange(len(y))
        champion, of_a = oracle.value_and_influence(metric, a, y, w)
        challenger, of_b = oracle.value_and_influence(metric, b, y, w)
        np.testing.assert_allclose([found.champion_value[cell], found.challenger_value[cell]], [champion, challenger], rtol=1e-10)
        change = np.array(of_b) - np.array(of_a)
        own = slice(None) if clustered else kept
        se = np.sqrt(oracle.variance(change[own], c[own]))
        np.testing.assert_allclose(found.se[cell], se, rtol=1e-8)
        held = np.array([w[kept & (c == one)].sum() for one in np.unique(c)])
        degrees = held.sum() ** 2 / (held**2).sum() - 1
        half = stats.t.ppf(0.975, degrees) * se
        difference = challenger - champion
        np.testing.assert_allclose([found.ci_low[cell], found.ci_high[cell]], [difference - half, difference + half], rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(found.p_value[cell], 2 * stats.t.sf(abs(difference) / se, degrees), rtol=1e-6)
        assert found.n[cell] == kept.sum()
    assert found.higher_is_better == (metric == "r2")
    assert found.is_gateable.all()


@pytest.mark.parametrize("metric", ["mae", "mse", "mape"])
def test_a_mean_of_plain_rows_is_the_paired_t_test(metric):
    rows = sliced(2)
    a, b, y, *_ = rows_of(0, rows)
    found = compare(paired(a, b, y), metric)
    loss = {"mae": lambda e: np.abs(e), "mse": lambda e: e * e, "mape": lambda e: np.abs(e)[y != 0] / np.abs(y[y != 0])}[metric]
    expected = stats.ttest_rel(loss(b.astype(np.float64) - y), loss(a.astype(np.float64) - y))
    np.testing.assert_allclose(found.p_value[0], expected.pvalue, rtol=1e-9)
    interval = expected.confidence_interval(0.95)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [interval.low, interval.high], rtol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_simultaneous_intervals_are_bonferronis(metric):
    pair = paired(*sliced(3)[:4])
    found, stricter = compare(pair, metric, n_family=10), compare(pair, metric, 1 - 0.05 / 10)
    np.testing.assert_allclose(found.simultaneous_low, stricter.ci_low, rtol=1e-9)
    assert (found.simultaneous_low < found.ci_low).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("clustered", [False, True])
def test_identical_variants_are_not_called_different(metric, clustered):
    champion, _, labels, cells, weights, clusters = sliced(4)
    found = compare(paired(champion, champion, labels, cells, weights, clusters if clustered else None), metric)
    assert (found.difference == 0).all()
    assert (found.p_value == 1).all()
    assert np.isnan(found.se).all()
    assert np.isnan(found.ci_low).all()
    assert found.method[0].startswith("no interval: ")


@pytest.mark.parametrize("metric", METRICS)
def test_models_that_are_nearly_alike_keep_their_digits(metric):
    rng = np.random.default_rng(5)
    labels = 100.0 + rng.normal(0.0, 20.0, 400)
    champion = (labels + rng.normal(0.0, 5.0, 400)).astype(np.float32)
    challenger = np.nextafter(
        champion, np.where(rng.random(400) < 0.5, np.inf, champion).astype(np.float32)
    )  # the last bit of half the rows
    found = compare(paired(champion, challenger, labels), metric)
    a, of_a = oracle.value_and_influence(metric, champion, labels, np.ones(400))
    b, of_b = oracle.value_and_influence(metric, challenger, labels, np.ones(400))
    np.testing.assert_allclose(found.difference[0], b - a, rtol=1e-4, atol=1e-13)
    np.testing.assert_allclose(found.se[0], np.sqrt(oracle.variance(np.array(of_b) - np.array(of_a), range(400))), rtol=1e-4)


def test_differences_that_are_all_equal_have_no_interval():
    labels = np.zeros(500)
    found = compare(paired(np.full(500, 0.1), np.full(500, 0.3), labels), "mae")
    np.testing.assert_allclose(found.difference, 0.2, rtol=1e-6)
    assert np.isnan([found.se[0], found.ci_low[0], found.p_value[0]]).all()
    assert found.method[0].startswith("no interval: ")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_have_no_difference(metric, n):
    found = compare(paired(np.full(n, 1.0), np.full(n, 2.0), np.full(n, 3.0)), metric)
    for column in (found.difference, found.se, found.ci_low, found.ci_high, found.simultaneous_low, found.p_value, found.p_value_corrected):
        assert np.isnan(column[0])
    assert found.method[0].startswith("undefined: fewer than 2 rows")


def test_what_is_undefined_for_one_variant_has_no_difference():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 30)) + 5
    flat = compare(paired(one, other, np.full(30, 5.0)), "r2")
    assert np.isnan([flat.difference[0], flat.p_value[0], flat.ci_low[0]]).all()
    assert flat.method[0] == "undefined: the labels do not vary"
    zeros = compare(paired(one, other, np.zeros(30)), "mape")
    assert (zeros.n[0], zeros.method[0]) == (0, "undefined: fewer than 2 rows with a label other than 0")
    assert np.isfinite(compare(paired(one, other, np.zeros(30)), "mae").ci_low[0])


@pytest.mark.parametrize("metric", METRICS)
def test_nine_clusters_have_a_difference_and_no_interval_and_ten_have_one(metric):
    champion, challenger, labels, *_ = sliced(6)
    labels = np.nan_to_num(labels, nan=1.0) + 10.0
    for n_clusters in (9, 10):
        found = compare(paired(champion, challenger, labels, clusters=np.arange(len(labels)) % n_clusters), metric)
        assert np.isfinite(found.difference[0])
        assert np.isfinite(found.ci_low[0]) == (n_clusters == 10)
        assert n_clusters == 10 or found.method[0] == "no interval: fewer than 10 clusters"


@pytest.mark.parametrize("metric", METRICS)
def test_every_paired_metric_has_its_row_of_estimands(metric):
    text = (Path(__file__).parents[2] / "docs" / "estimands.md").read_text(encoding="utf-8")
    _, paired_part = text.split("## Paired differences")
    first_cells = [line.split("|")[1] for line in paired_part.splitlines() if line.startswith("| `")]
    assert sum(f"`{metric}`" in cell for cell in first_cells) == 1


N_WORLDS = 1000
TRUTHS = {"mae": np.sqrt(2 / np.pi) * (np.sqrt(0.9) - 1), "mse": -0.1, "rmse": np.sqrt(0.9) - 1, "r2": 0.1 / 5}


@pytest.mark.parametrize("metric", TRUTHS)
@pytest.mark.parametrize("size", [1, 4])
def test_the_interval_covers(metric, size):
    """Each simulated data set is a slice of 120 rows, in clusters of `size`; errors of variance 1 and .9, correlated .7."""
    rng = np.random.default_rng(size)
    n = N_WORLDS * 120
    clusters = np.repeat(np.arange(n // size), size)
    common, own_a, own_b, truth = (np.sqrt(0.5) * (rng.normal(size=n // size)[clusters] + rng.normal(size=n)) for _ in range(4))
    labels = np.sqrt(5.0) * truth
    a = np.sqrt(0.7) * common + np.sqrt(0.3) * own_a
    b = np.sqrt(0.9) * (np.sqrt(0.7) * common + np.sqrt(0.3) * own_b)
    cells = np.repeat(np.arange(N_WORLDS), 120)
    found = compare(paired(labels + a, labels + b, labels, cells, clusters=clusters if size > 1 else None), metric)
    coverage = ((found.ci_low <= TRUTHS[metric]) & (TRUTHS[metric] <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < 0.025


@pytest.mark.parametrize("metric", METRICS)
def test_two_rows_that_are_neither_weighted_nor_clustered_suffice_and_nine_weighted_ones_do_not(metric):
    rng = np.random.default_rng(8)
    labels = rng.normal(5.0, 1.0, 9)
    champion, challenger = (labels + rng.normal(size=9) for _ in range(2))
    plain = compare(paired(champion[:4], challenger[:4], labels[:4]), metric)
    np.testing.assert_allclose(plain.degrees, 3.0)
    assert np.isfinite(plain.ci_low[0])
    weighted = compare(paired(champion, challenger, labels, weights=rng.uniform(0.5, 2.0, 9)), metric)
    assert np.isfinite(weighted.difference[0])
    assert np.isnan([weighted.se[0], weighted.ci_low[0], weighted.degrees[0]]).all()
    assert weighted.method[0] == FEW_EFFECTIVE
