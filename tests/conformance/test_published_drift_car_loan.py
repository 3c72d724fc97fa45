"""Drift figures of NannyML's documentation, on the car loan data that it is distributed with, in chunks of 5,000 rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.drift.nannyml.jensen_shannon import NannymlJensenShannon
from harness.drift.nannyml.ks import NannymlKs
from harness.drift.nannyml.statistic import NannymlStatistic
from harness.records.drift import ColumnPair, Reading
from tests.support.column_pairs import decile_bins, pair_of

CHUNK = 5000
# https://nannyml.readthedocs.io, "Univariate drift detection" and "How it works: univariate drift detection"; debt_to_income_ratio.
JENSEN_SHANNON = (0.0316611, 0.0300113, 0.0311286, 0.0294644, 0.0308095, 0.0286811, 0.0436276, 0.0292533, 0.0306276, 0.0283303)
JENSEN_SHANNON_THRESHOLD = 0.0393276
KS = (0.01576, 0.01268, 0.01734, 0.0128, 0.01918, 0.00824, 0.01058, 0.01002, 0.01068, 0.0068)
EXACT_KS_DIFFERS_BY = 3e-4  # of 10,000 bins over the reference's range


@pytest.fixture(scope="module")
def chunks(data: Path) -> list[ColumnPair]:
    """Each chunk of the analysis period against the whole reference, which is cut into chunks too."""
    reference, analysis = (
        pd.read_parquet(data / f"nannyml_car_loan_{part}.parquet")["debt_to_income_ratio"].to_numpy() for part in ("reference", "analysis")
    )
    bins = decile_bins(reference)
    starts = range(0, len(analysis), CHUNK)
    return [pair_of(reference, analysis[start : start + CHUNK], bins, windows=len(reference) // CHUNK) for start in starts]


def readings(statistic: NannymlStatistic, chunks: list[ColumnPair]) -> list[Reading]:
    return [found for pair in chunks if (found := statistic.read(pair)) is not None]


def test_jensen_shannon_alerts_in_one_chunk(chunks: list[ColumnPair]) -> None:
    found = readings(NannymlJensenShannon(), chunks)
    np.testing.assert_allclose([reading.value for reading in found], JENSEN_SHANNON, atol=5e-8)
    np.testing.assert_allclose([reading.threshold for reading in found], JENSEN_SHANNON_THRESHOLD, atol=5e-8)
    assert [chunk for chunk, reading in enumerate(found) if reading.exceeds] == [6]


def test_ks_is_read_on_bins_and_the_exact_one_is_near(chunks: list[ColumnPair]) -> None:
    found = [reading.value for reading in readings(NannymlKs(), chunks)]
    np.testing.assert_allclose(found, KS, atol=5e-9)
    exact = [pair.ordered.ks for pair in chunks if pair.ordered is not None]
    assert len(exact) == len(KS)
    difference = np.subtract(exact, found)
    assert difference.min() >= -1e-12, "what is read on bins is never more"
    assert 1e-5 < difference.max() <= EXACT_KS_DIFFERS_BY
