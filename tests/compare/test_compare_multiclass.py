"""Paired differences of multiclass metrics: the shares by Tango, the losses by t, and both linearised over weights and clusters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.compare.tango import mcnemar_p_value, tango_interval
from harness.records.tally import Grid
from harness.records.task_tally import PairedMulticlassTally
from harness.tallies.multiclass import tally_paired_multiclass
from tests.oracles import multiclass_oracle as oracle

METRICS = list(PAIRED_METRICS[PairedMulticlassTally])
SHARES, LOSSES = METRICS[:2], METRICS[2:]
N_SLICES, K = 3, 4


def rows(n=400, seed=3):
    champion, labels, *_ = oracle.random_log(seed, n, K, share_skipped=0.0)
    challenger = 0.6 * champion + 0.4 * oracle.random_log(seed + 1, n, K)[0]
    cells = np.random.default_rng(seed).integers(0, N_SLICES, n)
    return champion, challenger.astype(np.float32), labels, cells


def pair_of(champion, challenger, labels, cells, weights=None, clusters=None):
    names = tuple(map(str, range(N_SLICES)))
    grid = Grid(names, names, ("all",))
    ids = cells[:, None].astype(np.uint16)
    return tally_paired_multiclass(champion, challenger, labels, ids, None, grid, K, 2, weights, clusters)


def compare(paired, metric, confidence=0.95):
    return paired_differences(paired, metric, "champion", "challenger", confidence)


def per_row(metric, scores, labels):
    """The value of every row, whose mean the metric is."""
    read = [oracle.read_row(line, int(label)) for line, label in zip(scores, labels, strict=True)]
    pick = {"accuracy": lambda r: r[1] == 0, "top_k_accuracy": lambda r: r[1] < 2, "log_loss": lambda r: r[2], "brier": lambda r: r[3]}
    return np.array([pick[metric](line) for line in read], np.float64)


def test_the_metrics_and_their_directions():
    assert METRICS == ["accuracy", "top_k_accuracy", "log_loss", "brier"]
    paired = pair_of(*rows())
    assert [compare(paired, metric).higher_is_better for metric in METRICS] == [True, True, False, False]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_the_means_of_the_rows(metric, weighted):
    champion, challenger, labels, cells = rows()
    weights = np.random.default_rng(1).integers(1, 5, len(labels)).astype(np.float64) if weighted else None
    found = compare(pair_of(champion, challenger, labels, cells, weights), metric)
    for column, scores in ((found.champion_value, champion), (found.challenger_value, challenger)):
        values = per_row(metric, scores, labels)
        expected = [np.average(values[cells == k], weights=None if weights is None else weights[cells == k]) for k in range(N_SLICES)]
        np.testing.assert_allclose(column, expected, rtol=1e-10)
    np.testing.assert_array_equal(found.n, np.bincount(cells))


@pytest.mark.parametrize("metric", SHARES)
def test_share_difference_is_tangos(metric):
    champion, challenger, labels, cells = rows()
    found = compare(pair_of(champion, challenger, labels, cells), metric)
    for k in range(N_SLICES):
        old, new = (per_row(metric, scores[cells == k], labels[cells == k]) for scores in (champion, challenger))
        gained, lost, n = (np.array([int(x)]) for x in ((new > old).sum(), (old > new).sum(), len(old)))
        low, high = tango_interval(gained, lost, n, 0.95)
        assert (found.ci_low[k], found.ci_high[k]) == (low[0], high[0])
        assert found.p_value[k] == mcnemar_p_value(gained, lost)[0]


@pytest.mark.parametrize("metric", LOSSES)
def test_loss_difference_is_the_paired_t_test(metric):
    champion, challenger, labels, cells = rows()
    found = compare(pair_of(champion, challenger, labels, cells), metric)
    for k in range(N_SLICES):
        old, new = (per_row(metric, scores[cells == k], labels[cells == k]) for scores in (champion, challenger))
        expected = stats.ttest_rel(new, old)
        interval = expected.confidence_interval(0.95)
        np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], [interval.low, interval.high], rtol=1e-8)
        np.testing.assert_allclose(found.p_value[k], expected.pvalue, rtol=1e-7)


@pytest.mark.parametrize("metric", SHARES)
def test_of_rows_that_are_clusters_of_their_own_a_share_has_nearly_tangos_interval(metric):
    champion, challenger, labels, cells = rows()
    plain = compare(pair_of(champion, challenger, labels, cells), metric)
    found = compare(pair_of(champion, challenger, labels, cells, None, np.arange(len(labels))), metric)
    width = plain.ci_high - plain.ci_low
    assert ((found.ci_low < plain.ci_low) & (found.ci_low > plain.ci_low - 0.05 * width)).all()
    assert ((found.ci_high > plain.ci_high) & (found.ci_high < plain.ci_high + 0.05 * width)).all()
    assert ((found.p_value < 0.05) == ((found.ci_low > 0) | (found.ci_high < 0))).all()
    assert found.method.tolist() == ["Tango score with the design effect, t"] * N_SLICES


@pytest.mark.parametrize("metric", LOSSES)
def test_of_rows_that_are_clusters_of_their_own_it_is_the_t_test_of_the_rows(metric):
    champion, challenger, labels, cells = rows()
    found = compare(pair_of(champion, challenger, labels, cells, None, np.arange(len(labels))), metric)
    for k in range(N_SLICES):
        difference = per_row(metric, challenger[cells == k], labels[cells == k]) - per_row(metric, champion[cells == k], labels[cells == k])
        expected = stats.ttest_1samp(difference, 0.0)
        interval = expected.confidence_interval(0.95)
        np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], [interval.low, interval.high], rtol=1e-8)
        np.testing.assert_allclose(found.p_value[k], expected.pvalue, rtol=1e-7)
    assert found.method.tolist() == ["linearised, t"] * N_SLICES


@pytest.mark.parametrize("metric", METRICS)
def test_clusters_and_weights_enter_the_standard_error(metric):
    champion, challenger, labels, cells = rows()
    rng = np.random.default_rng(2)
    weights, clusters = rng.uniform(0.5, 2, len(labels)), rng.integers(0, 60, len(labels))
    found = compare(pair_of(champion, challenger, labels, cells, weights, clusters), metric)
    difference = per_row(metric, challenger, labels) - per_row(metric, champion, labels)
    for k in range(N_SLICES):
        own = cells == k
        mean = np.average(difference[own], weights=weights[own])
        sums = np.bincount(clusters[own], weights=weights[own] * (difference[own] - mean))
        n_clusters = len(np.unique(clusters[own]))
        se = np.sqrt((sums**2).sum() * n_clusters / (n_clusters - 1)) / weights[own].sum()
        np.testing.assert_allclose([found.difference[k], found.se[k]], [mean, se], rtol=1e-9)
        sizes = np.bincount(clusters[own], weights=weights[own])
        half = stats.t.ppf(0.975, sizes.sum() ** 2 / (sizes**2).sum() - 1) * se
        if metric in LOSSES:
            np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], [mean - half, mean + half], rtol=1e-9)
        else:  # a score interval of the same variance, or a larger one
            assert found.ci_high[k] - found.ci_low[k] > 1.95 * half


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("clustered", [False, True])
def test_identical_variants_are_not_called_different(metric, clustered):
    champion, _, labels, cells = rows()
    found = compare(pair_of(champion, champion, labels, cells, None, np.arange(len(labels)) // 2 if clustered else None), metric)
    assert (found.difference == 0).all()
    assert (found.p_value == 1).all()
    assert np.isnan(found.se).all()
    assert np.isfinite(found.ci_low).all() == (metric in SHARES)


@pytest.mark.parametrize("metric", METRICS)
def test_too_few_clusters_and_too_few_rows_have_no_interval(metric):
    champion, challenger, labels, cells = rows()
    few = compare(pair_of(champion, challenger, labels, cells, None, np.arange(len(labels)) % 9), metric)
    assert np.isfinite(few.difference).all()
    assert np.isnan(few.ci_low).all()
    assert few.method.tolist() == ["no interval: fewer than 10 clusters"] * N_SLICES
    one = np.flatnonzero(cells == 0)[:1]
    for clusters in (None, np.arange(1)):
        found = compare(pair_of(champion[one], challenger[one], labels[one], cells[one], None, clusters), metric)
        assert np.isnan([found.difference[0], found.se[0], found.ci_low[0], found.p_value[0]]).all()
        assert found.method[0] == "undefined: fewer than 2 rows"


@pytest.mark.parametrize("weighted", [False, True])
def test_a_top_k_of_all_classes_says_nothing(weighted):
    champion, challenger, labels, cells = rows()
    weights = np.ones(len(labels)) if weighted else None
    names = tuple(map(str, range(N_SLICES)))
    design = (cells[:, None].astype(np.uint16), None, Grid(names, names, ("all",)), K)
    paired = tally_paired_multiclass(champion, challenger, labels, *design, K, weights)
    found = compare(paired, "top_k_accuracy")
    for column in (found.difference, found.se, found.ci_low, found.ci_high, found.p_value):
        assert np.isnan(column).all()
    assert found.method.tolist() == ["undefined: there are no more than k classes"] * N_SLICES
    assert np.isfinite(compare(paired, "accuracy").difference).all()


@pytest.mark.parametrize("option", ["multiclass_accuracy", "top_k_accuracy", "multiclass_log_loss", "multiclass_brier"])
def test_every_paired_metric_has_its_row_of_estimands(option):
    text = (Path(__file__).parents[2] / "docs" / "estimands.md").read_text(encoding="utf-8")
    first_cells = [line.split("|")[1] for line in text.split("## Paired differences")[1].splitlines() if line.startswith("| `")]
    assert sum(f"`{option}`" in cell for cell in first_cells) == 1
