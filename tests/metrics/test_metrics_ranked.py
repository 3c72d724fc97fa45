"""Average precision, recall at an FPR and precision at the top: values, coverage, and where there is no interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from harness.errors import ConfigError
from harness.metrics.average_precision import AveragePrecision
from harness.metrics.precision_at_top import PrecisionAtTop
from harness.metrics.rank_bins import interpolated, roc_points
from harness.metrics.recall_at_fpr import RecallAtFpr
from harness.records.needs import Needs
from harness.records.tally import BinaryTally
from tests.oracles import rank_curve_oracle
from tests.oracles.metric_oracle import binary_tally_from_rows
from tests.support.ranked_tally import ranked_tally, worlds

METRICS = [AveragePrecision(), RecallAtFpr(max_fpr=0.1), PrecisionAtTop(top_share=0.2)]
N_CELLS = 4


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(12)
    labels = rng.integers(0, 2, 900).astype(np.int8)
    scores = (rng.beta(2, 2, 900) * 0.6 + labels * 0.2).round(2).astype(np.float32)
    return scores, labels, rng.integers(0, N_CELLS, 900)


@pytest.fixture(scope="module")
def tally(rows):
    return ranked_tally(*rows, N_CELLS, max_fpr=0.1, top_share=0.2)


def one_cell(scores, labels, **parameters):
    return ranked_tally(np.array(scores), np.array(labels), np.zeros(len(scores), int), 1, **parameters)


ORACLES = {
    "average_precision": lambda s, y: average_precision_score(y, s),
    "recall_at_fpr": lambda s, y: rank_curve_oracle.recall_at_fpr(s, y, 0.1),
    "precision_at_top": lambda s, y: rank_curve_oracle.precision_at_top(s, y, 0.2),
}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_value_is_scikit_learns_or_the_definitions(metric, rows, tally):
    scores, labels, cells = rows
    expected = [ORACLES[metric.name](scores[cells == k], labels[cells == k]) for k in range(N_CELLS)]
    found = metric.compute(tally, 0.95, 0)
    np.testing.assert_allclose(found.value, expected, rtol=1e-10)
    assert (found.ci_low < found.value).all()
    assert (found.value < found.ci_high).all()
    assert set(found.ci_method) == {metric.interval}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_cells_do_not_depend_on_each_other(metric, rows, tally):
    scores, labels, cells = rows
    back = metric.compute(ranked_tally(scores, labels, N_CELLS - 1 - cells, N_CELLS, max_fpr=0.1, top_share=0.2), 0.95, 0)
    found = metric.compute(tally, 0.95, 0)
    for a, b in zip((found.value, found.ci_low, found.ci_high), (back.value, back.ci_low, back.ci_high), strict=True):
        np.testing.assert_array_equal(a, b[::-1])


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_a_tally_without_a_curve_is_undefined(metric, rows):
    found = metric.compute(binary_tally_from_rows(*rows, N_CELLS, 0.5), 0.95, 0)
    assert np.isnan(found.value).all()
    assert set(found.undefined_reason) == {"not kept: no metric of the sweep asked for the order of the scores"}
    assert set(found.ci_method) == {""}


def test_a_curve_of_another_parameter_is_not_read(tally):
    for metric, why in (
        (RecallAtFpr(), "not kept for max_fpr 0.05, but for 0.1: run the sweep again"),
        (PrecisionAtTop(), "not kept for top_share 0.01, but for 0.2: run the sweep again"),
    ):
        found = metric.compute(tally, 0.95, 0)
        assert np.isnan(found.value).all()
        assert set(found.undefined_reason) == {why}


def test_a_curve_without_parameters_serves_the_metrics_without_them(rows):
    tally = ranked_tally(*rows, N_CELLS, max_fpr=None, top_share=None)
    assert np.isfinite(AveragePrecision().compute(tally, 0.95, 0).value).all()
    for metric in (RecallAtFpr(), PrecisionAtTop()):
        assert metric.compute(tally, 0.95, 0).undefined_reason[0].startswith("not kept: no metric")


def test_needs_name_the_curve_and_its_parameters():
    assert AveragePrecision().needs() == Needs(curve=True)
    assert RecallAtFpr(0.2).needs() == Needs(curve=True, max_fpr=0.2)
    assert PrecisionAtTop(0.3).needs() == Needs(curve=True, top_share=0.3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RecallAtFpr(0.0), "metrics.recall_at_fpr.max_fpr is 0.0; wanted a share of rows above 0 and below 1, as 0.01 for 1 %"),
        (lambda: RecallAtFpr(1.0), "max_fpr is 1.0; wanted"),
        (lambda: PrecisionAtTop(1.5), "metrics.precision_at_top.top_share is 1.5; wanted a share of rows above 0 and at most 1"),
        (lambda: PrecisionAtTop(float("nan")), "top_share is nan"),
    ],
)
def test_parameters_that_are_no_shares_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@pytest.mark.parametrize(("scores", "labels"), [([], []), ([0.7], [1])], ids=["empty", "one row"])
def test_fewer_than_two_rows_are_undefined(metric, scores, labels):
    found = metric.compute(one_cell(scores, labels, max_fpr=0.1, top_share=0.2), 0.95, 0)
    assert np.isnan([found.value[0], found.ci_low[0], found.ci_high[0]]).all()
    assert found.undefined_reason[0] == "fewer than 2 rows"


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_a_precision_and_nothing_else(label):
    tally = one_cell(np.linspace(0, 1, 100), np.full(100, label), max_fpr=0.1, top_share=0.2)
    for metric in METRICS[:2]:
        assert metric.compute(tally, 0.95, 0).undefined_reason[0] == "one class only"
    found = METRICS[2].compute(tally, 0.95, 0)
    assert found.value[0] == label
    assert 0.1 < found.ci_high[0] - found.ci_low[0] < 0.3  # 20 rows of 20


def test_few_rows_have_a_value_and_no_interval():
    labels = np.repeat([0, 1], [41, 19])
    tally = one_cell(np.random.default_rng(1).random(60), labels, max_fpr=0.1, top_share=0.1)
    for metric, why in (
        (AveragePrecision(), "fewer than 30 rows of a class"),
        (RecallAtFpr(0.1), "max_fpr allows fewer than 5 negative rows"),
        (PrecisionAtTop(0.1), "fewer than 20 rows at the top"),
    ):
        found = metric.compute(tally, 0.95, 0)
        assert np.isfinite(found.value[0])
        assert np.isnan(found.ci_low[0])
        assert found.ci_method[0] == f"no interval: {why}"
    nine = one_cell(np.random.default_rng(1).random(109), np.repeat([0, 1], [100, 9]), max_fpr=0.1)
    assert RecallAtFpr(0.1).compute(nine, 0.95, 0).ci_method[0] == "no interval: fewer than 10 positive rows"


def test_perfect_scores_have_no_interval_of_average_precision_but_one_of_recall():
    tally = one_cell(np.linspace(0, 1, 200), np.arange(200) >= 150, max_fpr=0.05, top_share=0.1)
    assert AveragePrecision().compute(tally, 0.95, 0).ci_method[0] == "no interval: average precision is 1"
    for metric in (RecallAtFpr(0.05), PrecisionAtTop(0.1)):
        found = metric.compute(tally, 0.95, 0)
        assert found.value[0] == found.ci_high[0] == 1.0
        assert 0.7 < found.ci_low[0] < 0.99


def test_all_scores_equal():
    tally = one_cell(np.full(200, 0.5), np.arange(200) % 4 == 0, max_fpr=0.05, top_share=0.1)
    assert AveragePrecision().compute(tally, 0.95, 0).value[0] == 0.25
    assert RecallAtFpr(0.05).compute(tally, 0.95, 0).value[0] == 0.0
    found = PrecisionAtTop(0.1).compute(tally, 0.95, 0)
    assert found.value[0] == 0.25
    assert found.ci_low[0] < 0.25 < found.ci_high[0]


def test_interpolation_is_numpys():
    rng = np.random.default_rng(3)
    xs, ys = np.sort(rng.random((50, 9)), axis=1), np.sort(rng.random((50, 9)), axis=1)
    xs[:, 0], xs[:, -1] = 0.0, 1.0
    at = np.concatenate([rng.random(48), [0.0, 1.0]])
    np.testing.assert_allclose(interpolated(at, xs, ys), [np.interp(a, x, y) for a, x, y in zip(at, xs, ys, strict=True)], rtol=1e-12)


def test_roc_points_lie_on_the_curve(rows, tally):
    scores, labels, cells = rows
    false_rate, true_rate = roc_points(tally.curve)
    s, y = scores[cells == 1], labels[cells == 1]
    points = {(0.0, 0.0)} | {((s[y == 0] >= t).mean().round(9), (s[y == 1] >= t).mean().round(9)) for t in s}
    assert {(f, t) for f, t in zip(false_rate[1].round(9), true_rate[1].round(9), strict=True)} <= points


def binormal(n_worlds, n_rows, base_rate, auc, seed, **parameters):
    """Worlds of normal scores with equal variances, and the distance of the classes."""
    rng, d = np.random.default_rng(seed), np.sqrt(2) * norm.ppf(auc)
    labels = rng.random((n_worlds, n_rows)) < base_rate
    return worlds(norm.cdf(rng.normal(size=labels.shape) + d * (labels - 0.5)), labels, **parameters), d


def precision_above(t, base_rate, d):
    hits, misses = base_rate * norm.sf(t - d), (1 - base_rate) * norm.sf(t)
    return hits / (hits + misses)


@pytest.mark.parametrize(("n_rows", "base_rate", "auc"), [(200, 0.2, 0.7), (400, 0.1, 0.9), (2000, 0.05, 0.9), (1000, 0.5, 0.98)])
def test_intervals_cover(n_rows, base_rate, auc):
    n_worlds = 1200
    tally, d = binormal(n_worlds, n_rows, base_rate, auc, n_rows, max_fpr=0.05, top_share=0.1)
    border = brentq(lambda t: base_rate * norm.sf(t - d) + (1 - base_rate) * norm.sf(t) - 0.1, -9, 9)
    truths = {
        AveragePrecision(): quad(lambda t: precision_above(t, base_rate, d) * norm.pdf(t - d), d - 8, d + 8, limit=200)[0],
        RecallAtFpr(0.05): norm.sf(norm.isf(0.05) - d),
        PrecisionAtTop(0.1): precision_above(border, base_rate, d),
    }
    for metric, truth in truths.items():
        found = metric.compute(tally, 0.95, 0)
        shown = np.isfinite(found.ci_low)
        assert shown.mean() > 0.4
        covers = ((found.ci_low <= truth) & (truth <= found.ci_high))[shown].mean()
        assert 0.91 < covers < 0.985, metric.name


def test_a_small_false_positive_rate_inside_the_first_bins_covers():
    tally, d = binormal(300, 20_000, 0.05, 0.98, 4, max_fpr=0.001)
    found = RecallAtFpr(0.001).compute(tally, 0.95, 0)
    truth = norm.sf(norm.isf(0.001) - d)
    assert ((found.ci_low <= truth) & (truth <= found.ci_high)).mean() > 0.88  # with the slope of the bins alone it is .865 in 400 worlds


def test_stored_tallies_keep_the_curve(rows):
    from harness.tallies.stored import from_columns, to_columns

    tally = ranked_tally(*rows, N_CELLS, max_fpr=0.1, top_share=0.2)
    back = from_columns(BinaryTally, to_columns(tally))
    for metric in METRICS:
        np.testing.assert_array_equal(metric.compute(back, 0.95, 0).ci_high, metric.compute(tally, 0.95, 0).ci_high)
    np.testing.assert_array_equal(back.calibration.positive_score, tally.calibration.positive_score)
