"""Array code of drift, values and slices on a card, run by NumPy behind CuPy's names and parameters, against the same code on the host."""

from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from harness.drift.column_on_card import ColumnOnCard
from harness.drift.loss_parts import loss_parts
from harness.drift.parity import parity_of
from harness.drift.place_sums import sums_by_place
from harness.drift.quantiles import quantiles_of
from harness.drift.score_columns import score_columns, scores_on_card
from harness.pipeline.worst_slices import row_losses
from harness.records.drift_cells import DriftCells, TimeCells
from harness.tallies.value_moments import decision_cases, flags_of
from tests.array_api.cupy_stand_in import CupyArray, CupyStandIn, on_card
from tests.drift.test_drift_loss_parts import log_of

MODULES = ("place_sums", "quantiles", "column_on_card", "score_columns")


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    stand_in = CupyStandIn()
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    for module in MODULES:
        monkeypatch.setattr(f"harness.drift.{module}.check_fits", lambda what, n_bytes: None)  # asks a card for its free memory
    return stand_in


def assert_on_card(found, expected):
    assert isinstance(found, CupyArray)
    np.testing.assert_array_equal(found.get(), expected, strict=True)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_parts_of_a_loss_change(task, monkeypatch):
    monkeypatch.setattr("harness.drift.loss_cells._CARD_BLOCK_ROWS", 500)
    task, scores, before, after, ids, names = log_of(3, 2000, 1500, task)
    scores[7] = np.nan
    windows = (np.arange(len(scores)) % 3).astype(np.int32)
    expected = loss_parts(task, scores, before, after, ids, names, windows, ("all", "a", "b"))
    monkeypatch.setattr("harness.drift.place_sums._on_host", None)
    found = loss_parts(task, on_card(scores), before, on_card(after), on_card(ids), names, windows, ("all", "a", "b"))
    assert len(found) == len(expected) == 4 * (1 + (task == "binary"))
    for one, other in zip(found, expected, strict=True):
        for field in dataclasses.fields(one):
            here, there = getattr(other, field.name), getattr(one, field.name)
            assert there == (pytest.approx(here, rel=1e-9, abs=1e-12, nan_ok=True) if isinstance(here, float) else here), field.name
        assert np.isfinite(one.residual)
        assert one.n_invalid_score == 1


def test_parity():
    rng = np.random.default_rng(1)
    ours, logged = (rng.integers(0, 4, 50).astype(np.float32) / 4 for _ in range(2))
    logged[:9], ours[9], logged[10], ours[11], logged[11] = np.nan, np.nan, np.inf, -np.inf, -np.inf
    period, windows, versions = rng.random(50) < 0.9, rng.integers(0, 3, 50).astype(np.int32), rng.integers(-1, 2, 50).astype(np.int32)
    arguments = (logged, period, windows, 3, versions, ("v1", "v2"), 0.1)
    found, expected = parity_of("a", on_card(ours), *arguments), parity_of("a", ours, *arguments)
    for field in dataclasses.fields(expected):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))


def cells_of(n_rows, seed=0):
    """Three stretches of the reference, one of them empty, and two current ones in two windows; two slices in a column of their own."""
    rng = np.random.default_rng(seed)
    side = np.sort(rng.integers(0, 2, n_rows)).astype(np.int8)
    time = TimeCells(np.array([0, 0, 0, 1, 1], np.int8), np.array([1, 1, 2, 1, 2], np.int32), np.arange(5))
    stretch = np.where(side == 0, 2 * rng.integers(0, 2, n_rows), rng.integers(3, 5, n_rows))
    slice_ids = rng.integers(-1, 2, n_rows)
    ids = np.stack([stretch, np.where(slice_ids < 0, -1, 5 + 2 * slice_ids + side)], axis=1).astype(np.int32)
    names = ("all", "c", "c"), ("all", "x", "y")
    return DriftCells(ids, time, ("all", "a", "b"), ("all", "a", "b"), *names)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("n_rows", [0, 1, 60])
def test_values_of_sides_windows_and_slices(dtype, n_rows):
    cells = cells_of(n_rows)
    rng = np.random.default_rng(2)
    values, is_missing = rng.integers(-9, 9, n_rows).astype(dtype), rng.random(n_rows) < 0.2
    if dtype != np.int64 and n_rows > 5:
        values[3:5] = np.nan, np.inf
    there, time = ColumnOnCard(on_card(values), on_card(cells.ids), cells, on_card(is_missing)), cells.time
    keep = ~is_missing & np.isfinite(values)
    for side in (0, 1):
        of_side = np.isin(cells.ids[:, 0], np.flatnonzero(time.side == side))
        of_window = [np.isin(cells.ids[:, 0], np.flatnonzero((time.side == side) & (time.window == w))) for w in (1, 2)]
        of_slice = [cells.ids[:, 1] == cells.cell_of_slice(s, side) for s in (1, 2)]
        wanted = [(there.side(side), of_side)]
        wanted += [(there.window(side, w), of_window[w - 1]) for w in (1, 2)]
        wanted += [(there.slice(s, side), of_slice[s - 1]) for s in (1, 2)]
        wanted += [(there.window(side, 1), of_window[0])]  # the first column of ids again
        for found, own in wanted:
            assert_on_card(np.sort(found), np.sort(values[own & keep]))


def test_scores_as_columns():
    rng = np.random.default_rng(3)
    scores, kept = rng.random((20, 3)).astype(np.float32), rng.random(20) < 0.7
    scores[5], scores[6, 1] = np.nan, 1.5
    kept[5:7] = True
    for task, given in (("binary", scores[:, 0]), ("regression", scores[:, 0]), ("multiclass", scores)):
        columns = score_columns(given, kept, task, ("a", "b", "c"))
        found = list(scores_on_card(on_card(given), kept, task))
        assert len(found) == len(columns)
        for one, column in zip(found, columns, strict=True):
            assert_on_card(one, column.values)


def test_quantiles_and_sums(cupy):
    values = np.random.default_rng(4).normal(size=70).astype(np.float32)
    np.testing.assert_array_equal(quantiles_of(on_card(values), [0.0, 0.3, 1.0]), quantiles_of(values, [0.0, 0.3, 1.0]))
    places, weights = np.arange(700) % 5, np.arange(700.0)
    found = sums_by_place(cupy, on_card(places), [None, on_card(weights)], 6, is_on_card=True)
    for one, expected in zip(found, sums_by_place(np, places, [None, weights], 6), strict=True):
        np.testing.assert_array_equal(one, expected, strict=True)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error", "zero_one", "absolute_error"])
@pytest.mark.parametrize("n_classes", [0, 3])
def test_losses_of_rows(loss, n_classes):
    if n_classes and loss in ("squared_error", "absolute_error"):
        loss = "zero_one"
    rng = np.random.default_rng(5)
    scores = rng.random((30, n_classes) if n_classes else 30).astype(np.float32)
    scores[2] = np.nan
    labels = rng.integers(0, n_classes or 2, 30).astype(np.int32 if n_classes else np.int8)
    assert_on_card(row_losses(on_card(labels), on_card(scores), loss, 0.5), row_losses(labels, scores, loss, 0.5))


def test_cases_of_decisions():
    labels, by_policy, own = np.array([0, 1, -1, 1], np.int8), np.array([True, False, True, True]), np.array([False, True, True, True])
    assert_on_card(decision_cases(on_card(labels), on_card(by_policy), on_card(own)), decision_cases(labels, by_policy, own))
    amounts = np.array([[9.0, 1.0], [9.0, 0.0]])
    for has_policy in (True, False):
        assert_on_card(flags_of(on_card(amounts), has_policy), flags_of(amounts, has_policy))


def test_errors_of_predictions(monkeypatch):
    import harness.tallies.value_moments as module

    scores, labels = np.array([3.0, 1.0, 0.0, 9.0], np.float32), np.array([1.0, 1.0, 3.0, np.nan])
    for others in (None, np.array([2.0, 1.0, 4.0, np.nan])):
        found = module._errors(on_card(scores), on_card(labels), None if others is None else on_card(others))
        for one, expected in zip(found, module._errors(scores, labels, others), strict=True):
            assert_on_card(one, expected)


def test_an_array_of_the_host_among_those_of_a_card_is_refused():
    """What these tests rest on: array code that forgets to send one array fails here."""
    index = SimpleNamespace(ids=np.zeros((3, 1), np.int32))
    with pytest.raises(TypeError, match="copy it to the card first"):
        on_card(np.ones(3)) + index.ids[:, 0]
