"""Stored metric values come back as they were, in whichever order their rows stand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.records.metric import MetricValues
from harness.records.tally import Grid
from harness.runs import store

GRID = Grid(("all", "region", "region"), ("all", "north", "all"), ("all", "2024-01"))
KEYS = ["slice_by", "slice_value", "window"]


def values_of(metric, seed):
    value = np.random.default_rng(seed).random(GRID.n_cells)
    value[2] = np.nan
    reason = np.array([None, None, "one class only", None, None, None], np.object_)
    return MetricValues(
        metric, value, value - 0.1, value + 0.1, np.where(np.isnan(value), "", f"method of {metric}").astype(np.object_), reason
    )


def frame_of(all_values):
    cells = [(by, value, window) for by, value in zip(GRID.slice_by, GRID.slice_value, strict=True) for window in GRID.windows]
    parts = []
    for v in all_values:
        part = pd.DataFrame(cells, columns=KEYS)
        part["metric"] = v.metric
        parts.append(part.assign(**{name: getattr(v, name) for name in ("value", "ci_low", "ci_high", "ci_method", "undefined_reason")}))
    return pd.concat(parts, ignore_index=True).assign(confidence=0.95, n=5)


STORED = (values_of("auc", 1), values_of("brier", 2))


def shuffled(frame):
    return frame.sample(frac=1.0, random_state=3)


def windows_exchanged(frame):
    order = np.arange(len(frame)).reshape(-1, 2)[:, ::-1].ravel()
    return frame.iloc[order]


def metrics_interleaved(frame):
    return frame.iloc[np.arange(len(frame)).reshape(2, -1).T.ravel()]


@pytest.mark.parametrize("arranged", [lambda frame: frame, shuffled, windows_exchanged, metrics_interleaved])
def test_values_are_those_that_were_stored(tmp_path, arranged):
    arranged(frame_of(STORED)).to_parquet(tmp_path / store.METRICS, index=False)
    found = store.read_metrics(tmp_path, GRID, ["brier", "auc"], 0.95)
    assert [v.metric for v in found] == ["brier", "auc"]
    for v, expected in zip(found, reversed(STORED), strict=True):
        for name in ("value", "ci_low", "ci_high"):
            np.testing.assert_array_equal(getattr(v, name), getattr(expected, name))
        assert v.ci_method.tolist() == expected.ci_method.tolist()
        assert v.undefined_reason.tolist() == expected.undefined_reason.tolist()


@pytest.mark.parametrize("dropped", [[4], [4, 10], [0, 1, 2, 3, 4, 5]])
def test_a_cell_that_is_not_there_has_no_value(tmp_path, dropped):
    frame = frame_of(STORED).drop(index=dropped)
    frame.to_parquet(tmp_path / store.METRICS, index=False)
    (found,) = store.read_metrics(tmp_path, GRID, ["brier"], 0.95)
    missing = [k - 6 for k in dropped if k >= 6]
    expected = STORED[1].value.copy()
    expected[missing] = np.nan
    np.testing.assert_array_equal(found.value, expected)
    assert all(found.ci_method[k] == "" and found.undefined_reason[k] is None for k in missing)


def test_nothing_is_read_at_another_confidence_or_without_a_metric(tmp_path):
    frame_of(STORED).to_parquet(tmp_path / store.METRICS, index=False)
    assert store.read_metrics(tmp_path, GRID, ["auc"], 0.9) is None
    assert store.read_metrics(tmp_path, GRID, ["auc", "mcc"], 0.95) is None
