"""Cumulants of absolute deviations: against the definition, and the quantiles made of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.stats.absolute_deviation import Cumulants, beta_deviation, binomial_deviation, quantiles_of


@pytest.mark.parametrize(("n", "p"), [(0, 0.3), (1, 0.0), (1, 0.3), (2, 0.5), (7, 0.5), (40, 0.02), (3000, 0.4), (100_000, 0.001)])
def test_binomial_deviation_is_the_sum_over_all_counts(n, p):
    k = np.arange(n + 1)
    mass, deviation = stats.binom.pmf(k, n, p), np.abs(k - n * p)
    mean = (deviation * mass).sum()
    expected = [mean, ((deviation - mean) ** 2 * mass).sum(), ((deviation - mean) ** 3 * mass).sum()]
    found = binomial_deviation(np.array([float(n)]), np.array([p]))
    np.testing.assert_allclose([c[0] for c in found], expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (0.5, 30.5), (3.5, 6.5), (200.5, 800.5)])
@pytest.mark.parametrize("centre", [-0.1, 0.0, 0.2, 0.35, 0.9, 1.0, 1.05])
def test_beta_deviation_is_the_mean_over_many_quantiles(a, b, centre):
    levels = (np.arange(20_000) + 0.5) / 20_000
    deviation = np.abs(stats.beta(a, b).ppf(levels) - centre)
    mean = deviation.mean()
    wanted = [mean, deviation.var(), ((deviation - mean) ** 3).mean()]
    found = beta_deviation(np.array([a]), np.array([b]), np.array([centre]))
    np.testing.assert_allclose([c[0] for c in found], wanted, rtol=4e-3, atol=1e-3 * deviation.std() ** 3)


def test_many_rows_keep_their_digits():
    n, p = np.array([1e8]), np.array([0.3])
    sd = np.sqrt(n * p * (1 - p))
    half_normal = np.sqrt(2 / np.pi), 1 - 2 / np.pi, np.sqrt(2 / np.pi) * (4 / np.pi - 1)
    found = binomial_deviation(n, p)
    np.testing.assert_allclose([found.mean[0] / sd[0], found.variance[0] / sd[0] ** 2, found.third[0] / sd[0] ** 3], half_normal, rtol=1e-3)
    size = np.array([1e8])
    found = beta_deviation(size * 0.3, size * 0.7, np.array([0.3]))
    sd = np.sqrt(0.21 / size)
    np.testing.assert_allclose([found.mean[0] / sd[0], found.variance[0] / sd[0] ** 2, found.third[0] / sd[0] ** 3], half_normal, rtol=1e-3)


@pytest.mark.parametrize("shape", [0.5, 2.0, 30.0])
def test_quantiles_are_those_of_the_gamma_distribution_either_way_round(shape):
    levels = [0.025, 0.5, 0.95]
    gamma = Cumulants(np.array([shape]), np.array([shape]), np.array([2 * shape]))
    mirrored = Cumulants(-gamma.mean, gamma.variance, -gamma.third)
    expected = stats.gamma(shape).ppf(levels)
    np.testing.assert_allclose(quantiles_of(gamma, levels)[:, 0], expected, atol=0.07 * np.sqrt(shape))
    np.testing.assert_allclose(quantiles_of(mirrored, [1 - level for level in levels])[:, 0], -expected, atol=0.07 * np.sqrt(shape))


def test_quantiles_without_skewness_are_normal_and_without_variance_the_mean():
    cumulants = Cumulants(np.array([3.0, 3.0]), np.array([4.0, 0.0]), np.zeros(2))
    np.testing.assert_allclose(quantiles_of(cumulants, [0.975]), [[3 + 2 * stats.norm.ppf(0.975), 3.0]], rtol=1e-6)
