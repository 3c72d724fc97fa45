"""ECE: its null point against simulated labels, when it has an interval, and what that covers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from harness.metrics.calibration_null import binomial_deviations, mean_absolute_deviation, null_quantiles
from harness.metrics.ece import Ece
from harness.records.tally import N_BINS, BinaryTally, Moments

MIDDLES = (np.arange(N_BINS) + 0.5) / N_BINS


def tally_of_bins(bin_n, bin_positive, bin_score):
    n = len(bin_n)
    confusion = np.zeros((n, 2, 2), dtype=np.int64)
    positive = bin_positive.sum(axis=1)
    confusion[:, 1, 1], confusion[:, 0, 0] = positive, bin_n.sum(axis=1) - positive
    nothing = Moments(np.zeros(n), np.zeros(n))
    return BinaryTally(confusion, bin_n, bin_positive, bin_score, nothing, nothing, None)


def worlds(n_rows, rate, n_worlds, seed):
    """Cells whose scores are bin middles, uniformly spread, and whose labels follow `rate` of the bin."""
    rng = np.random.default_rng(seed)
    bin_n = rng.multinomial(n_rows, np.full(N_BINS, 1 / N_BINS), n_worlds)
    return tally_of_bins(bin_n, rng.binomial(bin_n, rate), bin_n * MIDDLES)


@pytest.mark.parametrize("rows_per_bin", [2, 15, 60, 4000])
def test_null_point_is_that_of_simulated_labels(rows_per_bin):
    rng = np.random.default_rng(rows_per_bin)
    bin_n = rng.integers(0, 2 * rows_per_bin, (1, N_BINS))
    score = bin_n * MIDDLES
    labels = rng.binomial(bin_n[0], MIDDLES, (100_000, N_BINS))
    expected = np.quantile(np.abs(labels - score).sum(axis=1) / bin_n.sum(), 0.95)
    np.testing.assert_allclose(null_quantiles(bin_n, score, [0.95], 4000, 1), [[expected]], rtol=0.025)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (7, 0.5), (40, 0.02), (3000, 0.4)])
def test_mean_absolute_deviation_is_the_binomials(n, p):
    k = np.arange(n + 1)
    expected = (np.abs(k - n * p) * binom.pmf(k, n, p)).sum()
    np.testing.assert_allclose(mean_absolute_deviation(np.array([float(n)]), np.array([p])), [expected], rtol=1e-9)


@pytest.mark.parametrize(("n", "p"), [(1, 0.0), (5, 0.5), (30, 0.1), (10_000, 0.0005)])
def test_small_counts_are_the_binomials_quantiles(n, p):
    levels = (np.arange(500) + 0.5) / 500
    expected = np.abs(binom.ppf(levels, n, p) - n * p)
    np.testing.assert_allclose(binomial_deviations(np.array([float(n)]), np.array([p]), 500), [expected], atol=1e-12)


def test_calibrated_scores_stay_below_the_null_point():
    found = Ece(n_draws=500).compute(worlds(300, MIDDLES, 1500, 5), 0.95, 0)
    exceeds = np.isfinite(found.ci_low).mean()
    assert abs(exceeds - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1500)


def test_null_point_is_always_told_and_an_interval_only_above_it():
    calibrated, wrong = worlds(3000, MIDDLES, 1, 2), worlds(3000, 0.5 * MIDDLES, 1, 2)
    below, above = Ece().compute(calibrated, 0.95, 0), Ece().compute(wrong, 0.95, 0)
    assert below.ci_method[0].startswith("null 95 % point 0.0")
    assert np.isnan(below.ci_low[0])
    assert above.ci_method[0].startswith("Dirichlet draws over score bins; null 95 % point 0.0")
    assert above.ci_low[0] < above.value[0] < above.ci_high[0]


@pytest.mark.parametrize("n_rows", [500, 5000])
def test_interval_of_miscalibrated_scores_covers(n_rows):
    n_worlds = 300
    rate = 0.5 * MIDDLES
    found = Ece(n_draws=500).compute(worlds(n_rows, rate, n_worlds, 9), 0.95, 0)
    assert np.isfinite(found.ci_low).all()
    truth = np.abs(rate - MIDDLES).mean()
    coverage = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_worlds)


@pytest.mark.parametrize("n_rows", [200, 1000])
def test_interval_just_above_the_null_point_does_not_mistake_chance_for_error(n_rows):
    rate = 0.95 * MIDDLES
    found = Ece(n_draws=400).compute(worlds(n_rows, rate, 600, 1), 0.95, 0)
    shown = np.isfinite(found.ci_low)
    truth = np.abs(rate - MIDDLES).mean()
    assert 0.02 < shown.mean() < 0.5  # few worlds pass the null point, and chance chose them
    assert ((found.ci_low <= truth) & (truth <= found.ci_high))[shown].mean() > 0.85
