"""Tango's interval and McNemar's test: against the definition by brute force, published figures, and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from harness.compare.tango import mcnemar_p_value, tango_interval
from tests.oracles.paired_oracle import tango_by_search

TABLES = [(6, 16, 161), (0, 0, 30), (1, 0, 5), (5, 0, 5), (0, 7, 7), (40, 20, 160), (3, 3, 1000), (12, 2, 50)]


def ints(*values):
    return tuple(np.array([v], dtype=np.int64) for v in values)


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_interval_is_that_of_the_score_statistic_by_search(table, confidence):
    found = tango_interval(*ints(*table), confidence)
    np.testing.assert_allclose(np.concatenate(found), tango_by_search(*table, confidence), atol=2e-7)


def test_published_interval_of_complete_response():
    # Cavo et al. 2012, table (59, 6, 16, 80), as worked in Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8:
    # Tango -0.1240 to -0.0054, McNemar P = 0.033006; Newcombe's method 10 there gives -0.1186 to -0.0046.
    low, high = tango_interval(*ints(6, 16, 161), 0.95)
    assert (low.round(4)[0], high.round(4)[0]) == (-0.1240, -0.0054)
    assert mcnemar_p_value(*ints(6, 16)).round(6)[0] == 0.033006
    np.testing.assert_allclose([low[0], high[0]], [-0.1186, -0.0046], atol=0.006)


def test_no_discordant_row_still_has_width():
    # With b = c = 0 the score equation has the closed solution ± z² / (n + z²).
    low, high = tango_interval(*ints(0, 0, 100), 0.95)
    z2 = 1.959963984540054**2
    np.testing.assert_allclose([low[0], high[0]], [-z2 / (100 + z2), z2 / (100 + z2)], rtol=1e-12)


def test_empty_denominator_is_undefined_and_roles_swap_the_sign():
    assert np.isnan(np.concatenate(tango_interval(*ints(0, 0, 0), 0.95))).all()
    low, high = tango_interval(np.array([7, 2]), np.array([2, 7]), np.array([30, 30]), 0.95)
    np.testing.assert_allclose([low[0], high[0]], [-high[1], -low[1]], rtol=1e-12)


def test_huge_tables_agree_with_the_normal_limit():
    b, c, n = 30_000_000, 29_900_000, 10**9
    low, high = tango_interval(*ints(b, c, n), 0.95)
    half = 1.959963984540054 * np.sqrt((b + c) / n - ((b - c) / n) ** 2) / np.sqrt(n)
    np.testing.assert_allclose([low[0], high[0]], [(b - c) / n - half, (b - c) / n + half], rtol=1e-3)


def test_mcnemar_is_that_of_statsmodels():
    gained, lost = np.array([6, 40, 3, 500]), np.array([16, 20, 3, 400])
    expected = [mcnemar([[9, b], [c, 9]], exact=False, correction=False).pvalue for b, c in zip(gained, lost, strict=True)]
    np.testing.assert_allclose(mcnemar_p_value(gained, lost), expected, rtol=1e-10)
    assert mcnemar_p_value(*ints(0, 0))[0] == 1


def test_p_value_and_interval_agree_on_zero():
    b, c = (x.ravel() for x in np.meshgrid(np.arange(25), np.arange(25)))
    low, high = tango_interval(b, c, np.full(len(b), 60), 0.95)
    np.testing.assert_array_equal(mcnemar_p_value(b, c) < 0.05, (low > 0) | (high < 0))


@pytest.mark.parametrize("shares", [(0.1, 0.05), (0.02, 0.02)], ids=["different", "equal"])
@pytest.mark.parametrize("n", [100, 2000])
def test_interval_covers(shares, n):
    n_worlds = 4000
    counts = np.random.default_rng(n).multinomial(n, (*shares, 1 - sum(shares)), n_worlds)
    low, high = tango_interval(counts[:, 0], counts[:, 1], np.full(n_worlds, n), 0.95)
    truth = shares[0] - shares[1]
    coverage = ((low <= truth) & (truth <= high)).mean()
    assert abs(coverage - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_worlds) + 0.01  # counts are discrete
