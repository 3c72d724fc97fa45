"""Binary metrics of weighted and clustered rows: values, linearised intervals, the ends of the range, and what they cover."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
import yaml
from scipy.special import expit, logit, ndtri, stdtrit
from scipy.stats import beta
from sklearn import metrics as sk

from harness.errors import ConfigError
from harness.metrics.accuracy import Accuracy
from harness.metrics.auc import Auc
from harness.metrics.balanced_accuracy import BalancedAccuracy
from harness.metrics.base_rate import BaseRate
from harness.metrics.brier import Brier
from harness.metrics.ece import Ece
from harness.metrics.f1 import F1
from harness.metrics.fnr import Fnr
from harness.metrics.fpr import Fpr
from harness.metrics.log_loss import LogLoss
from harness.metrics.mcc import Mcc
from harness.metrics.npv import Npv
from harness.metrics.precision import Precision
from harness.metrics.recall import Recall
from harness.metrics.selection_rate import SelectionRate
from harness.records.tally import BinnedAuc, ClusterTotals, Grid
from harness.stats.effective_clusters import FEW_EFFECTIVE
from harness.stats.wilson import wilson_interval
from harness.tallies.binary import tally_binary
from harness.tallies.weighted import binary_totals, weighted_auc
from tests.oracles.metric_oracle import binary_tally_from_rows, row_log_loss, row_squared_error, tally_of_counts
from tests.oracles.weighted_oracle import effective, ratio_and_variance

N_SLICES = 4
HALF = np.float32(0.5)


def random_rows(n, seed=11):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n).astype(np.int8)
    scores = (rng.beta(2, 2, n) * 0.6 + labels * 0.3).round(2).astype(np.float32)
    slices = np.stack([np.zeros(n, np.int64), rng.integers(1, N_SLICES, n)], axis=1).astype(np.uint16)
    return scores, labels, slices, rng.gamma(2.0, 1.0, n), rng.integers(0, n // 8, n)


def designed(scores, labels, slices, weights, clusters, n_slices=N_SLICES):
    """The tally as the reduction makes it where rows are weighted or clustered: integers of rows, totals and AUC of weights."""
    names = ("all", *(str(i) for i in range(1, n_slices)))
    grid = Grid(names, names, ("all",))
    tally = tally_binary(scores, labels, slices, None, grid, 0.5, with_ranks=False)
    totals = binary_totals(scores, labels, slices, None, grid, 0.5, weights, clusters)
    return replace(tally, totals=totals, auc=weighted_auc(scores, labels, slices, None, grid, weights, clusters))


@pytest.fixture(scope="module")
def rows():
    return random_rows(600)


@pytest.fixture(scope="module")
def tally(rows):
    return designed(*rows)


def decided(oracle, **more):
    return lambda y, s, w: oracle(y, s >= HALF, sample_weight=w, **more)


VALUES = [
    (Accuracy, decided(sk.accuracy_score)),
    (Precision, decided(sk.precision_score)),
    (Recall, decided(sk.recall_score)),
    (Fpr, lambda y, s, w: 1 - sk.recall_score(y, s >= HALF, pos_label=0, sample_weight=w)),
    (Fnr, lambda y, s, w: 1 - sk.recall_score(y, s >= HALF, sample_weight=w)),
    (Npv, decided(sk.precision_score, pos_label=0)),
    (SelectionRate, lambda y, s, w: np.average(s >= HALF, weights=w)),
    (BaseRate, lambda y, s, w: np.average(y, weights=w)),
    (F1, decided(sk.f1_score)),
    (Mcc, decided(sk.matthews_corrcoef)),
    (BalancedAccuracy, decided(sk.balanced_accuracy_score)),
    (LogLoss, lambda y, s, w: sk.log_loss(y, s.astype(np.float64).clip(1e-15, 1 - 1e-15), sample_weight=w)),
    (Brier, lambda y, s, w: sk.brier_score_loss(y, s.astype(np.float64), sample_weight=w)),
    (Auc, lambda y, s, w: sk.roc_auc_score(y, s, sample_weight=w)),
]
METRICS = [metric for metric, _ in VALUES]
SHARES = [Accuracy, Precision, Recall, Fpr, Fnr, Npv, SelectionRate, BaseRate]


@pytest.mark.parametrize(("metric", "oracle"), VALUES, ids=lambda x: getattr(x, "name", ""))
def test_value_is_scikit_learns_with_sample_weight(metric, oracle, rows, tally):
    scores, labels, slices, weights, _ = rows
    found = metric().compute(tally, 0.95, 0)
    for k in range(N_SLICES):
        inside = (slices[:, 1] == k) | (k == 0)
        np.testing.assert_allclose(found.value[k], oracle(labels[inside], scores[inside], weights[inside]), rtol=1e-10)
    assert metric.takes_weights
    assert (found.ci_low < found.value).all()
    assert (found.value < found.ci_high).all()


def test_ece_has_no_weighted_form():
    assert not Ece.takes_weights


@pytest.mark.parametrize("metric", METRICS)
def test_unit_weights_give_the_unweighted_value_and_nearly_its_interval(metric):
    scores, labels, slices, _, _ = random_rows(2000, seed=3)
    names = tuple(map(str, range(N_SLICES)))
    plain = tally_binary(scores, labels, slices, None, Grid(names, names, ("all",)), 0.5)
    expected = metric().compute(plain, 0.95, 0)
    found = metric().compute(designed(scores, labels, slices, np.ones(2000), None), 0.95, 0)
    if metric in (LogLoss, Brier):
        np.testing.assert_allclose(found.value, expected.value, rtol=1e-12)
    else:
        np.testing.assert_array_equal(found.value, expected.value)
    width = expected.ci_high - expected.ci_low
    assert (np.abs(found.ci_low - expected.ci_low) < 0.06 * width).all()
    assert (np.abs(found.ci_high - expected.ci_high) < 0.06 * width).all()


PARTS = {  # numerator and denominator of a row
    Accuracy: lambda y, d: (y == d, np.ones(len(y))),
    Precision: lambda y, d: (y & d, d),
    Recall: lambda y, d: (y & d, y),
    Fpr: lambda y, d: (~y & d, ~y),
    Fnr: lambda y, d: (y & ~d, y),
    Npv: lambda y, d: (~y & ~d, ~d),
    SelectionRate: lambda y, d: (d, np.ones(len(y))),
    BaseRate: lambda y, d: (y, np.ones(len(y))),
}


@pytest.mark.parametrize("metric", SHARES)
def test_interval_of_a_share_is_the_sandwich_on_the_logit_scale(metric, rows, tally):
    scores, labels, _, weights, clusters = rows
    numerator, denominator = (part.astype(np.float64) for part in PARTS[metric](labels == 1, scores >= HALF))
    share, variance = ratio_and_variance(numerator, denominator, weights, clusters)
    sums = np.bincount(clusters, weights * denominator)
    t = stdtrit(sums.sum() ** 2 / (sums**2).sum() - 1, 0.975)
    half = t * np.sqrt(variance) / (share * (1 - share))
    found = metric().compute(tally, 0.95, 0)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], expit([logit(share) - half, logit(share) + half]), rtol=1e-9)
    assert found.ci_method[0] == "linearised, logit, t"


def test_equal_clusters_give_students_t_with_one_degree_less_than_clusters():
    rng = np.random.default_rng(2)
    scores, labels, clusters = rng.random(300).astype(np.float32), rng.integers(0, 2, 300).astype(np.int8), np.repeat(np.arange(30), 10)
    found = Brier().compute(designed(scores, labels, np.zeros((300, 1), np.uint16), None, clusters, n_slices=1), 0.95, 0)
    loss = row_squared_error(scores, labels)
    fit = sm.OLS(loss, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}, use_t=True)
    half = stdtrit(29, 0.975) * fit.bse[0] * np.sqrt(30 / 29)  # statsmodels' own correction also has (n - 1) / n
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [loss.mean() - half, loss.mean() + half], rtol=1e-9)


@pytest.mark.parametrize("metric", [LogLoss, Brier])
def test_interval_of_a_loss_is_the_sandwich(metric, rows, tally):
    scores, labels, _, weights, clusters = rows
    loss = (row_log_loss if metric is LogLoss else row_squared_error)(scores, labels)
    mean, variance = ratio_and_variance(loss, np.ones(len(loss)), weights, clusters)
    sums = np.bincount(clusters, weights)
    half = stdtrit(sums.sum() ** 2 / (sums**2).sum() - 1, 0.975) * np.sqrt(variance)
    found = metric().compute(tally, 0.95, 0)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [mean - half, mean + half], rtol=1e-9)


def jackknife_variance(metric, rows):
    """Delete one cluster at a time: agrees with linearisation to first order."""
    scores, labels, slices, weights, clusters = rows
    left_out = []
    for one in np.unique(clusters):
        keep = clusters != one
        part = designed(scores[keep], labels[keep], slices[keep, :1], weights[keep], clusters[keep], n_slices=1)
        left_out.append(metric().compute(part, 0.95, 0).value[0])
    return np.var(left_out) * (len(left_out) - 1)


@pytest.mark.parametrize("metric", [F1, Mcc, BalancedAccuracy])
def test_interval_of_a_smooth_metric_has_the_jackknifes_width(metric, rows, tally):
    found = metric().compute(tally, 0.95, 0)
    scale, slope = (np.arctanh, lambda v: 1 - v * v) if metric is Mcc else (logit, lambda v: v * (1 - v))
    middle = (scale(found.ci_high[0]) + scale(found.ci_low[0])) / 2
    half = (scale(found.ci_high[0]) - scale(found.ci_low[0])) / 2
    value = found.value[0]
    if metric is not F1:  # whose interval is that of J, on its own logit scale
        np.testing.assert_allclose(middle, scale(value), rtol=1e-9)
    se = np.sqrt(jackknife_variance(metric, rows))
    np.testing.assert_allclose(half * slope(value) / ndtri(0.975), se, rtol=0.06)


def test_f1_is_centred_on_its_logit(rows, tally):
    found = F1().compute(tally, 0.95, 0)
    np.testing.assert_allclose(
        logit(found.ci_high) + logit(found.ci_low) - np.log(2) * 2, 2 * logit(found.value / (2 - found.value)), rtol=1e-9
    )


def test_auc_interval_is_obuchowskis_on_the_logit_scale(rows, tally):
    found = Auc().compute(tally, 0.95, 0)
    share, se = tally.auc.value[0], np.sqrt(tally.auc.variance[0])
    _, labels, _, weights, clusters = rows
    degrees = min(effective(weights[labels == y], clusters[labels == y]) for y in (0, 1)) - 1
    half = stdtrit(degrees, 0.975) * se / (share * (1 - share))
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], expit([logit(share) - half, logit(share) + half]), rtol=1e-10)
    assert found.ci_method[0] == "Obuchowski, logit, t"


@pytest.mark.parametrize("metric", METRICS)
def test_weight_two_is_the_row_twice_in_its_cluster(metric):
    scores, labels, slices, _, clusters = random_rows(300, seed=8)
    weights = np.random.default_rng(1).integers(0, 3, 300).astype(np.float64)
    copies = np.repeat(np.arange(300), weights.astype(int))
    # Rows of weight 0 are in no tally, as the prepared log has it.
    judged = np.where(weights > 0, labels, np.int8(-1)).astype(np.int8)
    one = metric().compute(designed(scores, judged, slices, weights, clusters), 0.95, 0)
    two = metric().compute(designed(scores[copies], labels[copies], slices[copies], None, clusters[copies]), 0.95, 0)
    for a, b in ((one.value, two.value), (one.ci_low, two.ci_low), (one.ci_high, two.ci_high)):
        np.testing.assert_allclose(a, b, rtol=1e-8)


def of_clusters(tn, fp, fn, tp, n_clusters, weight=1.0):
    """One cell of `n_clusters` clusters with the same decisions each, given as counts or as lists over clusters."""
    counts = np.stack([np.broadcast_to(np.asarray(c), n_clusters) for c in (tn, fp, fn, tp)], axis=1)
    tally = tally_of_counts(*counts.sum(axis=0).tolist())
    parts = np.concatenate([counts * weight, np.ones((n_clusters, 3))], axis=1)
    return replace(tally, totals=ClusterTotals(np.array([n_clusters]), parts.sum(axis=0)[None], (parts.T @ parts)[None]))


ALL_OF_COUNTS = [Accuracy, Recall, F1, Mcc, BalancedAccuracy, Brier]


@pytest.mark.parametrize("metric", ALL_OF_COUNTS)
def test_fewer_than_ten_clusters_have_no_interval(metric):
    tally = of_clusters([5, 6, 7, 4, 5, 6, 9, 3, 5], 2, 3, [4, 3, 2, 5, 6, 7, 1, 3, 5], 9)
    found = metric().compute(tally, 0.95, 0)
    assert np.isfinite(found.value[0])
    assert np.isnan([found.ci_low[0], found.ci_high[0]]).all()
    assert found.ci_method[0] == "no interval: fewer than 10 clusters"
    more = metric().compute(of_clusters([5, 6, 7, 4, 5, 6, 9, 3, 5, 5, 4, 6], 2, 3, [4, 3, 2, 5, 6, 7, 1, 3, 5, 5, 4, 3], 12), 0.95, 0)
    assert more.ci_low[0] < more.value[0] < more.ci_high[0] or metric is Brier


@pytest.mark.parametrize(("metric", "counts", "end"), [(Accuracy, (9, 0, 0, 3), 1.0), (Recall, (5, 1, 3, 0), 0.0), (F1, (9, 0, 0, 3), 1.0)])
def test_at_an_end_it_is_wilsons_with_the_clusters_as_trials(metric, counts, end):
    found = metric().compute(of_clusters(*counts, 20, weight=2.5), 0.95, 0)
    low, high = wilson_interval(np.array([20 * int(end)]), np.array([20]), 0.95)
    if metric is F1:
        low, high = 2 * low / (1 + low), 2 * high / (1 + high)
    np.testing.assert_allclose([found.value[0], found.ci_low[0], found.ci_high[0]], [end, low[0], high[0]], rtol=1e-12)


def test_at_an_end_rows_of_unequal_weight_are_fewer_trials():
    weights = np.random.default_rng(4).gamma(1.0, 1.0, 50)
    scores, labels = np.full(50, 0.75, np.float32), np.ones(50, np.int8)
    found = Recall().compute(designed(scores, labels, np.zeros((50, 1), np.uint16), weights, None, n_slices=1), 0.95, 0)
    kish = weights.sum() ** 2 / (weights**2).sum()
    np.testing.assert_allclose(found.ci_low[0], wilson_interval(np.array([kish]), np.array([kish]), 0.95)[0], rtol=1e-12)
    assert (found.value[0], found.ci_high[0]) == (1.0, 1.0)
    assert kish < 35


@pytest.mark.parametrize(
    ("metric", "counts"), [(Accuracy, (5, 2, 3, 4)), (Mcc, (5, 2, 3, 4)), (BalancedAccuracy, (5, 2, 3, 4)), (Mcc, (5, 0, 0, 4))]
)
def test_clusters_that_are_all_alike_have_no_interval_of_width_zero(metric, counts):
    found = metric().compute(of_clusters(*counts, 15), 0.95, 0)
    assert np.isfinite(found.value[0])
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == "no interval: its linearised variance is 0"


def test_one_cluster_with_nearly_all_weight_is_not_relied_on():
    tally = of_clusters([500, *[1] * 19], [300, *[1, 0] * 9, 1], 1, [200, *[1] * 19], 20)
    assert Accuracy().compute(tally, 0.95, 0).ci_method[0] == FEW_EFFECTIVE


@pytest.mark.parametrize(("n_positive", "has_interval"), [(3, False), (9, False), (10, True)])
@pytest.mark.parametrize("hits", [0, 2], ids=["at the end", "inside"])
def test_ten_effective_clusters_are_asked_of_the_denominator(n_positive, has_interval, hits):
    positive = np.arange(40) < n_positive
    found = Recall().compute(of_clusters(10, 0, positive & (np.arange(40) >= hits), np.arange(40) < hits, 40), 0.95, 0)
    assert found.value[0] == pytest.approx(hits / n_positive)
    assert np.isfinite(found.ci_low[0]) == has_interval
    assert has_interval or found.ci_method[0] == FEW_EFFECTIVE


@pytest.mark.parametrize("metric", METRICS)
def test_few_effective_rows_of_weight_have_no_interval(metric):
    scores, labels, slices, _, _ = random_rows(200, seed=9)
    weights = np.where(np.arange(200) < 8, 1e4, 1.0)
    found = metric().compute(designed(scores, labels, slices[:, :1], weights, None, n_slices=1), 0.95, 0)
    assert np.isfinite(found.value[0])
    assert np.isnan([found.ci_low[0], found.ci_high[0]]).all()
    assert found.ci_method[0] == FEW_EFFECTIVE


@pytest.mark.parametrize("metric", METRICS)
def test_cells_without_rows_are_undefined(metric, rows):
    scores, labels, slices, weights, clusters = rows
    found = metric().compute(designed(scores, labels, slices, weights, clusters, n_slices=N_SLICES + 1), 0.95, 0)
    assert np.isnan([found.value[-1], found.ci_low[-1]]).all()
    assert found.undefined_reason[-1] == "fewer than 2 rows"
    assert found.ci_method[-1] == ""


@pytest.mark.parametrize("metric", METRICS)
def test_one_class_alone_raises_nothing(metric):
    n = 40
    scores = np.random.default_rng(1).random(n).astype(np.float32)
    tally = designed(scores, np.ones(n, np.int8), np.zeros((n, 1), np.uint16), np.arange(1.0, n + 1), None, n_slices=1)
    found = metric().compute(tally, 0.95, 0)
    expected = {"fpr": "no negative rows", **dict.fromkeys(["f1", "mcc", "balanced_accuracy", "auc"], "one class only")}
    assert found.undefined_reason[0] == expected.get(metric.name)
    assert np.isnan(found.value[0]) == (metric.name in expected)


def test_auc_of_few_clusters_of_a_class_has_no_interval():
    scores, labels, slices, _, _ = random_rows(200, seed=5)
    clusters = np.where(labels == 1, np.arange(200) % 9, np.arange(200))
    found = Auc().compute(designed(scores, labels, slices, None, clusters), 0.95, 0)
    assert found.ci_method[0] == FEW_EFFECTIVE
    perfect = designed(labels.astype(np.float32), labels, slices, np.full(200, 0.1), None)
    assert Auc().compute(perfect, 0.95, 0).ci_method[0] == "no interval: AUC is 0 or 1"


def test_auc_rests_on_the_effective_clusters_of_the_rarer_class():
    rng = np.random.default_rng(12)
    clusters = np.concatenate([np.zeros(800, np.int64), np.repeat(np.arange(1, 12), 20)])
    labels = rng.integers(0, 2, 1020).astype(np.int8)
    scores, slices = (0.4 * labels + rng.random(1020)).astype(np.float32) / 2, np.zeros((1020, 1), np.uint16)
    found = Auc().compute(designed(scores, labels, slices, None, clusters, n_slices=1), 0.95, 0)
    assert np.isfinite(found.value[0])
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == FEW_EFFECTIVE
    even = Auc().compute(designed(scores, labels, slices, None, np.arange(1020) % 12, n_slices=1), 0.95, 0)
    assert even.ci_low[0] < even.value[0] < even.ci_high[0]


def test_weighted_tally_without_auc_is_not_read_as_an_unweighted_one(tally):
    ranks = binary_tally_from_rows(np.array([0.1, 0.9], np.float32), np.array([0, 1], np.int8), np.zeros(2, np.int64), N_SLICES, 0.5).ranks
    found = Auc().compute(replace(tally, auc=None, ranks=ranks), 0.95, 0)
    assert (found.undefined_reason == "the ranks of the scores were not kept").all()


def binned(value, bound, variance):
    tally = binary_tally_from_rows(
        *(np.repeat(np.array(x, t), 50) for x, t in (([0.2, 0.7], np.float32), ([0, 1], np.int8))), np.zeros(100, int), 1, 0.5
    )
    return replace(tally, ranks=None, binned_auc=BinnedAuc(*(np.array([x]) for x in (value, bound, variance)), np.array([100])))


def test_binned_auc_has_the_interval_of_both_ends_of_its_bound():
    metric = Auc(method="binned")
    assert (metric.needs().binned_auc, metric.needs().ranks, metric.takes_weights) == (True, False, False)
    assert (Auc().needs().binned_auc, Auc().needs().ranks, Auc().takes_weights) == (False, True, True)
    found = metric.compute(binned(0.8, 0.02, 0.0009), 0.95, 0)
    bounds = [expit(logit(p) + sign * ndtri(0.975) * 0.03 / (p * (1 - p))) for p, sign in ((0.78, -1), (0.82, 1))]
    np.testing.assert_allclose([found.value[0], found.ci_low[0], found.ci_high[0]], [0.8, *bounds], rtol=1e-12)
    assert found.ci_method[0] == "DeLong of binned scores, logit, widened by the bound 0.02"
    exact = metric.compute(binned(0.8, 0.0, 0.0009), 0.95, 0)
    assert found.ci_low[0] < exact.ci_low[0] < exact.ci_high[0] < found.ci_high[0]


def test_binned_auc_is_open_where_the_exact_one_may_be_at_an_end():
    assert Auc(method="binned").compute(binned(0.99, 0.02, 1e-4), 0.95, 0).ci_high[0] == 1.0
    assert Auc(method="binned").compute(binned(0.01, 0.02, 1e-4), 0.95, 0).ci_low[0] == 0.0
    tied = Auc(method="binned").compute(binned(0.5, 0.5, 0.0), 0.95, 0)
    assert tied.ci_method[0] == "no interval: all placements are equal"


def test_binned_auc_needs_its_bins_and_rows_without_weights(tally):
    metric = Auc(method="binned")
    assert metric.compute(replace(tally, totals=None), 0.95, 0).undefined_reason[0] == "the bins of the scores were not kept"
    refused = metric.compute(replace(tally, binned_auc=binned(0.8, 0.02, 0.01).binned_auc), 0.95, 0)
    assert refused.undefined_reason[0] == "binned scores have no weighted form; use metrics.auc.method=exact"


def test_unknown_method_of_auc_is_refused():
    with pytest.raises(ConfigError, match=r"metrics.auc.method is 'bined'; wanted exact, binned; did you mean 'binned'\?"):
        Auc(method="bined")


N_WORLDS, N_CLUSTERS, CLUSTER_ROWS = 800, 30, 10


@pytest.fixture(scope="module")
def worlds():
    """Data sets, one a slice, of equal clusters whose rows are alike: their rate of right decisions varies by cluster, and so do weights."""
    rng = np.random.default_rng(20)
    n = N_WORLDS * N_CLUSTERS * CLUSTER_ROWS
    clusters = np.repeat(np.arange(N_WORLDS * N_CLUSTERS), CLUSTER_ROWS)
    rate = beta.rvs(8 * 0.8, 8 * 0.2, size=N_WORLDS * N_CLUSTERS, random_state=rng)[clusters]
    labels = rng.integers(0, 2, n).astype(np.int8)
    right = rng.random(n) < rate
    scores = np.where(right == (labels == 1), 0.75, 0.25).astype(np.float32)
    slices = (clusters // N_CLUSTERS).astype(np.int32)[:, None]
    return scores, labels, slices, rng.gamma(4.0, 1.0, n), clusters


@pytest.mark.parametrize(
    ("metric", "truth"), [(Accuracy, 0.8), (Recall, 0.8), (F1, 0.8), (BalancedAccuracy, 0.8), (Mcc, 0.6), (Brier, 0.1625)]
)
def test_interval_covers_where_rows_of_a_cluster_are_alike(metric, truth, worlds):
    tally = designed(*worlds, n_slices=N_WORLDS)
    found = metric().compute(tally, 0.95, 0)
    below, above = (found.ci_high < truth).mean(), (found.ci_low > truth).mean()
    assert abs(1 - below - above - 0.95) < 4 * np.sqrt(0.95 * 0.05 / N_WORLDS)
    assert max(below, above) < 0.06  # neither tail has it all
    independent = metric().compute(designed(*worlds[:4], None, n_slices=N_WORLDS), 0.95, 0)
    assert ((independent.ci_low <= truth) & (truth <= independent.ci_high)).mean() < 1 - below - above - 0.015


def test_conf_option_of_auc_names_its_default_method():
    option = yaml.safe_load((Path(__file__).parents[2] / "conf" / "metrics" / "auc.yaml").read_text(encoding="utf-8"))
    assert option == {"_target_": "harness.metrics.auc.Auc", "method": Auc().method}
