"""Paired differences of every metric against slow definitions, with families, and where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from harness.compare.paired_differences import PAIRED_METRICS, family_sizes, paired_differences
from harness.compare.tango import tango_interval
from harness.errors import ConfigError
from harness.records.metric import PAIRED_METRIC_NAMES
from harness.records.tally import PairedTally
from tests.oracles.paired_oracle import paired_delong_by_pairs, paired_tally_from_rows

BINARY = PAIRED_METRICS[PairedTally]
N_CELLS = 6
N_WINDOWS = 2
HALF = np.float32(0.5)


def random_rows(n=600, seed=5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n).astype(np.int8)
    shared = rng.random(n)
    champion = (0.5 * shared + 0.3 * labels + 0.2 * rng.random(n)).round(2).astype(np.float32)
    challenger = (0.5 * shared + 0.35 * labels + 0.15 * rng.random(n)).round(2).astype(np.float32)
    return champion, challenger, labels, rng.integers(0, N_CELLS, n)


@pytest.fixture(scope="module")
def rows():
    return random_rows()


@pytest.fixture(scope="module")
def paired(rows):
    return paired_tally_from_rows(*rows, N_CELLS)


def compare(paired, metric, **more):
    return paired_differences(paired, metric, "champion", "challenger", 0.95, **more)


VALUES = {
    "accuracy": lambda y, s: accuracy_score(y, s >= HALF),
    "recall": lambda y, s: recall_score(y, s >= HALF),
    "fpr": lambda y, s: (s >= HALF)[y == 0].mean(),
    "selection_rate": lambda y, s: (s >= HALF).mean(),
    "log_loss": lambda y, s: log_loss(y, s.astype(np.float64).clip(1e-15, 1 - 1e-15)),
    "brier": lambda y, s: brier_score_loss(y, s.astype(np.float64)),
    "auc": roc_auc_score,
    "fnr": lambda y, s: 1 - recall_score(y, s >= HALF),
    "precision": lambda y, s: precision_score(y, s >= HALF),
    "npv": lambda y, s: precision_score(y, s >= HALF, pos_label=0),
    "f1": lambda y, s: f1_score(y, s >= HALF),
    "mcc": lambda y, s: matthews_corrcoef(y, s >= HALF),
    "balanced_accuracy": lambda y, s: balanced_accuracy_score(y, s >= HALF),
}


@pytest.mark.parametrize("metric", BINARY)
def test_values_are_scikit_learns(metric, rows, paired):
    champion, challenger, labels, cells = rows
    found = compare(paired, metric)
    for column, scores in ((found.champion_value, champion), (found.challenger_value, challenger)):
        expected = [VALUES[metric](labels[cells == k], scores[cells == k]) for k in range(N_CELLS)]
        np.testing.assert_allclose(column, expected, rtol=1e-10)
    np.testing.assert_allclose(found.difference, found.challenger_value - found.champion_value, rtol=1e-12)
    assert found.higher_is_better == (metric not in {"fpr", "fnr", "log_loss", "brier"})


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_loss_difference_is_the_paired_t_test(metric, rows, paired):
    champion, challenger, labels, cells = rows
    found = compare(paired, metric)
    for k in range(N_CELLS):
        y, old, new = (x[cells == k].astype(np.float64) for x in (labels, champion, challenger))
        loss = (lambda p, y=y: (p - y) ** 2) if metric == "brier" else (lambda p, y=y: -np.log(np.where(y == 1, p, 1 - p).clip(1e-15)))
        expected = stats.ttest_rel(loss(new), loss(old))
        interval = expected.confidence_interval(0.95)
        np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], [interval.low, interval.high], rtol=1e-8)
        np.testing.assert_allclose(found.p_value[k], expected.pvalue, rtol=1e-8)


def test_auc_difference_is_delongs_by_all_pairs_with_ties():
    champion, challenger, labels, _ = random_rows(200, seed=9)
    found = compare(paired_tally_from_rows(champion, challenger, labels, np.zeros(200, np.int64), 1), "auc")
    difference, variance, covariance = paired_delong_by_pairs(champion, challenger, labels)
    assert covariance > 0
    np.testing.assert_allclose(found.difference, [difference], rtol=1e-10)
    np.testing.assert_allclose(found.se**2, [variance], rtol=1e-10)
    np.testing.assert_allclose(found.p_value, [2 * stats.norm.sf(abs(difference) / np.sqrt(variance))], rtol=1e-9)
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [difference - half, difference + half], rtol=1e-9)


def counted(metric, rows, k):
    champion, challenger, labels, cells = rows
    keep = (cells == k) & {"recall": labels == 1, "fnr": labels == 1, "fpr": labels == 0}.get(metric, labels >= 0)
    old, new = ((scores[keep] >= HALF) != (metric == "fnr") for scores in (champion, challenger))
    return (old == labels[keep], new == labels[keep]) if metric == "accuracy" else (old, new)


@pytest.mark.parametrize("metric", ["accuracy", "recall", "fpr", "fnr", "selection_rate"])
def test_share_difference_is_tangos_on_the_discordant_rows(metric, rows, paired):
    found = compare(paired, metric)
    for k in range(N_CELLS):
        old, new = counted(metric, rows, k)
        gained, lost, n = (np.array([x]) for x in ((new & ~old).sum(), (old & ~new).sum(), len(old)))
        low, high = tango_interval(gained, lost, n, 0.95)
        assert (found.n[k], found.ci_low[k], found.ci_high[k]) == (n[0], low[0], high[0])
        difference = new.astype(float) - old
        np.testing.assert_allclose(found.se[k], difference.std() / np.sqrt(n[0]), rtol=1e-10)


@pytest.mark.parametrize("metric", BINARY)
def test_simultaneous_intervals_are_bonferronis_over_the_family(metric, paired):
    found = compare(paired, metric, n_family=10)
    stricter = paired_differences(paired, metric, "champion", "challenger", 1 - 0.05 / 10)
    np.testing.assert_allclose(found.simultaneous_low, stricter.ci_low, rtol=1e-9)
    np.testing.assert_allclose(found.simultaneous_high, stricter.ci_high, rtol=1e-9)
    assert (found.simultaneous_low < found.ci_low).all()
    assert found.correction == "holm"


def test_each_window_is_a_family_of_its_own(paired):
    found = compare(paired, "accuracy", n_windows=N_WINDOWS)
    for window in range(N_WINDOWS):
        p = found.p_value[window::N_WINDOWS]
        # Three slices: the smallest p-value counts three times.
        assert found.p_value_corrected[window::N_WINDOWS].min() == pytest.approx(min(1.0, 3 * p.min()))
    assert family_sizes(found.difference, N_WINDOWS, None).tolist() == [3.0] * N_CELLS


def test_identical_variants_are_not_called_different(rows):
    champion, _, labels, cells = rows
    paired = paired_tally_from_rows(champion, champion, labels, cells, N_CELLS)
    for metric in BINARY:
        found = compare(paired, metric)
        assert (found.difference == 0).all()
        assert (found.p_value == 1).all()
        assert np.isnan(found.se).all()
        share = metric not in {"log_loss", "brier", "auc"}
        assert np.isfinite(found.ci_low).all() if share else np.isnan(found.ci_low).all()
        assert share or found.method[0].startswith("no interval: ")


def small(champion, challenger, labels):
    arrays = (np.array(champion, np.float32), np.array(challenger, np.float32), np.array(labels, np.int8))
    return paired_tally_from_rows(*arrays, np.zeros(len(labels), np.int64), 1)


@pytest.mark.parametrize("metric", BINARY)
@pytest.mark.parametrize("rows", [([], [], []), ([0.7], [0.2], [1])], ids=["empty", "one row"])
def test_fewer_than_two_rows_have_no_difference(metric, rows):
    found = compare(small(*rows), metric)
    for column in (found.difference, found.se, found.ci_low, found.ci_high, found.simultaneous_low, found.p_value, found.p_value_corrected):
        assert np.isnan(column[0])
    assert found.method[0].startswith("undefined: ")


def test_one_class_leaves_the_metrics_of_that_class():
    paired = small([0.2, 0.7, 0.9, 0.4], [0.6, 0.8, 0.9, 0.3], [1, 1, 1, 1])
    defined = {metric for metric in BINARY if np.isfinite(compare(paired, metric).difference[0])}
    assert defined == {"accuracy", "recall", "fnr", "selection_rate", "log_loss", "brier", "precision", "npv"}
    assert compare(paired, "auc").method[0] == "undefined: one class only"


def test_few_rows_of_a_class_are_shown_but_not_gated():
    champion, challenger, labels, _ = random_rows(60, seed=2)
    labels[:] = 0
    labels[:19] = 1
    found = compare(small(champion, challenger, labels), "auc")
    assert np.isfinite(found.ci_low[0])
    assert found.method[0] == "paired DeLong; fewer than 20 of a class: not gated"
    assert (found.n_fewest_class.tolist(), found.is_gateable.tolist()) == ([19], [False])
    labels[19] = 1
    enough = compare(small(champion, challenger, labels), "auc")
    assert (enough.n_fewest_class.tolist(), enough.is_gateable.tolist()) == ([20], [True])
    negatives = compare(small(champion, challenger, (1 - labels).astype(np.int8)), "auc")
    assert negatives.n_fewest_class.tolist() == [20], "the rarer class, whichever it is"


@pytest.mark.parametrize("metric", [name for name in BINARY if name != "auc"])
def test_metrics_whose_interval_does_not_rest_on_both_classes_are_gateable_everywhere(metric, paired):
    found = compare(paired, metric)
    assert found.n_fewest_class is None
    assert found.is_gateable.tolist() == [True] * N_CELLS


def test_the_names_that_gates_list_are_the_metrics_with_a_paired_difference():
    assert [tuple(known) for known in PAIRED_METRICS.values()] == list(PAIRED_METRIC_NAMES.values())


@pytest.mark.parametrize("metric", BINARY)
def test_every_paired_metric_has_its_row_of_estimands(metric):
    text = (Path(__file__).parents[2] / "docs" / "estimands.md").read_text(encoding="utf-8")
    _, paired_part = text.split("## Paired differences")
    first_cells = [line.split("|")[1] for line in paired_part.splitlines() if line.startswith("| `")]
    assert sum(f"`{metric}`" in cell for cell in first_cells) == 1


def test_unknown_metric_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"no paired comparison of 'acuracy'; known: accuracy, .*; did you mean 'accuracy'\?"):
        compare(small([0.1, 0.9], [0.2, 0.8], [0, 1]), "acuracy")


def test_auc_interval_covers():
    n_worlds, n_positive, n_negative = 300, 40, 60
    rng = np.random.default_rng(6)
    labels = np.tile(np.repeat(np.array([1, 0], np.int8), [n_positive, n_negative]), n_worlds)
    n = len(labels)
    shared, own = rng.normal(1.0 * labels, 1.0), rng.normal(0.0, 0.7, n)
    champion, challenger = stats.norm.cdf(shared + own), stats.norm.cdf(shared + 0.3 * labels + 0.7 * rng.normal(size=n))
    cells = np.repeat(np.arange(n_worlds), n_positive + n_negative)
    found = compare(paired_tally_from_rows(champion.astype(np.float32), challenger.astype(np.float32), labels, cells, n_worlds), "auc")
    spread = np.sqrt(2 * 1.49)
    truth = stats.norm.cdf(1.3 / spread) - stats.norm.cdf(1.0 / spread)
    coverage = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_worlds)
