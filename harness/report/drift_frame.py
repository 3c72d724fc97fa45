"""`drift.parquet`: one row per column, statistic, slice and window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.records.drift import DriftRow

_TEXTS = ("variant", "column", "kind", "statistic", "profile", "slice_by", "slice_value", "window")
_NUMBERS = ("value", "threshold", "p_value", "p_value_corrected")
DRIFT_COLUMNS = (*_TEXTS, "n_reference", "n_current", *_NUMBERS, "drifted", "note")


def drift_frame(rows: Sequence[DriftRow]) -> pd.DataFrame:
    """Return the table of `drift.parquet`, in the order of `rows`.

    `variant` is null for inputs and labels; `threshold` and the p-values are null where a statistic has none; `drifted` is null where it is
    not known; an undefined `value` is NaN, and `note` says why.
    """
    columns: dict[str, object] = {name: pd.array([getattr(row, name) for row in rows], dtype="str") for name in _TEXTS}
    columns |= {name: np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in ("n_reference", "n_current")}
    for name in _NUMBERS:
        columns[name] = np.array([np.nan if (v := getattr(row, name)) is None else v for row in rows], dtype=np.float64)
    columns["drifted"] = pd.array([row.drifted for row in rows], dtype="boolean")
    columns["note"] = pd.array([row.note for row in rows], dtype="str")
    return pd.DataFrame(columns)[list(DRIFT_COLUMNS)]


def drift_rows_of(frame: pd.DataFrame) -> tuple[DriftRow, ...]:
    """Return the rows that `drift_frame` made a table of."""
    found = []
    for values in frame[list(DRIFT_COLUMNS)].itertuples(index=False):
        data = dict(zip(DRIFT_COLUMNS, values, strict=True))
        data |= {name: None if pd.isna(data[name]) else float(data[name]) for name in _NUMBERS if name != "value"}
        data |= {name: int(data[name]) for name in ("n_reference", "n_current")}
        data["drifted"] = None if pd.isna(data["drifted"]) else bool(data["drifted"])
        data["variant"] = None if pd.isna(data["variant"]) else str(data["variant"])
        data["note"] = "" if pd.isna(data["note"]) else str(data["note"])
        found.append(DriftRow(**data))
    return tuple(found)
