"""`metrics.parquet` and `differences.parquet`: one row per metric, slice and window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.records.metric import Differences, MetricValues
from harness.records.tally import BinaryTally, Grid
from harness.records.task_tally import MulticlassTally, RegressionTally

_DIFFERENCES = (
    "n",
    "champion_value",
    "challenger_value",
    "difference",
    "ci_low",
    "ci_high",
    "simultaneous_low",
    "simultaneous_high",
    "method",
)
_METRICS = ("value", "ci_low", "ci_high", "ci_method")
METRIC_COLUMNS = (
    *("variant", "metric", "slice_by", "slice_value", "window", "n", "n_positive", "weight_sum"),
    *(*_METRICS, "confidence", "undefined_reason"),
)
DIFFERENCE_COLUMNS = (
    *("metric", "slice_by", "slice_value", "window", "champion", "challenger"),
    *(*_DIFFERENCES, "p_value", "p_value_corrected", "correction"),
)


def metrics_frame(
    variant: str, grid: Grid, values: Sequence[MetricValues], tally: BinaryTally | RegressionTally | MulticlassTally, confidence: float
) -> pd.DataFrame:
    """Return the table of `metrics.parquet` of one variant: metrics one after the other, cells in the order of the grid.

    Parameters
    ----------
    variant
        Name of the variant.
    grid
        Slices by windows, n_cells of them.
    values
        Metrics over the same cells.
    tally
        For n, n_positive (null but for binary) and weight_sum (n where rows have no weights).
    confidence
        Level of the intervals.

    Raises
    ------
    ValueError
        When an array is not one value per cell.
    """
    k = len(values)
    columns: dict[str, object] = {"variant": _constant(variant, k * grid.n_cells), "metric": _names([v.metric for v in values], grid)}
    columns |= _cells(grid, k)
    positive = tally.n_positive if isinstance(tally, BinaryTally) else pd.array([pd.NA] * grid.n_cells, dtype="Int64")
    columns |= {"n": np.tile(tally.n, k), "n_positive": pd.Series(np.tile(positive, k)).astype(positive.dtype)}
    columns |= {"weight_sum": np.tile(tally.weight_sum, k)}
    columns |= {name: _joined([getattr(v, name) for v in values]) for name in _METRICS}
    columns["confidence"] = np.full(k * grid.n_cells, confidence, dtype=np.float64)
    columns["undefined_reason"] = _joined([v.undefined_reason for v in values])
    return pd.DataFrame(columns)[list(METRIC_COLUMNS)]


def differences_frame(grid: Grid, differences: Sequence[Differences]) -> pd.DataFrame:
    """Return the table of `differences.parquet`: one block of all cells per metric and challenger.

    Raises
    ------
    ValueError
        When an array is not one value per cell.
    """
    columns: dict[str, object] = {"metric": _names([d.metric for d in differences], grid)}
    columns |= _cells(grid, len(differences))
    columns |= {name: _names([getattr(d, name) for d in differences], grid) for name in ("champion", "challenger", "correction")}
    columns |= {name: _joined([getattr(d, name) for d in differences]) for name in (*_DIFFERENCES, "p_value", "p_value_corrected")}
    return pd.DataFrame(columns)[list(DIFFERENCE_COLUMNS)]


def _cells(grid: Grid, times: int) -> dict[str, object]:
    by, value, windows = (np.array(names, dtype=np.object_) for names in (grid.slice_by, grid.slice_value, grid.windows))
    return {
        "slice_by": np.tile(np.repeat(by, grid.n_windows), times),
        "slice_value": np.tile(np.repeat(value, grid.n_windows), times),
        "window": np.tile(windows, grid.n_slices * times),
    }


def _names(names: Sequence[str], grid: Grid) -> NDArray[np.object_]:
    return np.repeat(np.array(names, dtype=np.object_), grid.n_cells)


def _constant(name: str, n: int) -> NDArray[np.object_]:
    return np.full(n, name, dtype=np.object_)


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float64)
