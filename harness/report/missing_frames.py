"""`missing_labels.parquet` and `label_age.parquet`: rows without a label beside those that have one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.records.missing_labels import LabelAge, MissingLabels

MISSING_COLUMNS = (
    *("slice_by", "slice_value", "n_labelled", "n_unlabelled", "missing_share", "rest_missing_share"),
    *("p_value", "p_value_corrected"),
)
AGE_COLUMNS = ("age_from_s", "age_until_s", "status", "n", "n_labelled", "labelled_share", "n_positive", "positive_share")


def missing_labels_frame(missing: MissingLabels) -> pd.DataFrame:
    """Return the table of `missing_labels.parquet`: one row per slice, in the order of the grid."""
    texts = ("slice_by", "slice_value")
    return pd.DataFrame({c: np.array(getattr(missing, c), dtype=object) if c in texts else getattr(missing, c) for c in MISSING_COLUMNS})


def label_age_frame(ages: LabelAge) -> pd.DataFrame:
    """Return the table of `label_age.parquet`: one row per band of age, youngest first; positives are missing values unless binary."""
    columns: dict[str, object] = {c: getattr(ages, c) for c in AGE_COLUMNS}
    columns["status"] = np.array(ages.status, dtype=object)
    unknown = np.full(len(ages.n), np.nan)
    columns["positive_share"] = unknown if ages.positive_share is None else ages.positive_share
    frame = pd.DataFrame(columns)[list(AGE_COLUMNS)]
    return frame.assign(n_positive=pd.Series(unknown if ages.n_positive is None else ages.n_positive).astype("Int64"))
