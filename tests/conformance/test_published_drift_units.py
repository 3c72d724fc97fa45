"""Drift figures that others published for small tables of counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from harness.drift.chi_square import ChiSquare
from harness.drift.hellinger import Hellinger
from harness.drift.jensen_shannon import JensenShannon
from harness.drift.psi import Psi
from tests.oracles import drift_statistics as oracle
from tests.support.column_pairs import pair_of

# Evidently's tests of its drift methods: one sample of 88 rows against another in six categories.
REFERENCE, CURRENT = [16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]
PAIR = pair_of(*([str(i) for i, k in enumerate(side) for _ in range(k)] for side in (REFERENCE, CURRENT)))


def test_hellinger_of_evidentlys_counts():
    assert Hellinger().read(PAIR).value == pytest.approx(0.06812, abs=1e-5)  # published without rounding


def test_chi_square_of_evidentlys_counts_is_two_sample_here():
    assert ChiSquare().read(PAIR).p_value == pytest.approx(0.89853, abs=5e-6)
    assert chisquare(CURRENT, REFERENCE).pvalue == pytest.approx(0.67309, abs=5e-6)  # the one-sample test that they publish


def test_jensen_shannon_of_evidentlys_counts_in_bits_and_nats():
    found = JensenShannon().read(PAIR).value
    assert found == pytest.approx(0.081734, abs=5e-7)
    assert found * np.sqrt(np.log(2.0)) == pytest.approx(0.068048, abs=5e-7)
    assert oracle.jensen_shannon(REFERENCE, CURRENT, base=np.e) == pytest.approx(0.068048, abs=5e-7)


@pytest.mark.parametrize(("zeros", "published"), [("add", 1.699815077), ("floor", 1.699928006)])
def test_psi_of_popmons_test(zeros, published):
    """popmon adds 1e-5 to every share; without it, half a row is never needed here."""
    reference, current = np.array([85.0, 5.0, 5.0, 5.0]), np.array([25.0] * 4)
    assert float(Psi(zeros=zeros).of_counts(reference, current)) == pytest.approx(published, abs=5e-10)
