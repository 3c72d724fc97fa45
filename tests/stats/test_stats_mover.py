"""The interval of a difference of independent estimates, against statsmodels' Newcombe interval and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.stats.mover import independent_difference
from harness.stats.wilson import wilson_interval


@pytest.mark.parametrize(("k1", "n1", "k2", "n2"), [(8, 20, 3, 25), (0, 30, 4, 10), (50, 100, 50, 100), (29, 30, 30, 31)])
def test_with_wilson_intervals_it_is_newcombes(k1: int, n1: int, k2: int, n2: int) -> None:
    one, two = ([np.array([k / n]), *wilson_interval(np.array([k]), np.array([n]), 0.95)] for k, n in ((k1, n1), (k2, n2)))
    low, high = independent_difference(*one, *two)
    np.testing.assert_allclose([low[0], high[0]], confint_proportions_2indep(k1, n1, k2, n2, method="newcomb"), rtol=1e-9)


def test_symmetric_intervals_add_in_quadrature_and_nan_stays_nan() -> None:
    arrays = [np.array(v) for v in ([5.0, 5.0], [2.0, np.nan], [8.0, np.nan], [1.0, 1.0], [-3.0, -3.0], [5.0, 5.0])]
    low, high = independent_difference(*arrays)
    assert (low[0], high[0]) == (-1.0, 9.0)
    assert np.isnan([low[1], high[1]]).all()
