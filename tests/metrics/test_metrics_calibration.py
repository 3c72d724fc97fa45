"""Calibration beyond equal-width ECE: equal-mass bins, the debiased square, the ratio, slope and intercept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.calibration import calibration_curve

from harness.metrics.calibration_intercept import CalibrationIntercept
from harness.metrics.calibration_ratio import CalibrationRatio
from harness.metrics.calibration_slope import CalibrationSlope
from harness.metrics.ce2_debiased import Ce2Debiased
from harness.metrics.ece_equal_mass import EceEqualMass
from harness.records.needs import Needs
from harness.records.tally import BINARY_COMPONENTS, BinaryTally, ClusterTotals
from tests.oracles import rank_curve_oracle
from tests.oracles.metric_oracle import binary_tally_from_rows
from tests.support.ranked_tally import ranked_tally, worlds

N_CELLS = 3
FITTED = [CalibrationSlope(), CalibrationIntercept()]
METRICS = [EceEqualMass(n_draws=300), Ce2Debiased(), CalibrationRatio(), *FITTED]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(15)
    scores = rng.beta(1.5, 4, 900).round(3).astype(np.float32)
    scores[:3] = [0.0, 1.0, 0.0]
    return scores, (rng.random(900) < expit(0.4 + 0.7 * logit(scores.clip(0.01, 0.99)))).astype(np.int8), rng.integers(0, N_CELLS, 900)


@pytest.fixture(scope="module")
def tally(rows):
    return ranked_tally(*rows, N_CELLS)


def by_cell(rows):
    scores, labels, cells = rows
    return [(scores[cells == k].astype(np.float64), labels[cells == k]) for k in range(N_CELLS)]


def one_cell(scores, labels):
    return ranked_tally(np.array(scores), np.array(labels), np.zeros(len(scores), int), 1)


def test_equal_mass_bins_are_scikit_learns_quantile_bins_where_they_divide_evenly():
    rng = np.random.default_rng(2)
    scores = rng.permutation(np.linspace(0.001, 0.999, 3000)).astype(np.float32)
    labels = (rng.random(3000) < scores**2).astype(np.int8)
    rate, mean = calibration_curve(labels, scores.astype(np.float64), n_bins=15, strategy="quantile")
    found = EceEqualMass().compute(one_cell(scores, labels), 0.95, 0)
    assert found.value[0] == pytest.approx(np.abs(rate - mean).mean(), rel=1e-10)
    assert found.ci_low[0] < found.value[0] < found.ci_high[0]
    assert found.ci_method[0].startswith("Dirichlet(counts + 1/2) over score bins, reflected; null 95 % point 0.0")


def test_calibrated_scores_stay_below_the_null_point_of_equal_mass_bins():
    rng = np.random.default_rng(3)
    scores = rng.beta(1, 8, (1000, 400)).astype(np.float32)
    found = EceEqualMass(n_draws=400).compute(worlds(scores, rng.random(scores.shape) < scores), 0.95, 0)
    exceeds = np.isfinite(found.ci_low).mean()
    assert 0.005 < exceeds < 0.07  # the spread of scores within a bin makes the point a little too high


def test_interval_of_equal_mass_bins_covers():
    rng, z = np.random.default_rng(4), np.linspace(0, 1, 150_001)[1:]
    scores = rng.random((300, 3000)).astype(np.float32)
    found = EceEqualMass(n_draws=400).compute(worlds(scores, rng.random(scores.shape) < scores * 0.6), 0.95, 0)
    truth = np.abs((z - 0.6 * z).reshape(15, -1).mean(axis=1)).mean()
    assert np.isfinite(found.ci_low).all()
    assert abs(((found.ci_low <= truth) & (truth <= found.ci_high)).mean() - 0.95) < 0.05


def debiased(scores, labels):
    total = 0.0
    for b in range(15):
        inside = np.minimum((scores * 15).astype(int), 14) == b
        n, rate = inside.sum(), labels[inside].mean() if inside.any() else 0.0
        if n >= 2:
            total += n / len(scores) * ((scores[inside].mean() - rate) ** 2 - rate * (1 - rate) / (n - 1))
    return total


def test_debiased_square_is_the_definition(rows, tally):
    found = Ce2Debiased().compute(tally, 0.95, 0)
    np.testing.assert_allclose(found.value, [debiased(*cell) for cell in by_cell(rows)], rtol=1e-9)
    assert (found.ci_low < found.value).all()
    assert (found.value < found.ci_high).all()


def test_debiased_square_is_unbiased_and_negative_for_half_of_the_calibrated_worlds():
    rng = np.random.default_rng(6)
    scores = rng.random((2000, 300)).astype(np.float32)
    found = Ce2Debiased().compute(worlds(scores, rng.random(scores.shape) < scores), 0.95, 0)
    assert abs(found.value.mean()) < 4 * found.value.std() / np.sqrt(2000)
    assert 0.4 < (found.value < 0).mean() < 0.7
    assert ((found.ci_low <= 0) & (found.ci_high >= 0)).mean() > 0.95


def test_a_bin_with_one_row_is_left_out_of_the_debiased_square():
    found = Ce2Debiased().compute(one_cell([0.1, 0.1, 0.9], [0, 1, 0]), 0.95, 0)
    assert found.value[0] == pytest.approx(2 / 3 * ((0.1 - 0.5) ** 2 - 0.25), rel=1e-6)
    assert found.ci_method[0] == "no interval: fewer than 50 rows, or than 10 of a class"
    alone = Ce2Debiased().compute(one_cell([0.1, 0.5, 0.9], [0, 1, 0]), 0.95, 0)
    assert alone.undefined_reason[0] == "no bin has 2 rows"


def test_ratio_and_its_delta_interval_are_those_of_the_rows(rows, tally):
    found = CalibrationRatio().compute(tally, 0.95, 0)
    for cell, (scores, labels) in enumerate(by_cell(rows)):
        value = scores.sum() / labels.sum()
        half = norm.ppf(0.975) * np.std(scores / scores.mean() - labels / labels.mean()) / np.sqrt(len(labels))
        expected = [value, value * np.exp(-half), value * np.exp(half)]
        np.testing.assert_allclose([found.value[cell], found.ci_low[cell], found.ci_high[cell]], expected, rtol=1e-9)
    assert set(found.ci_method) == {"delta method on the log"}


def test_ratio_has_a_value_where_only_the_plain_tally_was_kept(rows):
    found = CalibrationRatio().compute(binary_tally_from_rows(*rows, N_CELLS, 0.5), 0.95, 0)
    np.testing.assert_allclose(found.value, [scores.sum() / labels.sum() for scores, labels in by_cell(rows)], rtol=1e-9)
    assert set(found.ci_method) == {"no interval: not kept: the sum of the scores of positive rows"}


def totals_of_rows(scores, labels, cells, weights, clusters):
    """Weighted totals and their spread over clusters, from the definition."""
    n = len(BINARY_COMPONENTS)
    total, cross, count = np.zeros((N_CELLS, n)), np.zeros((N_CELLS, n, n)), np.zeros(N_CELLS, int)
    for cell in range(N_CELLS):
        for cluster in np.unique(clusters[cells == cell]):
            own = (cells == cell) & (clusters == cluster)
            part = np.zeros(n)
            for label, score, weight in zip(labels[own], scores[own].astype(np.float64), weights[own], strict=True):
                part[2 * int(label) + int(score >= 0.5)] += weight
                part[-1] += weight * score
            total[cell] += part
            cross[cell] += np.outer(part, part)
            count[cell] += 1
    return ClusterTotals(count, total, cross)


def test_weighted_ratio_with_weight_one_is_nearly_the_plain_one(rows, tally):
    ones = totals_of_rows(*rows, np.ones(900), np.arange(900))
    plain, weighted = (CalibrationRatio().compute(t, 0.95, 0) for t in (tally, BinaryTally(**{**vars(tally), "totals": ones})))
    np.testing.assert_allclose(weighted.value, plain.value, rtol=1e-9)
    np.testing.assert_allclose(weighted.ci_low, plain.ci_low, rtol=5e-3)  # t and G / (G - 1) instead of z
    assert set(weighted.ci_method) == {"linearised, log, t"}


def test_clustered_ratio_is_wider_and_few_clusters_have_no_interval(rows, tally):
    doubled = [np.repeat(values, 2) for values in rows]
    twice = ranked_tally(*doubled, N_CELLS)
    pairs = totals_of_rows(*doubled, np.ones(1800), np.repeat(np.arange(900), 2))
    single, paired = (CalibrationRatio().compute(t, 0.95, 0) for t in (tally, BinaryTally(**{**vars(twice), "totals": pairs})))
    np.testing.assert_allclose(paired.ci_high, single.ci_high, rtol=5e-3)  # the second row of a cluster says nothing new
    few = totals_of_rows(*rows, np.ones(900), np.arange(900) % 9)
    found = CalibrationRatio().compute(BinaryTally(**{**vars(tally), "totals": few}), 0.95, 0)
    assert set(found.ci_method) == {"no interval: fewer than 10 clusters"}


def test_slope_and_intercept_are_those_of_statsmodels(rows, tally):
    slope, intercept = (metric.compute(tally, 0.95, 0) for metric in FITTED)
    for cell, (scores, labels) in enumerate(by_cell(rows)):
        parameters, covariance = rank_curve_oracle.cox_fit(scores.astype(np.float32), labels)
        halves = norm.ppf(0.975) * np.sqrt(np.diag(covariance))
        for found, k in ((intercept, 0), (slope, 1)):
            expected = [parameters[k], parameters[k] - halves[k], parameters[k] + halves[k]]
            np.testing.assert_allclose([found.value[cell], found.ci_low[cell], found.ci_high[cell]], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@pytest.mark.parametrize(("scores", "labels"), [([], []), ([0.7], [1])], ids=["empty", "one row"])
def test_fewer_than_two_rows_are_undefined(metric, scores, labels):
    found = metric.compute(one_cell(scores, labels), 0.95, 0)
    assert np.isnan([found.value[0], found.ci_low[0], found.ci_high[0]]).all()
    assert found.undefined_reason[0] == "fewer than 2 rows"
    assert found.ci_method[0] == ""


@pytest.mark.parametrize("metric", FITTED, ids=lambda m: m.name)
def test_no_fit_is_told(metric, rows):
    for scores, labels, why in (
        (np.linspace(0.1, 0.9, 30), np.ones(30), "one class only"),
        (np.linspace(0.1, 0.9, 30), np.arange(30) > 14, "no fit: the scores separate the classes or are all equal, or"),
        (np.full(30, 0.3), np.arange(30) > 14, "no fit"),
    ):
        assert metric.compute(one_cell(scores, labels), 0.95, 0).undefined_reason[0].startswith(why)
    few = metric.compute(one_cell(np.linspace(0.1, 0.9, 30), np.arange(30) % 4 == 1), 0.95, 0)
    assert np.isfinite(few.value[0])
    assert few.ci_method[0] == "no interval: fewer than 10 rows of a class"
    missing = metric.compute(binary_tally_from_rows(*rows, N_CELLS, 0.5), 0.95, 0)
    assert set(missing.undefined_reason) == {"not kept: no metric of the sweep asked for the recalibration"}


def test_ratio_without_positive_rows_is_undefined_and_with_few_has_no_interval():
    assert CalibrationRatio().compute(one_cell([0.1, 0.2], [0, 0]), 0.95, 0).undefined_reason[0] == "no positive rows"
    few = CalibrationRatio().compute(one_cell([0.1, 0.2, 0.3], [0, 1, 0]), 0.95, 0)
    assert few.value[0] == pytest.approx(0.6)
    assert few.ci_method[0] == "no interval: fewer than 10 positive rows"


def test_equal_mass_without_a_curve_is_undefined(rows):
    found = EceEqualMass().compute(binary_tally_from_rows(*rows, N_CELLS, 0.5), 0.95, 0)
    assert set(found.undefined_reason) == {"not kept: no metric of the sweep asked for the order of the scores"}


def test_needs_name_what_is_read():
    assert [m.needs() for m in METRICS] == [Needs(curve=True), Needs(), *[Needs(calibration=True)] * 3]


@pytest.mark.parametrize(("n_rows", "middle", "a", "b"), [(200, -1.5, 0.0, 1.0), (200, 0.0, 0.3, 0.7), (2000, -3.5, 0.3, 0.7)])
def test_intervals_cover(n_rows, middle, a, b):
    n_worlds = 1200
    rng, z = np.random.default_rng(n_rows), norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    scores = expit(middle + 1.2 * rng.normal(size=(n_worlds, n_rows))).astype(np.float32)
    labels = rng.random(scores.shape) < expit(a + b * logit(scores.astype(np.float64)))
    true_scores = expit(middle + 1.2 * z)
    rates = expit(a + b * logit(true_scores))
    bins = np.minimum((true_scores * 15).astype(int), 14)
    gaps = np.bincount(bins, true_scores - rates, 15) ** 2 / np.maximum(np.bincount(bins, minlength=15), 1)
    tally = worlds(scores, labels)
    truths = [gaps.sum() / len(z), true_scores.mean() / rates.mean(), b, a]
    for metric, truth in zip([Ce2Debiased(), CalibrationRatio(), *FITTED], truths, strict=True):
        found = metric.compute(tally, 0.95, 0)
        covers = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
        assert covers > 0.925, metric.name
        assert covers < 0.975 or metric.name == "ce2_debiased", metric.name
