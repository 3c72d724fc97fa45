"""Linearised variances against finite differences, the plain formulas, and statsmodels' cluster-robust regression."""

from __future__ import annotations

import numpy as np
import statsmodels.api as sm

from harness.stats.linearised import gradient, linearised


def totals_of(rows: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    by_cluster = np.array([rows[clusters == c].sum(axis=0) for c in np.unique(clusters)])
    return rows.sum(axis=0)[None], np.einsum("ci,cj->ij", by_cluster, by_cluster)[None], np.array([len(by_cluster)])


def test_the_gradient_is_that_of_finite_differences() -> None:
    def formula(t: np.ndarray) -> np.ndarray:
        return (t[:, 0] * t[:, 1] - t[:, 2] ** 2) / np.sqrt(t[:, 0] + t[:, 1] * t[:, 2])

    at = np.array([[3.0, 5.0, 2.0], [1.0, 4.0, 7.0]])
    step = 1e-6 * np.eye(3)
    wanted = np.stack([(formula(at + h) - formula(at - h)) / 2e-6 for h in step], axis=1)
    np.testing.assert_allclose(gradient(formula, at), wanted, rtol=1e-7)


def test_the_mean_of_rows_has_its_usual_variance() -> None:
    x = np.random.default_rng(1).normal(10, 3, 50)
    value, variance = linearised(lambda t: t[:, 0] / t[:, 1], *totals_of(np.stack([x, np.ones(50)], axis=1), np.arange(50)))
    np.testing.assert_allclose([value[0], variance[0]], [x.mean(), x.var(ddof=1) / 50], rtol=1e-10)


def test_a_weighted_mean_of_clusters_has_statsmodels_sandwich() -> None:
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 15, 200)
    x, weights = rng.normal(size=15)[clusters] + rng.normal(size=200), rng.random(200)
    value, variance = linearised(lambda t: t[:, 0] / t[:, 1], *totals_of(np.stack([weights * x, weights], axis=1), clusters))
    fit = sm.WLS(x, np.ones(200), weights=weights).fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    np.testing.assert_allclose(value[0], fit.params[0], rtol=1e-10)
    np.testing.assert_allclose(variance[0], fit.bse[0] ** 2 * 15 / 14, rtol=1e-9)  # CR1 in the form G / (G - 1)


def test_one_cluster_has_no_variance() -> None:
    _, variance = linearised(lambda t: t[:, 0] / t[:, 1], *totals_of(np.ones((5, 2)), np.zeros(5)))
    assert np.isnan(variance[0])
