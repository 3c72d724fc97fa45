"""How often undrifted logs are called drifted, and drifted ones found, over many seeded worlds."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from harness.drift.base_rate import BaseRate
from harness.drift.cardinality_shift import CardinalityShift
from harness.drift.chi_square import ChiSquare
from harness.drift.constancy import Constancy
from harness.drift.cramers_v import CramersV
from harness.drift.drift_rows import drift_rows
from harness.drift.hellinger import Hellinger
from harness.drift.jensen_shannon import JensenShannon
from harness.drift.kolmogorov_smirnov import KolmogorovSmirnov
from harness.drift.mean_shift import MeanShift
from harness.drift.missing_share import MissingShare
from harness.drift.psi import Psi
from harness.drift.std_shift import StdShift
from harness.drift.total_variation import TotalVariation
from harness.drift.wasserstein import Wasserstein
from harness.records.profile import Bins
from tests.support.column_pairs import pair_of

N_WORLDS, ALPHA = 500, 0.05
TOLERANCE = 3 * math.sqrt(ALPHA * (1 - ALPHA) / N_WORLDS)  # three binomial standard errors
# A threshold of 0 leaves the decision to the p-value.
OF_SHARES = [s(threshold=0.0) for s in (Psi, JensenShannon, ChiSquare, CramersV, TotalVariation, Hellinger)]
OF_ORDER = [KolmogorovSmirnov(threshold=0.0), Wasserstein(threshold=0.0), Wasserstein(threshold=0.0, normed=True)]
OF_FIGURES = [s(threshold=0.0) for s in (MeanShift, StdShift, MissingShare, CardinalityShift, Constancy, BaseRate)]
LETTERS = np.array(list("abcdefghijklmnopqrst"), object)


def texts(rng, n, n_categories, missing=0.0):
    share = 1.0 / np.arange(1, n_categories + 1)
    drawn = LETTERS[rng.choice(n_categories, n, p=share / share.sum())]
    drawn[rng.uniform(size=n) < missing] = None
    return drawn.tolist()


def with_missing(rng, values, share):
    return np.where(rng.uniform(size=len(values)) < share, np.nan, values)


COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "normal with missing": lambda rng, n: with_missing(rng, rng.normal(size=n), 0.1),
    "lognormal": lambda rng, n: rng.lognormal(0.0, 0.5, size=n),
    "heavy lognormal": lambda rng, n: with_missing(rng, rng.lognormal(0.0, 1.0, size=n), 0.02),
    "poisson": lambda rng, n: rng.poisson(3.0, size=n).astype(float),
    "rare poisson": lambda rng, n: rng.poisson(0.2, size=n).astype(float),
    "three categories": lambda rng, n: texts(rng, n, 3),
    "twenty categories": lambda rng, n: texts(rng, n, 20, missing=0.05),
}


def share_of_worlds_with_an_alarm(statistics, n_current, windows, seed, n_reference=400):
    rng = np.random.default_rng(seed)
    alarmed = Counter()
    for _ in range(N_WORLDS):
        found = []
        for name, draw in COLUMNS.items():
            reference, current = draw(rng, n_reference), draw(rng, n_current)
            pair = pair_of(reference, current, windows=windows)
            read = ((s.name, s.read(pair)) for s in statistics if s.applies_to(pair.kind, False))
            found += [("covariate", name, "all", "all", "all", s, r) for s, r in read if r is not None]
        alarmed.update({row.statistic for row in drift_rows(found, "harness", ALPHA) if row.drifted})
    return {s.name: alarmed[s.name] / N_WORLDS for s in statistics if s.name != "base_rate"}


@pytest.mark.parametrize(("n_current", "seed"), [(400, 11), (100, 12)])
def test_worlds_without_drift_alarm_no_more_often_than_alpha(n_current, seed):
    found = share_of_worlds_with_an_alarm([*OF_SHARES, *OF_ORDER, *OF_FIGURES], n_current, 0, seed)
    assert {name: share for name, share in found.items() if share > ALPHA + TOLERANCE} == {}


def test_windows_without_drift_alarm_no_more_often_than_alpha():
    """A window of 50 rows against eight such windows of the reference."""
    found = share_of_worlds_with_an_alarm(OF_FIGURES, 50, 8, 13)
    assert {name: share for name, share in found.items() if share > ALPHA + TOLERANCE} == {}
    assert found["mean"] > 0.01


def test_labels_without_drift_alarm_no_more_often_than_alpha():
    rng = np.random.default_rng(14)
    p_values = []
    for rate in rng.uniform(0.05, 0.5, N_WORLDS):
        sides = [np.where(rng.uniform(size=400) < rate, "1", "0").tolist() for _ in range(2)]
        p_values.append(BaseRate().read(pair_of(*sides, is_label=True)).p_value)
    assert np.mean(np.array(p_values) < ALPHA) <= ALPHA + TOLERANCE


def power_of(statistic, shift, n, n_worlds, seed):
    rng = np.random.default_rng(seed)
    readings = [statistic.read(pair_of(rng.normal(size=n), rng.normal(shift, 1.0, size=n))) for _ in range(n_worlds)]
    return np.mean([reading.p_value < ALPHA for reading in readings])


def test_a_shift_of_three_tenths_of_a_standard_deviation_is_found():
    """Of 400 rows a side. PSI's power is that of chi-square of ten deciles with noncentrality n/2 sum of (p - q)² / mean share.

    That of KS is at least the chance that the two distribution functions differ beyond the critical value at the point where they differ most.
    """
    n, shift, n_worlds = 400, 0.3, 150
    borders = stats.norm.ppf(np.linspace(0.0, 1.0, 11))
    moved = np.diff(stats.norm.cdf(borders - shift))
    noncentral = n / 2 * ((0.1 - moved) ** 2 / ((0.1 + moved) / 2)).sum()
    of_psi = stats.ncx2(9, noncentral).sf(stats.chi2(9).isf(ALPHA))
    f, g = stats.norm.cdf(shift / 2), stats.norm.cdf(-shift / 2)
    critical = stats.kstwo.isf(ALPHA, n // 2)
    of_ks = stats.norm.sf((critical - (f - g)) / math.sqrt((f * (1 - f) + g * (1 - g)) / n))
    for statistic, wanted in ((Psi(), of_psi), (JensenShannon(), of_psi), (KolmogorovSmirnov(), of_ks), (Wasserstein(), of_ks)):
        assert power_of(statistic, shift, n, n_worlds, 15) >= wanted - 3 * math.sqrt(wanted * (1 - wanted) / n_worlds), statistic.name
    assert min(of_psi, of_ks) > 0.75
    assert power_of(MeanShift(), shift, n, n_worlds, 16) > of_ks


def test_categories_that_change_and_labels_that_turn_are_found():
    rng = np.random.default_rng(17)
    share = np.array([0.4, 0.3, 0.2, 0.1])
    changed = np.array([0.3, 0.3, 0.25, 0.15])
    found = Counter()
    for _ in range(100):
        sides = [LETTERS[rng.choice(4, 400, p=p)].tolist() for p in (share, changed)]
        found.update(s.name for s in (ChiSquare(), CramersV(), TotalVariation(), Hellinger()) if s.read(pair_of(*sides)).p_value < ALPHA)
        label = [np.where(rng.uniform(size=400) < rate, "1", "0").tolist() for rate in (0.2, 0.3)]
        bins = Bins(categories=("0", "1"))
        found.update(["base_rate"] if BaseRate().read(pair_of(*label, bins=bins, is_label=True)).p_value < ALPHA else [])
    noncentral = 200 * ((share - changed) ** 2 / ((share + changed) / 2)).sum()
    wanted = stats.ncx2(3, noncentral).sf(stats.chi2(3).isf(ALPHA))
    assert wanted > 0.75
    for name, count in found.items():
        assert count / 100 >= wanted - 3 * math.sqrt(wanted * (1 - wanted) / 100), name
    assert len(found) == 5
