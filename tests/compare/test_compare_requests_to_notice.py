"""How many requests notice a deterioration: the power that was asked for, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from harness.compare.requests_to_notice import requests_to_notice, requests_to_notice_share

N_WORLDS = 4000  # a share of 0.8 then has a standard error of 0.006


@pytest.mark.parametrize(("now", "bad", "sd"), [(2.0, 1.5, 2.0), (0.0, -0.1, 1.0), (-1.0, -3.0, 5.0)])
def test_a_fall_of_the_mean_is_noticed_with_the_power_that_was_asked_for(now: float, bad: float, sd: float) -> None:
    n = requests_to_notice(now, bad, sd)
    rng = np.random.default_rng(3)
    limit = now - norm.isf(0.05) * sd / math.sqrt(n)
    alarms = {mean: float((rng.normal(mean, sd, (N_WORLDS, n)).mean(axis=1) < limit).mean()) for mean in (now, bad)}
    assert alarms[bad] == pytest.approx(0.8, abs=0.025)
    assert alarms[now] == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(("now", "bad"), [(0.01, 0.02), (0.1, 0.12), (0.3, 0.35)])
def test_a_rise_of_a_share_is_noticed_with_the_power_that_was_asked_for(now: float, bad: float) -> None:
    n = requests_to_notice_share(now, bad)
    limit = now + norm.isf(0.05) * math.sqrt(now * (1 - now) / n)
    assert np.mean(np.random.default_rng(4).binomial(n, bad, N_WORLDS) > n * limit) == pytest.approx(0.8, abs=0.04)
    assert binom.sf(math.floor(n * limit), n, bad) == pytest.approx(0.8, abs=0.04)


def test_the_textbook_figures() -> None:
    z = norm.isf(0.05) + norm.ppf(0.8)
    assert requests_to_notice(1.0, 0.9, 1.0) == math.ceil(100 * z * z) == 619
    assert requests_to_notice(0.9, 1.0, 1.0) == 619, "the direction does not matter"
    assert requests_to_notice(1.0, 0.9, 1.0, alpha=0.01, power=0.9) == math.ceil(100 * (norm.isf(0.01) + norm.ppf(0.9)) ** 2)
    assert requests_to_notice_share(0.01, 0.02) == 793


def test_of_a_share_of_none_one_case_is_proof() -> None:
    n = requests_to_notice_share(0.0, 0.01)
    assert binom.sf(0, n, 0.01) >= 0.8 > binom.sf(0, n - 1, 0.01)
    assert requests_to_notice_share(0.0, 1.0) == 1


def test_what_never_varies_is_noticed_at_once() -> None:
    assert requests_to_notice(1.0, 0.5, 0.0) == 1


@pytest.mark.parametrize(
    "figures", [(1.0, 1.0, 1.0), (math.nan, 1.0, 1.0), (1.0, 0.0, math.nan), (1.0, 0.0, math.inf), (math.inf, 0.0, 1.0), (0.0, 5e-324, 1.0)]
)
def test_no_difference_and_no_figure_give_no_number(figures) -> None:
    assert requests_to_notice(*figures) is None


@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.3, 0.2), (math.nan, 0.2), (0.1, 1.2), (-0.1, 0.2)])
def test_a_share_that_does_not_rise_gives_no_number(shares) -> None:
    assert requests_to_notice_share(*shares) is None
