"""Paired differences from the eight cells: coverage, test against interval, tails, weights and clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.compare.rising_root import rising_root
from harness.records.tally import PAIRED_COMPONENTS, ClusterTotals, Moments, PairedTally
from harness.stats.effective_clusters import FEW_EFFECTIVE

METRICS = ("precision", "npv", "f1", "mcc", "balanced_accuracy")
BINARY = PAIRED_METRICS[PairedTally]


def tally_of(cells, totals=None):
    cells = np.asarray(cells, np.int64).reshape(-1, 2, 2, 2)
    none = Moments(*np.zeros((2, len(cells))))
    return PairedTally(cells, none, none, none, none, None, totals=totals)


def compare(cells, metric, totals=None, confidence=0.95, **more):
    return paired_differences(tally_of(cells, totals), metric, "champion", "challenger", confidence, **more)


def difference_of(metric, cells):
    """From the definition: count each model's own confusion, then the textbook formula."""
    n = np.asarray(cells, np.float64).reshape(2, 2, 2)
    found = []
    for table in (n.sum(axis=2), n.sum(axis=1)):
        (tn, fp), (fn, tp) = table
        found.append(
            {
                "precision": lambda tp=tp, fp=fp: tp / (tp + fp),
                "npv": lambda tn=tn, fn=fn: tn / (tn + fn),
                "f1": lambda tp=tp, fp=fp, fn=fn: 2 / (1 / (tp / (tp + fp)) + 1 / (tp / (tp + fn))),
                "mcc": lambda tn=tn, fp=fp, fn=fn, tp=tp: (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
                "balanced_accuracy": lambda tn=tn, fp=fp, fn=fn, tp=tp: (tp / (tp + fn) + tn / (tn + fp)) / 2,
            }[metric]()
        )
    return found[1] - found[0]


CELLS = np.array([50, 7, 4, 9, 12, 6, 3, 22])


@pytest.mark.parametrize("metric", METRICS)
def test_difference_and_standard_error_are_the_delta_methods(metric):
    found = compare(CELLS, metric)
    assert found.difference[0] == pytest.approx(difference_of(metric, CELLS), rel=1e-12)
    slope = approx_fprime(CELLS.astype(float), lambda c: difference_of(metric, c), 1e-5)
    n = CELLS.sum()
    covariance = (np.diag(CELLS / n) - np.outer(CELLS, CELLS) / n**2) * n  # multinomial
    assert found.se[0] == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-4)


@pytest.mark.parametrize("metric", METRICS)
def test_interval_is_the_linearised_one_with_the_added_rows(metric):
    z = stats.norm.ppf(0.95)
    added = np.array([1 / 8, 1 / 5, 1 / 5, 1 / 8] * 2) * z**2
    centre = difference_of(metric, CELLS + added)
    slope = approx_fprime(CELLS + added, lambda c: difference_of(metric, c), 1e-5)
    se = np.sqrt(((CELLS + added) * slope**2).sum())
    found = compare(CELLS, metric, confidence=0.9)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [centre - z * se, centre + z * se], rtol=1e-4)


@pytest.mark.parametrize("metric", METRICS)
def test_p_value_is_the_level_at_which_the_interval_reaches_0(metric):
    rng = np.random.default_rng(3)
    cells = rng.integers(1, 60, (200, 8))
    found = compare(cells, metric)
    for factor, leaves_out in ((1.001, True), (0.999, False)):
        levels = 1.0 - found.p_value * factor
        usable = (found.p_value > 1e-9) & (found.p_value < 0.99)
        low, high = BINARY[metric].interval(tally_of(cells), BINARY[metric].estimate(tally_of(cells)), np.where(usable, levels, 0.5))
        assert (((low > 0) | (high < 0))[usable] == leaves_out).all()
    assert ((found.p_value < 0.05) == ((found.ci_low > 0) | (found.ci_high < 0))).all()
    assert ((found.p_value > 0) & (found.p_value <= 1)).all()


N_ROWS = {  # of CELLS: [label, champion, challenger]
    "precision": 7 + 4 + 9 + 6 + 3 + 22,
    "npv": 50 + 7 + 4 + 12 + 6 + 3,
    "f1": 7 + 4 + 9 + 12 + 6 + 3 + 22,
    "mcc": 113,
    "balanced_accuracy": 113,
}


@pytest.mark.parametrize("metric", METRICS)
def test_n_counts_the_rows_that_the_metric_rests_on(metric):
    assert compare(CELLS, metric).n.tolist() == [N_ROWS[metric]]


UNDEFINED = [
    ("precision", [50, 0, 4, 0, 12, 0, 3, 0], "one of the two predicts no row positive"),
    ("npv", [0, 7, 0, 9, 0, 6, 0, 22], "one of the two predicts no row negative"),
    ("f1", [50, 7, 4, 9, 0, 0, 0, 0], "one class only"),
    ("balanced_accuracy", [0, 0, 0, 0, 12, 6, 3, 22], "one class only"),
    ("mcc", [50, 7, 0, 0, 12, 6, 0, 0], "one class only, or one of the two predicts all rows alike"),
    ("mcc", [50, 7, 4, 9, 0, 0, 0, 0], "one class only, or one of the two predicts all rows alike"),
]


@pytest.mark.parametrize(("metric", "cells", "reason"), UNDEFINED)
def test_without_a_denominator_for_either_it_is_not_defined(metric, cells, reason):
    found = compare([cells, CELLS], metric)
    assert found.method[0] == f"undefined: {reason}"
    for values in (found.difference, found.se, found.ci_low, found.simultaneous_high, found.p_value, found.champion_value):
        assert np.isnan(values[0])
        assert np.isfinite(values[1])


def joint(a, b, phi):
    both = np.clip(a * b + phi * np.sqrt(a * (1 - a) * b * (1 - b)), max(0, a + b - 1), min(a, b))
    return np.array([1 - a - b + both, b - both, a - both, both])


def world(base_rate, champion, challenger, phi):
    (recall_a, fpr_a), (recall_b, fpr_b) = champion, challenger
    return np.concatenate([(1 - base_rate) * joint(fpr_a, fpr_b, phi), base_rate * joint(recall_a, recall_b, phi)])


WORLDS = [(base_rate, n, phi) for base_rate in (0.01, 0.1, 0.5) for n in (100, 2000) for phi in (0.0, 0.9)]


@pytest.mark.parametrize("metric", METRICS)
def test_intervals_cover(metric):
    n_worlds, rng, covered = 1000, np.random.default_rng(20), []
    for base_rate, n, phi in WORLDS:
        p = world(base_rate, (0.6, 0.1), (0.7, 0.08), phi)
        found = compare(rng.multinomial(n, p / p.sum(), n_worlds), metric)
        held = (found.ci_low <= difference_of(metric, p)) & (difference_of(metric, p) <= found.ci_high)
        defined = np.isfinite(found.difference)
        if defined.mean() > 0.2:
            covered.append(held[defined].mean())
            assert covered[-1] >= 0.90 - 3 * np.sqrt(0.09 / defined.sum()), (base_rate, n, phi)
    assert len(covered) >= 10
    assert np.mean(covered) >= 0.945


@pytest.mark.parametrize("metric", METRICS)
def test_simultaneous_intervals_are_not_falsely_narrow_far_in_the_tail(metric):
    n_worlds, family, rng = 40_000, 500, np.random.default_rng(21)
    p = world(0.2, (0.3, 0.02), (0.4, 0.03), 0.5)
    drawn, times = np.unique(rng.multinomial(100, p / p.sum(), n_worlds), axis=0, return_counts=True)
    found = compare(drawn, metric, n_family=family)
    defined, truth = np.isfinite(found.difference), difference_of(metric, p)
    missed = defined & ~((found.simultaneous_low <= truth) & (truth <= found.simultaneous_high))
    # 4 expected at the level; the plain linearised interval misses hundreds of times.
    assert times[missed].sum() <= 12


def test_other_cells_change_no_cell():
    alone, among = compare(CELLS, "f1", n_family=7), compare([CELLS, CELLS[::-1], CELLS * 3], "f1", n_family=7)
    for name in ("difference", "se", "ci_low", "ci_high", "simultaneous_low", "p_value"):
        np.testing.assert_allclose(getattr(among, name)[0], getattr(alone, name)[0], rtol=1e-9)


def totals_of(decisions, weights, clusters):
    """One cell: totals and their spread over clusters from rows, slowly. `decisions` are numbers of the eight cells."""
    size = len(PAIRED_COMPONENTS)
    total, cross, names = np.zeros(size), np.zeros((size, size)), np.unique(clusters)
    for name in names:
        own = np.zeros(size)
        for decision, weight, cluster in zip(decisions, weights, clusters, strict=True):
            own[decision] += weight * (cluster == name)
        total, cross = total + own, cross + np.outer(own, own)
    return ClusterTotals(np.array([len(names)]), total[None], cross[None])


@pytest.mark.parametrize("metric", METRICS)
def test_weighted_rows_of_clusters_have_the_jackknifes_standard_error(metric):
    rng = np.random.default_rng(5)
    n = 1500
    decisions, clusters, weights = rng.choice(8, n, p=CELLS / CELLS.sum()), rng.integers(0, 150, n), rng.integers(1, 4, n).astype(float)
    found = compare(np.bincount(decisions, minlength=8), metric, totals_of(decisions, weights, clusters))
    weighted = np.bincount(decisions, weights, 8)
    assert found.difference[0] == pytest.approx(difference_of(metric, weighted), rel=1e-12)
    left_out = [difference_of(metric, np.bincount(decisions[clusters != c], weights[clusters != c], 8)) for c in range(150)]
    jackknife = np.sqrt(149 / 150 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert found.se[0] == pytest.approx(jackknife, rel=0.03)
    half = (found.ci_high[0] - found.ci_low[0]) / 2
    assert 1.96 * found.se[0] < half < 2.2 * found.se[0]
    assert found.method[0] == "linearised with added rows, t; test by inversion"
    assert (found.p_value[0] < 0.05) == (found.ci_low[0] > 0 or found.ci_high[0] < 0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_that_is_a_cluster_of_its_own_has_the_plain_standard_error(metric):
    decisions = np.repeat(np.arange(8), CELLS)
    plain, clustered = compare(CELLS, metric), compare(CELLS, metric, totals_of(decisions, np.ones(113), np.arange(113)))
    assert clustered.difference[0] == pytest.approx(plain.difference[0])
    assert clustered.se[0] == pytest.approx(plain.se[0] * np.sqrt(113 / 112), rel=1e-9)
    np.testing.assert_allclose([clustered.ci_low[0], clustered.ci_high[0]], [plain.ci_low[0], plain.ci_high[0]], atol=0.01)
    assert clustered.ci_low[0] < plain.ci_low[0], "Student's t"
    assert clustered.p_value[0] == pytest.approx(plain.p_value[0], abs=0.01)


@pytest.mark.parametrize("metric", METRICS)
def test_weights_in_another_unit_change_nothing(metric):
    decisions, clusters = np.repeat(np.arange(8), CELLS), np.arange(113) % 40
    one, ten = (compare(CELLS, metric, totals_of(decisions, np.full(113, w), clusters)) for w in (1.0, 10.0))
    for name in ("difference", "se", "ci_low", "ci_high", "simultaneous_low", "p_value"):
        np.testing.assert_allclose(getattr(ten, name), getattr(one, name), rtol=1e-6)


@pytest.mark.parametrize("per_cluster", [1, 5], ids=["weights", "clusters"])
@pytest.mark.parametrize("metric", METRICS)
def test_few_discordant_rows_of_weight_are_covered(metric, per_cluster):
    n_worlds, n_clusters, rng = 400, 200, np.random.default_rng(22)
    p = world(0.2, (0.6, 0.1), (0.65, 0.09), 0.9)
    weights = np.array([1.0, 3.0])
    rows, totals = [], []
    for _ in range(n_worlds):
        # Each cluster holds one kind of row, `per_cluster` times, half of the clusters with weight 1 and half with 3.
        kinds = np.stack([rng.multinomial(n_clusters // 2, p / p.sum()) for _ in weights])
        rows.append(per_cluster * kinds.sum(axis=0))
        total, square = np.zeros(len(PAIRED_COMPONENTS)), np.zeros(len(PAIRED_COMPONENTS))
        total[:8], square[:8] = per_cluster * weights @ kinds, (per_cluster * weights) ** 2 @ kinds
        totals.append((total, np.diag(square)))
    joined = ClusterTotals(np.full(n_worlds, n_clusters), *(np.stack(x) for x in zip(*totals, strict=True)))
    found = compare(rows, metric, joined)
    truth = difference_of(metric, p)
    held = (found.ci_low <= truth) & (truth <= found.ci_high)
    assert held[np.isfinite(found.difference)].mean() >= 0.92
    assert np.isfinite(found.ci_low).mean() > 0.95


def test_few_clusters_and_no_difference():
    decisions = np.repeat(np.arange(8), CELLS)
    few = compare(CELLS, "f1", totals_of(decisions, np.ones(113), np.arange(113) % 9))
    assert few.method[0] == "no interval: fewer than 10 clusters"
    assert np.isnan([few.ci_low[0], few.se[0], few.p_value[0]]).all()
    assert few.difference[0] == pytest.approx(difference_of("f1", CELLS))
    heavy = compare(CELLS, "f1", totals_of(decisions, np.where(np.arange(113) == 112, 1e6, 1.0), np.arange(113)))
    assert heavy.method[0] == FEW_EFFECTIVE
    alike = np.array([50, 0, 0, 9, 12, 0, 0, 22])
    same = compare(alike, "precision", totals_of(np.repeat(np.arange(8), alike), np.ones(93), np.arange(93)))
    assert (same.p_value[0], same.difference[0]) == (1.0, 0.0)
    assert np.isnan(same.se[0]), "no gate decides on it"
    assert same.ci_low[0] < 0 < same.ci_high[0]
    nothing = compare(np.zeros(8, int), "mcc", replace(totals_of([], [], []), n_clusters=np.array([0])))
    assert nothing.method[0] == "undefined: fewer than 2 rows"
    assert np.isnan([nothing.difference[0], nothing.p_value[0], nothing.ci_low[0]]).all()


def test_rising_roots_are_found_and_brackets_kept():
    wanted = np.array([1e-3, 0.5, 7.0, 39.0])
    assert rising_root(lambda x: np.expm1(x) - np.expm1(wanted), np.zeros(4), np.full(4, 40.0), 1e-9) == pytest.approx(wanted, abs=1e-8)
    assert rising_root(lambda x: x - 50.0, np.zeros(1), np.full(1, 40.0), 1e-9).tolist() == [40.0]
    assert rising_root(lambda x: x + 1.0, np.zeros(1), np.full(1, 40.0), 1e-9).tolist() == [0.0]
    assert rising_root(lambda x: x, np.zeros(0), np.zeros(0), 1e-9).tolist() == []
