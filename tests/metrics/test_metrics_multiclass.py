"""Multiclass metrics: against scikit-learn, their linearised variance against the definition, coverage, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score, top_k_accuracy_score

from harness.errors import ConfigError
from harness.metrics.auc_ovr_macro import AucOvrMacro
from harness.metrics.linearised_interval import LINEAR, LOGIT
from harness.metrics.macro_f1 import MacroF1
from harness.metrics.micro_f1 import MicroF1
from harness.metrics.multiclass_accuracy import MulticlassAccuracy
from harness.metrics.multiclass_brier import MulticlassBrier
from harness.metrics.multiclass_f1 import margins
from harness.metrics.multiclass_log_loss import MulticlassLogLoss
from harness.metrics.top_k_accuracy import TopKAccuracy
from harness.metrics.weighted_f1 import WeightedF1
from harness.records.needs import Needs
from harness.records.tally import Grid, Moments, ShareEstimate
from harness.records.task_tally import MulticlassTally
from harness.stats.linearised import linearised
from harness.stats.wilson import wilson_interval
from harness.tallies.multiclass import tally_multiclass
from tests.oracles import multiclass_oracle as oracle

K = 4
METRICS = (
    MulticlassAccuracy(),
    MicroF1(),
    MacroF1(),
    WeightedF1(),
    TopKAccuracy(2),
    MulticlassLogLoss(),
    MulticlassBrier(),
    AucOvrMacro(),
)
F1S = (MacroF1(), WeightedF1())


def ids(metric):
    return metric.name


def tally_of_rows(scores, labels, weights=None, clusters=None, slice_ids=None, n_slices=1, top_k=2):
    names = tuple(map(str, range(n_slices)))
    slice_ids = np.zeros((len(labels), 1), np.uint16) if slice_ids is None else slice_ids
    return tally_multiclass(
        scores, labels, slice_ids, None, Grid(names, names, ("all",)), scores.shape[1], top_k, weights, clusters, with_auc=True
    )


def tally_of_confusions(confusion):
    n = len(confusion)
    nothing = Moments(np.zeros(n), np.zeros(n))
    return MulticlassTally(np.asarray(confusion, np.int64), np.full(n, 2), np.zeros(n, np.int64), nothing, nothing)


def rows(seed=1, n=300, n_classes=K):
    scores, labels, *_ = oracle.random_log(seed, n, n_classes, share_skipped=0.0)
    return scores, labels


def compute(metric, tally, confidence=0.95):
    return metric.compute(tally, confidence, 0)


def expected_value(name, scores, labels, weights=None):
    p = scores.astype(np.float64)
    predicted = p.argmax(axis=1)
    one = np.eye(p.shape[1])[labels]
    if name in {"accuracy", "micro_f1"}:
        return accuracy_score(labels, predicted, sample_weight=weights)
    if name.endswith("f1"):
        return f1_score(labels, predicted, average=name.removesuffix("_f1"), sample_weight=weights, zero_division=0.0)
    if name == "top_k_accuracy":
        return top_k_accuracy_score(labels, p, k=2, labels=range(p.shape[1]), sample_weight=weights)
    if name == "brier":
        return np.average(((p - one) ** 2).sum(axis=1), weights=weights)
    p = p / p.sum(axis=1, keepdims=True)
    if name == "log_loss":
        return log_loss(labels, p, sample_weight=weights, labels=range(p.shape[1]))
    return roc_auc_score(labels, p, multi_class="ovr", average="macro", sample_weight=weights)


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_values_are_scikit_learns(metric):
    scores, labels = rows()
    found = compute(metric, tally_of_rows(scores, labels))
    # The scores are float32 and sum to 1 within 1e-7; scikit-learn wants them to sum to 1 in float64.
    np.testing.assert_allclose(
        found.value, [expected_value(metric.name, scores, labels)], rtol=1e-6 if metric.name == "log_loss" else 1e-10
    )
    assert found.ci_low[0] < found.value[0] < found.ci_high[0]


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_weighted_values_are_scikit_learns(metric):
    scores, labels = rows(2)
    weights = np.random.default_rng(3).integers(1, 5, len(labels)).astype(np.float64)
    found = compute(metric, tally_of_rows(scores, labels, weights))
    np.testing.assert_allclose(
        found.value, [expected_value(metric.name, scores, labels, weights)], rtol=1e-6 if metric.name == "log_loss" else 1e-10
    )
    assert found.ci_low[0] < found.value[0] < found.ci_high[0]
    assert found.ci_method[0] == (LINEAR if metric.direction == "lower" else LOGIT)


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_rows_that_come_in_pairs_are_no_more_than_one_of_each(metric):
    scores, labels = rows(4, 200)
    twice = np.repeat(np.arange(200), 2)
    doubled = compute(metric, tally_of_rows(scores[twice], labels[twice], None, twice))
    single = compute(metric, tally_of_rows(scores, labels, None, np.arange(200)))
    for name in ("value", "ci_low", "ci_high"):
        np.testing.assert_allclose(getattr(doubled, name), getattr(single, name), rtol=1e-9)
    as_independent = compute(metric, tally_of_rows(scores[twice], labels[twice]))
    assert as_independent.ci_high[0] - as_independent.ci_low[0] < 0.8 * (doubled.ci_high[0] - doubled.ci_low[0])


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_fewer_than_ten_clusters_have_no_interval(metric):
    scores, labels = rows(5, 180)
    few = compute(metric, tally_of_rows(scores, labels, None, np.arange(180) % 9))
    enough = compute(metric, tally_of_rows(scores, labels, None, np.arange(180) % 20))
    assert np.isfinite(few.value[0])
    assert np.isnan(few.ci_low[0])
    assert few.ci_method[0].startswith("no interval: fewer than 10 clusters")
    assert np.isfinite(enough.ci_low[0])


@pytest.mark.parametrize("metric", METRICS, ids=ids)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_are_undefined(metric, weighted, n):
    scores, labels = rows(6, n)
    found = compute(metric, tally_of_rows(scores, labels, np.ones(n) if weighted else None))
    assert np.isnan([found.value[0], found.ci_low[0], found.ci_high[0]]).all()
    assert found.undefined_reason[0] == "fewer than 2 rows"


def test_shares_have_wilsons_interval():
    tally = tally_of_rows(*rows(7, 50))
    for metric, hits in ((MulticlassAccuracy(), np.trace(tally.confusion[0])), (TopKAccuracy(2), tally.n_in_top_k[0])):
        found = compute(metric, tally, 0.9)
        low, high = wilson_interval(np.array([hits]), np.array([50]), 0.9)
        assert (found.ci_low[0], found.ci_high[0]) == (low[0], high[0])


def test_the_losses_lie_in_their_range():
    certain = np.array([[1.0, 0.0, 0.0]] * 2 + [[0.0, 1.0, 0.0]], np.float32)
    tally = tally_of_rows(certain, np.zeros(3, np.int32))
    for metric, worst in ((MulticlassLogLoss(), 34.538776394910684), (MulticlassBrier(), 2.0)):
        found = compute(metric, tally)
        assert found.ci_low[0] == 0.0
        assert found.ci_high[0] == metric.highest == pytest.approx(worst)
    same = tally_of_rows(np.full((5, 4), 0.25, np.float32), np.arange(5, dtype=np.int32) % 4)
    assert compute(MulticlassBrier(), same).ci_method[0] == "no interval: the loss is the same in all rows"


def f1_formula(name):
    """The average as a formula of the totals of labels, predictions and both, for complex steps."""

    def formula(t):
        label, predicted, both = np.split(t, 3, axis=1)
        f1 = 2 * both / (label + predicted)
        return f1.mean(axis=1) if name == "macro_f1" else (label * f1).sum(axis=1) / label.sum(axis=1)

    return formula


@pytest.mark.parametrize("metric", F1S, ids=ids)
def test_f1_slopes_are_those_of_the_formula(metric):
    confusion = np.random.default_rng(1).integers(1, 30, (6, K, K))
    total = np.concatenate(margins(confusion), axis=1).astype(np.float64)
    average = metric.average(*np.split(total, 3, axis=1))
    rows_of_cell = np.zeros((K, K, 3 * K))
    for i in range(K):
        for j in range(K):
            rows_of_cell[i, j, [i, K + j]] = 1
            rows_of_cell[i, j, 2 * K + i] = i == j
    cross = np.einsum("cij,ijk,ijl->ckl", confusion, rows_of_cell, rows_of_cell)
    n = confusion.sum(axis=(1, 2))
    value, variance = linearised(f1_formula(metric.name), total, cross, n)
    np.testing.assert_allclose(average.value, value, rtol=1e-12)
    slope = np.concatenate(average[1:], axis=1)
    np.testing.assert_allclose(np.einsum("ci,cij,cj->c", slope, cross, slope) * n / (n - 1), variance, rtol=1e-10)
    # without a design, the spread is summed over the table's cells
    found, designed = compute(metric, tally_of_confusions(confusion)), np.sqrt(variance)
    half = 0.5 * (np.log(found.ci_high / (1 - found.ci_high)) - np.log(found.ci_low / (1 - found.ci_low)))
    np.testing.assert_allclose(half, stdtrit(n - 1, 0.975) * designed / (value * (1 - value)), rtol=1e-9)


@pytest.mark.parametrize("metric", F1S, ids=ids)
def test_classes_that_do_not_occur_are_in_no_mean(metric):
    confusion = np.zeros((1, 4, 4), np.int64)
    confusion[0, 0, 0], confusion[0, 0, 1], confusion[0, 2, 2] = 6, 2, 8
    labels, predicted = np.repeat([0, 0, 2], [6, 2, 8]), np.repeat([0, 1, 2], [6, 2, 8])
    expected = f1_score(labels, predicted, average=metric.name.removesuffix("_f1"), zero_division=0.0)
    assert compute(metric, tally_of_confusions(confusion)).value[0] == pytest.approx(expected, rel=1e-12)


def test_macro_f1_needs_five_rows_of_every_class_for_an_interval():
    confusion = np.array([[[9, 1], [1, 3]], [[9, 1], [1, 4]], [[12, 2], [0, 0]]])
    found = compute(MacroF1(), tally_of_confusions(confusion))
    assert np.isfinite(found.value).all()
    assert np.isfinite(found.ci_low).tolist() == [False, True, False]
    assert found.ci_method[0] == found.ci_method[2] == "no interval: fewer than 5 rows of a class"
    assert np.isfinite(compute(WeightedF1(), tally_of_confusions(confusion)).ci_low).all()


@pytest.mark.parametrize("metric", F1S, ids=ids)
def test_at_the_ends_there_is_no_interval(metric):
    ends = np.array([np.diag([20, 30]), [[0, 20], [30, 0]]])
    found = compute(metric, tally_of_confusions(ends))
    np.testing.assert_allclose(found.value, [1.0, 0.0])
    assert np.isnan(found.ci_low).all()
    assert found.ci_method.tolist() == ["no interval: it is 0 or 1, where the linearised variance is 0"] * 2


def confusion_worlds(shares, right, n, n_worlds, rng):
    """Tables of n rows: classes by their shares, predicted rightly with that probability, else another class in proportion."""
    p = np.array(shares)
    table = np.outer(p, p) * (1 - right) / (1 - p)[:, None]
    np.fill_diagonal(table, p * right)
    return table, rng.multinomial(n, table.ravel(), n_worlds).reshape(n_worlds, len(p), len(p))


@pytest.mark.parametrize("metric", F1S, ids=ids)
@pytest.mark.parametrize("n", [30, 200, 2000])
@pytest.mark.parametrize("shares", [(0.4, 0.3, 0.3), (0.5, 0.2, 0.1, 0.1, 0.1)], ids=["3 classes", "5 classes"])
def test_f1_intervals_cover(metric, n, shares):
    n_worlds = 1500
    rng = np.random.default_rng(n)
    for right in (0.6, 0.9):
        table, worlds = confusion_worlds(shares, right, n, n_worlds, rng)
        truth = metric.average(*(part[None] for part in (table.sum(axis=1), table.sum(axis=0), np.diag(table)))).value[0]
        found = compute(metric, tally_of_confusions(worlds))
        told = np.isfinite(found.ci_low)
        if told.sum() < 500:
            assert metric.name == "macro_f1"
            continue
        coverage = ((found.ci_low <= truth) & (truth <= found.ci_high))[told].mean()
        assert 0.91 < coverage < 0.99


@pytest.mark.parametrize("n", [60, 300])
def test_macro_auc_interval_covers(n):
    n_worlds, rng = 250, np.random.default_rng(n)
    labels = rng.choice(3, n * n_worlds, p=[0.5, 0.3, 0.2]).astype(np.int32)
    worlds = np.repeat(np.arange(n_worlds), n)

    def scored(y):
        raw = np.exp(1.2 * np.eye(3)[y] + rng.normal(size=(len(y), 3)))
        return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)

    many = rng.choice(3, 200_000, p=[0.5, 0.3, 0.2]).astype(np.int32)
    truth = tally_of_rows(scored(many), many).auc_macro.value[0]
    tally = tally_of_rows(scored(labels), labels, slice_ids=worlds[:, None].astype(np.int32), n_slices=n_worlds)
    found = compute(AucOvrMacro(), tally)
    coverage = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_worlds)


def test_auc_is_undefined_where_a_class_is_missing_and_not_gated_where_one_is_rare():
    scores, labels = rows(8, 300)
    labels[:] = np.arange(300) % 3
    slice_ids = np.repeat(np.array([[0], [1]], np.uint16), [240, 60], axis=0)
    labels[:240][labels[:240] == 2] = 3
    labels[240:244] = 2
    tally = tally_of_rows(scores, labels, slice_ids=slice_ids, n_slices=2)
    found = compute(AucOvrMacro(), tally)
    assert found.undefined_reason.tolist() == ["a class is missing"] * 2
    three = tally_of_rows(rows(8, 66, 3)[0], np.repeat([0, 1, 2, 0, 2], [30, 30, 1, 3, 2]).astype(np.int32))
    assert compute(AucOvrMacro(), three).ci_method[0] == "DeLong influences, logit; fewer than 20 of a class: not gated"
    single = tally_of_rows(rows(8, 61, 3)[0], np.repeat([0, 1, 2], [30, 30, 1]).astype(np.int32))
    assert compute(AucOvrMacro(), single).ci_method[0] == "no interval: fewer than 2 rows of a class"


def test_perfect_and_worthless_rankings_have_no_interval():
    labels = np.arange(60, dtype=np.int32) % 3
    perfect = compute(AucOvrMacro(), tally_of_rows(np.eye(3, dtype=np.float32)[labels], labels))
    assert (perfect.value[0], perfect.ci_method[0]) == (1.0, "no interval: the mean AUC is 0 or 1")
    constant = compute(AucOvrMacro(), tally_of_rows(np.full((60, 3), 1 / 3, np.float32), labels))
    assert (constant.value[0], constant.ci_method[0]) == (0.5, "no interval: all placements are equal")


def test_classes_that_were_not_ranked_are_told():
    tally = replace(tally_of_rows(*rows(9, 50)), auc_macro=None, auc_by_class=None)
    assert compute(AucOvrMacro(), tally).undefined_reason[0] == "the classes were not ranked against the rest"


def test_auc_at_a_variance_that_is_not_defined():
    tally = replace(tally_of_rows(*rows(9, 50)), auc_macro=ShareEstimate(np.array([0.7]), np.array([np.nan]), np.array([50])))
    found = compute(AucOvrMacro(), tally)
    assert found.value[0] == 0.7
    assert np.isnan(found.ci_low[0])


def test_top_k_says_what_it_cannot_answer():
    tally = tally_of_rows(*rows(10, 50))
    assert compute(TopKAccuracy(3), tally).undefined_reason[0] == "the tally holds hits in the top 2, not 3"
    assert compute(TopKAccuracy(4), tally).undefined_reason[0] == "there are only 4 classes"
    with pytest.raises(ConfigError, match=r"metrics.top_k_accuracy.k: found 0, wanted at least 1"):
        TopKAccuracy(0)


def test_needs_are_those_of_the_parts():
    assert TopKAccuracy(5).needs() == Needs(top_k=5)
    assert AucOvrMacro().needs() == Needs(auc_by_class=True)
    assert MacroF1().needs() == Needs()
