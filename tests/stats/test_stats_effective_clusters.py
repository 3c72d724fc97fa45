"""Effective clusters against their definition, and how many an inference asks for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from harness.stats.effective_clusters import degrees_of_freedom, effective_clusters, fewest_effective, t_quantiles
from tests.oracles import weighted_oracle


def test_they_are_those_of_the_denominator_alone() -> None:
    rng = np.random.default_rng(3)
    parts = rng.gamma(1.0, 1.0, (25, 3))
    found = effective_clusters(parts.sum(axis=0)[None], (parts.T @ parts)[None], np.array([1.0, 0.0, 1.0]))
    assert found[0] == pytest.approx(weighted_oracle.effective(parts[:, 0] + parts[:, 2], np.arange(25)))
    assert np.isnan(effective_clusters(np.zeros((1, 2)), np.zeros((1, 2, 2)), np.ones(2))[0])


@pytest.mark.parametrize("weight", [0.1, 1 / 3, 1e6])
def test_ten_clusters_of_one_size_are_ten_whatever_rounding_says(weight: float) -> None:
    parts = np.full((10, 1), weight)
    effective = effective_clusters(parts.sum(axis=0)[None], (parts.T @ parts)[None], np.ones(1))
    np.testing.assert_allclose(t_quantiles(effective, 0.9), t.ppf(0.95, 9))
    assert np.isnan(t_quantiles(effective - 1e-3, 0.9)[0])


def test_plain_rows_need_two_and_others_ten() -> None:
    effective, is_clustered = np.array([2.0, 1.0, 9.0, 8.9, 9.0]), np.array([False, False, False, False, True])
    fewest = fewest_effective(effective, np.array([2, 1, 9, 9, 9]), is_clustered)
    np.testing.assert_array_equal(fewest, [2.0, 2.0, 2.0, 10.0, 10.0])
    np.testing.assert_array_equal(degrees_of_freedom(effective, fewest), [1.0, np.nan, 8.0, np.nan, np.nan])
