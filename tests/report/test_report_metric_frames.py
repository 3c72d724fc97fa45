from __future__ import annotations

import numpy as np
import pytest

from harness.records.metric import Differences, MetricValues
from harness.records.tally import BinaryTally, Grid, Moments
from harness.report.metric_frames import differences_frame, metrics_frame

GRID = Grid(("all", "carrier", "carrier*origin"), ("all", "UA", "UA*EWR"), ("all", "2013-04"))
METRICS = [
    *("variant", "metric", "slice_by", "slice_value", "window", "n", "n_positive", "weight_sum"),
    *("value", "ci_low", "ci_high", "ci_method", "confidence", "undefined_reason"),
]
DIFFERENCES = [
    *("metric", "slice_by", "slice_value", "window", "champion", "challenger", "n", "champion_value", "challenger_value"),
    *("difference", "ci_low", "ci_high", "simultaneous_low", "simultaneous_high", "method", "p_value", "p_value_corrected"),
    "correction",
]


def tally() -> BinaryTally:
    confusion = np.arange(24, dtype=np.int64).reshape(6, 2, 2)
    m, bins = Moments(np.zeros(6), np.zeros(6)), np.zeros((6, 15), dtype=np.int64)
    return BinaryTally(confusion, bins, bins, bins.astype(float), m, m, None)


def values(name: str, first: float) -> MetricValues:
    found = first + np.arange(6.0)
    reason = np.array([None, None, None, "one class", None, None], dtype=object)
    return MetricValues(name, found, found - 1, found + 1, np.full(6, "wilson", dtype=object), reason)


def differences(name: str, challenger: str) -> Differences:
    f = np.arange(6.0)
    text = np.full(6, "delong", dtype=object)
    return Differences(
        name, "a", challenger, True, np.arange(6), f, f + 1, f + 2, f + 3, f + 4, f + 5, f + 6, f + 7, text, f / 10, f / 5, "holm"
    )


def test_metrics_have_the_columns_of_the_contract_and_each_cell_its_own_row() -> None:
    frame = metrics_frame("v", GRID, [values("auc", 0.0), values("brier", 100.0)], tally(), 0.95)
    assert list(frame.columns) == METRICS
    for i, name in enumerate(("auc", "brier")):
        for s in range(3):
            for w in range(2):
                row, cell = frame.iloc[i * 6 + s * 2 + w], s * 2 + w
                assert (row.variant, row.metric, row.confidence) == ("v", name, 0.95)
                assert (row.slice_by, row.slice_value, row.window) == (GRID.slice_by[s], GRID.slice_value[s], GRID.windows[w])
                assert (row.n, row.n_positive, row.weight_sum) == (16 * cell + 6, 8 * cell + 5, 16 * cell + 6)
                assert (row.value, row.ci_low, row.ci_high) == (100 * i + cell, 100 * i + cell - 1, 100 * i + cell + 1)
    assert frame.undefined_reason.isna().sum() == 10
    assert frame.undefined_reason[3] == "one class"
    assert (frame.n.dtype, frame.value.dtype) == (np.int64, np.float64)


def test_differences_have_the_columns_of_the_contract_and_each_cell_its_own_row() -> None:
    frame = differences_frame(GRID, [differences("auc", "b"), differences("auc", "c")])
    assert list(frame.columns) == DIFFERENCES
    assert list(frame.challenger) == ["b"] * 6 + ["c"] * 6
    row = frame.iloc[9]
    assert (row.slice_value, row.window, row.n, row.champion, row.correction, row.method) == ("UA", "2013-04", 3, "a", "holm", "delong")
    assert tuple(row[DIFFERENCES[7:14]]) == (3.0, 4.0, 5.0, 7.0, 8.0, 9.0, 10.0)
    assert (row.p_value, row.p_value_corrected) == (0.3, 0.6)


def test_nothing_compared_is_an_empty_table_with_the_columns() -> None:
    assert list(differences_frame(GRID, []).columns) == DIFFERENCES
    assert len(metrics_frame("v", GRID, [], tally(), 0.95)) == 0


def test_arrays_of_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        differences_frame(Grid(("all",), ("all",), ("all",)), [differences("auc", "b")])
