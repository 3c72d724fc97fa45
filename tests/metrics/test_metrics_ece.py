"""ECE: its null point against simulated labels, when it has an interval, and what that covers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from harness.metrics.calibration_null import null_quantiles
from harness.metrics.ece import Ece
from harness.metrics.ece_interval import ece_cumulants
from harness.metrics.simulated_null import add_binomial_deviations, mean_absolute_deviation, simulated_null_quantiles
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


def share_above(points, bin_n, score, n_worlds, seed):
    """Share of calibrated data sets whose ECE exceeds each point."""
    p = score[0] / np.maximum(bin_n[0], 1)
    labels = np.random.default_rng(seed).binomial(bin_n[0], p, (n_worlds, N_BINS))
    ece = np.abs(labels - score).sum(axis=1) / bin_n.sum()
    return (ece > points).mean(axis=1)


@pytest.mark.parametrize("rows_per_bin", [2, 15, 60, 4000])
def test_simulated_null_point_is_that_of_simulated_labels(rows_per_bin):
    rng = np.random.default_rng(rows_per_bin)
    bin_n = rng.integers(0, 2 * rows_per_bin, (1, N_BINS))
    score = bin_n * MIDDLES
    labels = rng.binomial(bin_n[0], MIDDLES, (100_000, N_BINS))
    expected = np.quantile(np.abs(labels - score).sum(axis=1) / bin_n.sum(), 0.95)
    np.testing.assert_allclose(simulated_null_quantiles(bin_n, score, [0.95], 4000, 1), [[expected]], rtol=0.025)


@pytest.mark.parametrize("rows_per_bin", [7, 30, 4000])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (0.4, 0.4)])
def test_null_points_from_cumulants_are_exceeded_as_often_as_they_say(rows_per_bin, shape):
    rng = np.random.default_rng(rows_per_bin)
    scores = rng.beta(*shape, N_BINS * rows_per_bin)
    bins = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    bin_n, score = np.bincount(bins, minlength=N_BINS)[None], np.bincount(bins, scores, N_BINS)[None]
    points, is_simulated = null_quantiles(bin_n, score, [0.95, 0.975, 0.995], 10, 0)
    assert not is_simulated.any()
    above = share_above(points, bin_n, score, 100_000, 1)
    np.testing.assert_allclose(above, [0.05, 0.025, 0.005], atol=0.005)
    assert abs(above[2] - 0.005) < 0.002


def test_null_point_is_simulated_where_cumulants_do_not_give_it():
    bin_n, score = np.zeros((3, N_BINS), np.int64), np.zeros((3, N_BINS))
    bin_n[0, 0], score[0, 0] = 4000, 80.0  # one bin
    bin_n[1], score[1] = 6, 0.12  # a positive row or two
    bin_n[2], score[2] = 6, 6 * MIDDLES
    points, is_simulated = null_quantiles(bin_n, score, [0.95], 4000, 1)
    assert is_simulated.tolist() == [True, True, False]
    np.testing.assert_array_equal(points[:, :2], simulated_null_quantiles(bin_n[:2], score[:2], [0.95], 4000, 1))


def test_null_point_of_a_cell_does_not_depend_on_the_others():
    rng = np.random.default_rng(3)
    bin_n = rng.integers(0, 8, (300, N_BINS))
    score = bin_n * MIDDLES * 0.1
    whole = simulated_null_quantiles(bin_n, score, [0.95], 400, 1)
    np.testing.assert_allclose(whole[:, 200:210], simulated_null_quantiles(bin_n[200:210], score[200:210], [0.95], 400, 1), rtol=1e-12)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (7, 0.5), (40, 0.02), (3000, 0.4)])
def test_mean_absolute_deviation_is_the_binomials(n, p):
    k = np.arange(n + 1)
    expected = (np.abs(k - n * p) * binom.pmf(k, n, p)).sum()
    np.testing.assert_allclose(mean_absolute_deviation(np.array([float(n)]), np.array([p])), [expected], rtol=1e-9)


@pytest.mark.parametrize(("n", "p"), [(1, 0.0), (5, 0.5), (30, 0.1), (10_000, 0.0005)])
def test_small_counts_are_the_binomials_quantiles(n, p):
    levels = (np.arange(500) + 0.5) / 500
    order = np.random.default_rng(1).permutation(500)
    expected = np.full((2, 500), 3.0)
    expected[1, order] += np.abs(binom.ppf(levels, n, p) - n * p)
    total = np.full((2, 500), 3.0)
    add_binomial_deviations(total, np.array([1]), np.array([1]), np.array([float(n)]), np.array([p]), np.stack([np.arange(500), order]))
    np.testing.assert_allclose(total, expected, atol=1e-12)


def test_cumulants_of_ece_are_those_of_dirichlet_draws():
    rng = np.random.default_rng(6)
    bin_n = rng.integers(0, [[3], [40], [900]], (3, N_BINS))
    positive = rng.binomial(bin_n, 0.6 * MIDDLES)
    score = bin_n * MIDDLES
    found = ece_cumulants(bin_n, positive, score)
    for k in range(3):
        b = np.flatnonzero(bin_n[k])
        n, k_b = bin_n[k, b], positive[k, b]
        shares = rng.dirichlet(np.concatenate([k_b, n - k_b]) + 0.5, 200_000)
        ones, both = shares[:, : len(b)], shares[:, : len(b)] + shares[:, len(b) :]
        draws = np.abs(ones - both * (MIDDLES[b] + (k_b + 0.5) / (n + 1) - k_b / n)).sum(axis=1)
        np.testing.assert_allclose(found.mean[k], draws.mean(), rtol=0.003)
        np.testing.assert_allclose(found.variance[k], draws.var(), rtol=0.02)
        skewness = ((draws - draws.mean()) ** 3).mean() / draws.std() ** 3
        np.testing.assert_allclose(found.third[k] / found.variance[k] ** 1.5, skewness, atol=0.03)


def test_interval_is_the_reflected_quantiles_of_dirichlet_draws():
    rng = np.random.default_rng(8)
    for n_rows in (60, 2000):
        tally = worlds(n_rows, 0.4 * MIDDLES, 1, n_rows)
        found = Ece().compute(tally, 0.95, 0)
        b = np.flatnonzero(tally.bin_n[0])
        n, k = tally.bin_n[0, b], tally.bin_positive[0, b]
        shares = rng.dirichlet(np.concatenate([k, n - k]) + 0.5, 100_000)
        ones, both = shares[:, : len(b)], shares[:, : len(b)] + shares[:, len(b) :]
        draws = np.abs(ones - both * (MIDDLES[b] + (k + 0.5) / (n + 1) - k / n)).sum(axis=1)
        lowest, highest = np.quantile(draws, [0.025, 0.975])
        (null,), _ = null_quantiles(tally.bin_n, tally.bin_score, [0.975], 10, 0)
        low, high = min(2 * found.value[0] - highest, found.value[0] - null[0]), 2 * found.value[0] - lowest
        np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [low, high], atol=0.02 * (highest - lowest))


def test_fewer_than_thirty_rows_have_a_value_and_neither_null_point_nor_interval():
    found = Ece().compute(worlds(29, 0.2 * MIDDLES, 1, 1), 0.95, 0)
    assert np.isfinite(found.value[0])
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == "no interval: fewer than 30 rows"
    assert Ece().compute(worlds(30, MIDDLES, 1, 1), 0.95, 0).ci_method[0].startswith("null 95 % point")


def test_method_says_that_the_null_point_was_simulated():
    bin_n, score = np.zeros((1, N_BINS), np.int64), np.zeros((1, N_BINS))
    bin_n[0, 0], score[0, 0] = 4000, 80.0
    found = Ece(n_draws=50).compute(tally_of_bins(bin_n, (bin_n * 0.02).astype(np.int64), score), 0.95, 0)
    assert found.ci_method[0].endswith(" by 50 simulations")


def test_calibrated_scores_stay_below_the_null_point():
    found = Ece(n_draws=500).compute(worlds(300, MIDDLES, 1500, 5), 0.95, 0)
    exceeds = np.isfinite(found.ci_low).mean()
    assert abs(exceeds - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1500)


def test_null_point_is_always_told_and_an_interval_only_above_it():
    calibrated, wrong = worlds(3000, MIDDLES, 1, 2), worlds(3000, 0.5 * MIDDLES, 1, 2)
    below, above = Ece().compute(calibrated, 0.95, 0), Ece().compute(wrong, 0.95, 0)
    assert below.ci_method[0].startswith("null 95 % point 0.0")
    assert np.isnan(below.ci_low[0])
    assert above.ci_method[0].startswith("Dirichlet(counts + 1/2) over score bins, reflected; null 95 % point 0.0")
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
