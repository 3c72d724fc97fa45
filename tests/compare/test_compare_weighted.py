"""Paired differences of weighted and clustered rows: against the sandwich from its definition, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtr, stdtrit
from scipy.stats import beta

from harness.compare.paired_differences import paired_differences
from harness.compare.tango import score_bounds
from harness.records.tally import Grid
from harness.stats.effective_clusters import FEW_EFFECTIVE
from harness.tallies.paired import tally_paired
from harness.tallies.weighted import paired_totals, paired_weighted_auc
from tests.oracles import weighted_oracle
from tests.oracles.metric_oracle import row_log_loss, row_squared_error

N_SLICES = 4
HALF = np.float32(0.5)
SHARES = ["accuracy", "recall", "fpr", "selection_rate"]
LOSSES = ["log_loss", "brier"]
ALL_METRICS = [*SHARES, *LOSSES, "auc"]


def random_rows(n, seed=5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n).astype(np.int8)
    shared = rng.random(n)
    champion = (0.5 * shared + 0.3 * labels + 0.2 * rng.random(n)).round(2).astype(np.float32)
    challenger = (0.5 * shared + 0.35 * labels + 0.15 * rng.random(n)).round(2).astype(np.float32)
    slices = np.stack([np.zeros(n, np.int64), rng.integers(1, N_SLICES, n)], axis=1).astype(np.uint16)
    return champion, challenger, labels, slices, rng.gamma(2.0, 1.0, n), rng.integers(0, n // 8, n)


def designed(champion, challenger, labels, slices, weights, clusters, n_slices=N_SLICES):
    names = ("all", *(str(i) for i in range(1, n_slices)))
    both = (champion, challenger, labels, slices, None, Grid(names, names, ("all",)))
    champion_auc, auc = paired_weighted_auc(*both, weights, clusters)
    totals = paired_totals(*both, 0.5, 0.5, weights, clusters)
    return replace(tally_paired(*both, 0.5, 0.5), totals=totals, champion_auc=champion_auc, auc=auc)


@pytest.fixture(scope="module")
def rows():
    return random_rows(600)


@pytest.fixture(scope="module")
def paired(rows):
    return designed(*rows)


def compare(paired, metric, confidence=0.95, **more):
    return paired_differences(paired, metric, "champion", "challenger", confidence, **more)


def row_values(metric, scores, labels):
    """Numerator of a row."""
    return {
        "accuracy": lambda: (scores >= HALF) == (labels == 1),
        "recall": lambda: (scores >= HALF) & (labels == 1),
        "fpr": lambda: (scores >= HALF) & (labels == 0),
        "selection_rate": lambda: scores >= HALF,
        "log_loss": lambda: row_log_loss(scores, labels),
        "brier": lambda: row_squared_error(scores, labels),
    }[metric]().astype(np.float64)


def expected(metric, rows, k):
    """Champion, difference, its standard error and degrees of freedom in slice k, from the definitions."""
    champion, challenger, labels, _, weights, clusters = (a[(rows[3][:, 1] == k) | (k == 0)] for a in rows)
    if metric == "auc":
        old, new = (weighted_oracle.influences(s, labels, weights) for s in (champion, challenger))
        variance = weighted_oracle.obuchowski(new - old, labels, clusters)
        auc = weighted_oracle.auc(champion, labels, weights)
        degrees = min(weighted_oracle.effective(weights[labels == y], clusters[labels == y]) for y in (0, 1)) - 1
        return auc, weighted_oracle.auc(challenger, labels, weights) - auc, np.sqrt(variance), degrees
    denominator = {"recall": labels == 1, "fpr": labels == 0}.get(metric, labels >= 0).astype(np.float64)
    old, new = (row_values(metric, s, labels) for s in (champion, challenger))
    value, _ = weighted_oracle.ratio_and_variance(old, denominator, weights, clusters)
    difference, variance = weighted_oracle.ratio_and_variance(new - old, denominator, weights, clusters)
    return value, difference, np.sqrt(variance), weighted_oracle.effective(weights * denominator, clusters) - 1


@pytest.mark.parametrize("metric", SHARES)
def test_share_has_tangos_interval_of_the_rows_that_the_design_effect_leaves(metric, rows, paired):
    found = compare(paired, metric)
    for k in range(N_SLICES):
        champion, challenger, labels, _, weights, clusters = (a[(rows[3][:, 1] == k) | (k == 0)] for a in rows)
        old, new = (row_values(metric, s, labels) for s in (champion, challenger))
        inside = {"recall": labels == 1, "fpr": labels == 0}.get(metric, labels >= 0)
        gained, lost, unit = weighted_oracle.design_unit(new - old, inside, weights, clusters)
        value, difference, se, degrees = expected(metric, rows, k)
        np.testing.assert_allclose([found.champion_value[k], found.difference[k], found.se[k]], [value, difference, se], rtol=1e-8)
        whole = (weights * inside).sum()
        low, high = score_bounds(*(np.array([x / unit]) for x in (gained, lost, whole)), stdtrit(degrees, 0.975))
        np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], [low[0], high[0]], rtol=1e-9)
        np.testing.assert_allclose(found.p_value[k], 2 * stdtr(degrees, -abs(gained - lost) / np.sqrt(unit * (gained + lost))), rtol=1e-8)
        assert (found.p_value[k] < 0.05) == (found.ci_low[k] > 0 or found.ci_high[k] < 0)
        assert found.method[k] == "Tango score with the design effect, t"
        np.testing.assert_allclose(found.degrees[k], degrees, rtol=1e-9)


@pytest.mark.parametrize("metric", [*LOSSES, "auc"])
def test_difference_is_the_sandwich_from_its_definition(metric, rows, paired):
    found = compare(paired, metric)
    for k in range(N_SLICES):
        champion, difference, se, degrees = expected(metric, rows, k)
        np.testing.assert_allclose([found.champion_value[k], found.difference[k]], [champion, difference], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(found.se[k], se, rtol=1e-8)
        half = stdtrit(degrees, 0.975) * se
        np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], [difference - half, difference + half], rtol=1e-8)
        np.testing.assert_allclose(found.p_value[k], 2 * stdtr(degrees, -abs(difference) / se), rtol=1e-7)
        assert found.method[k] == ("paired Obuchowski, t" if metric == "auc" else "linearised, t")
        np.testing.assert_allclose(found.degrees[k], degrees, rtol=1e-9)
    labels = rows[2]
    counted = {"recall": labels == 1, "fpr": labels == 0}.get(metric, labels >= 0)
    assert found.n[0] == counted.sum()  # rows, whatever they weigh
    assert (found.n_fewest_class is not None) == (metric == "auc")


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_simultaneous_intervals_are_wider_by_the_family(metric, paired):
    found, stricter = compare(paired, metric, n_family=10), compare(paired, metric, 1 - 0.05 / 10)
    np.testing.assert_allclose([found.simultaneous_low, found.simultaneous_high], [stricter.ci_low, stricter.ci_high], rtol=1e-9)
    assert (found.simultaneous_low < found.ci_low).all()


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_unit_weights_give_the_unweighted_difference_and_nearly_its_interval(metric):
    champion, challenger, labels, slices, _, _ = random_rows(2000, seed=1)
    found = compare(designed(champion, challenger, labels, slices, np.ones(2000), None), metric)
    names = tuple(map(str, range(N_SLICES)))
    plain = compare(tally_paired(champion, challenger, labels, slices, None, Grid(names, names, ("all",)), 0.5, 0.5), metric)
    np.testing.assert_allclose(found.difference, plain.difference, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found.champion_value, plain.champion_value, rtol=1e-12)
    np.testing.assert_allclose(found.se, plain.se, rtol=0.01)
    width = plain.ci_high - plain.ci_low
    assert (np.abs(found.ci_low - plain.ci_low) < 0.06 * width).all()
    assert (np.abs(found.ci_high - plain.ci_high) < 0.06 * width).all()
    np.testing.assert_array_equal(found.n, plain.n)


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_weight_two_is_the_row_twice_in_its_cluster(metric):
    champion, challenger, labels, slices, _, clusters = random_rows(300, seed=8)
    weights = np.random.default_rng(1).integers(1, 3, 300).astype(np.float64)
    copies = np.repeat(np.arange(300), weights.astype(int))
    one = compare(designed(champion, challenger, labels, slices, weights, clusters), metric)
    two = compare(designed(*(a[copies] for a in (champion, challenger, labels, slices)), None, clusters[copies]), metric)
    for name in ("champion_value", "difference", "se", "ci_low", "ci_high", "p_value"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_identical_variants_are_not_called_different(metric, rows):
    champion, _, labels, slices, weights, clusters = rows
    found = compare(designed(champion, champion, labels, slices, weights, clusters), metric)
    assert (found.difference == 0).all()
    assert (found.p_value == 1).all()
    assert np.isnan(found.se).all()
    if metric in SHARES:
        inside = {"recall": labels == 1, "fpr": labels == 0}.get(metric, labels >= 0)
        n = weighted_oracle.effective(weights[inside], clusters[inside])
        low, high = score_bounds(np.zeros(1), np.zeros(1), np.array([n]), stdtrit(n - 1, 0.975))
        np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [low[0], high[0]], rtol=1e-9)
    else:
        assert np.isnan(found.ci_low).all()
        assert found.method[0] == "no interval: its linearised variance is 0"


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_fewer_than_ten_clusters_have_a_difference_without_interval(metric, rows):
    champion, challenger, labels, slices, weights, clusters = rows
    found = compare(designed(champion, challenger, labels, slices, weights, clusters % 9), metric)
    assert np.isfinite(found.difference).all()
    assert np.isnan([found.se, found.ci_low, found.ci_high, found.p_value]).all()
    assert (found.method == "no interval: fewer than 10 clusters").all()


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_cells_without_rows_are_undefined(metric, rows):
    found = compare(designed(*rows, n_slices=N_SLICES + 1), metric)
    for column in (found.difference, found.se, found.ci_low, found.ci_high, found.p_value):
        assert np.isnan(column[-1])
    assert found.method[-1].startswith("undefined: ")


def test_nearly_alike_losses_keep_the_digits_of_their_difference():
    rng = np.random.default_rng(2)
    labels, champion = rng.integers(0, 2, 400).astype(np.int8), rng.uniform(0.2, 0.8, 400).astype(np.float32)
    challenger = np.nextafter(champion, np.float32(1))  # one step of float32
    found = compare(designed(champion, challenger, labels, np.zeros((400, 1), np.uint16), rng.gamma(2, 1, 400), None, n_slices=1), "brier")
    again = compare(designed(champion, challenger, labels, np.zeros((400, 1), np.uint16), None, None, n_slices=1), "brier")
    difference = row_squared_error(challenger, labels) - row_squared_error(champion, labels)
    assert abs(difference.mean()) < 1e-7
    np.testing.assert_allclose(again.se[0], difference.std(ddof=1) / 20, rtol=1e-6)
    assert found.ci_low[0] < found.difference[0] < found.ci_high[0]


def test_few_rows_of_a_class_are_shown_but_not_gated(rows):
    champion, challenger, labels, slices, weights, _ = rows
    labels, weights = labels.copy(), 1.0 + 0.01 * weights
    labels[np.flatnonzero(labels == 1)[15:]] = -1
    found = compare(designed(champion, challenger, labels, slices[:, :1], weights, None, n_slices=1), "auc")
    assert found.method[0] == "paired Obuchowski, t; fewer than 20 of a class: not gated"
    assert (found.n_fewest_class.tolist(), found.is_gateable.tolist()) == ([15], [False])


def test_weighted_rows_without_auc_are_not_read_as_unweighted_ones(paired):
    found = compare(replace(paired, champion_auc=None, auc=None), "auc")
    assert np.isnan([found.difference, found.ci_low, found.ci_high, found.p_value]).all()
    assert (found.method == "undefined: the ranks of the scores were not kept").all()


def test_interval_covers_where_rows_of_a_cluster_are_alike():
    n_worlds, n_clusters, cluster_rows = 600, 25, 12
    rng = np.random.default_rng(31)
    clusters = np.repeat(np.arange(n_worlds * n_clusters), cluster_rows)
    n = len(clusters)
    rate = beta.rvs(6 * 0.3, 6 * 0.7, size=n_worlds * n_clusters, random_state=rng)[clusters]
    labels = rng.integers(0, 2, n).astype(np.int8)
    wrong, mended, broken = rng.random(n) < 0.3, rng.random(n) < rate, rng.random(n) < 0.05  # the challenger mends more in some clusters
    new_wrong = np.where(wrong, ~mended, broken)
    scores = [np.where(w == (labels == 1), 0.25, 0.75).astype(np.float32) for w in (wrong, new_wrong)]
    slices = (clusters // n_clusters).astype(np.int32)[:, None]
    found = compare(designed(*scores, labels, slices, rng.gamma(4.0, 1.0, n), clusters, n_slices=n_worlds), "accuracy")
    truth = 0.3 * 0.3 - 0.7 * 0.05
    coverage = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_worlds)


def test_auc_rests_on_the_effective_clusters_of_the_rarer_class():
    rng = np.random.default_rng(12)
    clusters = np.concatenate([np.zeros(800, np.int64), np.repeat(np.arange(1, 12), 20)])
    labels = rng.integers(0, 2, 1020).astype(np.int8)
    champion, challenger = ((0.4 * labels + rng.random(1020)).astype(np.float32) / 2 for _ in range(2))
    slices = np.zeros((1020, 1), np.uint16)
    found = compare(designed(champion, challenger, labels, slices, None, clusters, n_slices=1), "auc")
    assert np.isfinite(found.difference[0])
    assert np.isnan([found.se[0], found.ci_low[0], found.p_value[0], found.degrees[0]]).all()
    assert found.method[0] == FEW_EFFECTIVE
    even = compare(designed(champion, challenger, labels, slices, None, np.arange(1020) % 12, n_slices=1), "auc")
    assert even.ci_low[0] < even.difference[0] < even.ci_high[0]


def test_degrees_of_unweighted_rows_are_those_of_a_mean_and_infinite_otherwise():
    champion, challenger, labels, slices, _, _ = random_rows(200, seed=2)
    names = tuple(map(str, range(N_SLICES)))
    tally = tally_paired(champion, challenger, labels, slices, None, Grid(names, names, ("all",)), 0.5, 0.5)
    np.testing.assert_array_equal(compare(tally, "brier").degrees, tally.n - 1)
    assert all(compare(tally, metric).degrees is None for metric in ("accuracy", "auc", "f1"))


def test_scores_that_were_not_ranked_have_one_reason(paired, rows):
    unranked = replace(paired, totals=None, champion_auc=None, auc=None, ranks=None)
    for tally in (unranked, replace(paired, champion_auc=None, auc=None)):
        assert set(compare(tally, "auc").method) == {"undefined: the ranks of the scores were not kept"}
