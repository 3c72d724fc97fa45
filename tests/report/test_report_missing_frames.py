"""The tables of rows without a label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.records.missing_labels import LabelAge, MissingLabels
from harness.report.missing_frames import AGE_COLUMNS, MISSING_COLUMNS, label_age_frame, missing_labels_frame

MISSING = MissingLabels(
    slice_by=("all", "place"),
    slice_value=("all", "p"),
    n_labelled=np.array([8, 3]),
    n_unlabelled=np.array([2, 0]),
    missing_share=np.array([0.2, 0.0]),
    rest_missing_share=np.array([np.nan, 2 / 7]),
    p_value=np.array([np.nan, 0.3]),
    p_value_corrected=np.array([np.nan, 0.3]),
)
AGES = LabelAge(
    age_from_s=np.array([0.0, 60.0]),
    age_until_s=np.array([60.0, 120.0]),
    status=("immature", "mature"),
    n=np.array([4, 5]),
    n_labelled=np.array([0, 5]),
    labelled_share=np.array([0.0, 1.0]),
    n_positive=np.array([0, 2]),
    positive_share=np.array([np.nan, 0.4]),
)


def test_missing_labels_are_one_row_per_slice(tmp_path: Path) -> None:
    missing_labels_frame(MISSING).to_parquet(tmp_path / "x.parquet")
    found = pd.read_parquet(tmp_path / "x.parquet")
    assert tuple(found.columns) == MISSING_COLUMNS
    assert found["slice_value"].tolist() == ["all", "p"]
    assert found["n_unlabelled"].dtype == np.int64
    assert found["p_value"].isna().tolist() == [True, False]


def test_ages_are_one_row_per_band(tmp_path: Path) -> None:
    label_age_frame(AGES).to_parquet(tmp_path / "x.parquet")
    found = pd.read_parquet(tmp_path / "x.parquet")
    assert tuple(found.columns) == AGE_COLUMNS
    assert found["status"].tolist() == ["immature", "mature"]
    assert found["n_positive"].tolist() == [0, 2]
    assert found["positive_share"].isna().tolist() == [True, False]


def test_without_a_positive_class_positives_are_not_known(tmp_path: Path) -> None:
    label_age_frame(replace(AGES, n_positive=None, positive_share=None)).to_parquet(tmp_path / "x.parquet")
    found = pd.read_parquet(tmp_path / "x.parquet")
    assert tuple(found.columns) == AGE_COLUMNS
    assert found["n_positive"].isna().all()
    assert found["positive_share"].isna().all()
