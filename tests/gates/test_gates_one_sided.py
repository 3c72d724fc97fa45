from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t
from statsmodels.stats.multitest import multipletests

from harness.gates.one_sided import holm_in_family, p_above, p_below, rows_to_decide


@pytest.mark.parametrize("seed", range(5))
def test_holm_equals_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).uniform(0, 0.2, 12)
    np.testing.assert_allclose(holm_in_family(p), multipletests(p, method="holm")[1])


def test_a_missing_p_value_stays_in_the_family_and_never_rejects() -> None:
    assert holm_in_family(np.array([0.02, np.nan])).tolist() == [0.04, 1.0]
    assert holm_in_family(np.array([])).tolist() == []


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_p_is_below_the_level_exactly_where_the_bound_is_beyond_the_limit(confidence: float) -> None:
    rng, level = np.random.default_rng(1), (1 - confidence) / 2
    estimate = rng.normal(0, 1, 500)
    low, high = estimate - rng.uniform(0.1, 2, 500), estimate + rng.uniform(0.1, 2, 500)  # not symmetric, as Tango's
    np.testing.assert_array_equal(p_above(estimate, low, -0.3, confidence) < level, low > -0.3)
    np.testing.assert_array_equal(p_below(estimate, high, -0.3, confidence) < level, high < -0.3)


def test_p_is_students_where_degrees_are_given_at_every_level() -> None:
    rng = np.random.default_rng(3)
    estimate, se = rng.normal(0, 1, 400), rng.uniform(0.1, 2, 400)
    degrees = np.where(rng.random(400) < 0.3, np.inf, rng.uniform(9, 60, 400))
    half = t.ppf(0.975, degrees) * se
    above, below = t.sf((estimate + 0.3) / se, degrees), t.cdf((estimate + 0.3) / se, degrees)
    np.testing.assert_allclose(p_above(estimate, estimate - half, -0.3, 0.95, degrees), above, rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(p_below(estimate, estimate + half, -0.3, 0.95, degrees), below, rtol=1e-8, atol=1e-15)
    normal = p_above(estimate, estimate - half, -0.3, 0.95)
    np.testing.assert_array_equal(p_above(estimate, estimate - half, -0.3, 0.95, np.full(400, np.inf)), normal)
    np.testing.assert_array_equal(normal < 0.025, estimate - half > -0.3)


def test_a_width_of_zero_is_no_evidence() -> None:
    zero = np.zeros(1)
    assert np.isnan(p_above(zero, zero, -0.01, 0.95)).all()
    assert np.isnan(p_below(zero, zero, 0.01, 0.95)).all()


def test_the_rows_asked_for_give_the_power_promised() -> None:
    margin, alpha, power, k = 0.01, 0.025, 0.8, 4
    needed = rows_to_decide(np.array([5000.0]), np.array([0.01]), margin, alpha, power, k)[0]
    se = 0.01 * np.sqrt(5000 / needed)
    each = norm.cdf(margin / se - norm.isf(alpha))  # a slice passes when its lower bound is above -margin; the truth is 0
    assert each**k == pytest.approx(power, abs=1e-4)
