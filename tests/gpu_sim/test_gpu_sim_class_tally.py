"""The CUDA drivers of the multiclass kernels against the definitions, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.class_rows as rows_module
import kernels.class_tally as module
import kernels.order_pieces as pieces_module
import kernels.value_tally as value_module
from kernels import devices
from kernels.class_influence import add_influence
from kernels.devices import is_on_cuda
from kernels.score_order import score_order
from tests.oracles import multiclass_oracle as oracle

CASES = [(23, 1, 3, None), (23, 3, 4, 2), (40, 3, 2, None), (1, 1, 3, None), (0, 1, 3, None)]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Several blocks and pieces for a few rows, which fill no whole block of threads."""
    monkeypatch.setattr(value_module, "cuda_chunk_rows", lambda *grid: 5)
    monkeypatch.setattr(rows_module, "CUDA_PIECE_ROWS", 3)
    monkeypatch.setattr(module, "CUDA_BLOCK_ROWS", 16)


def on_device(*arrays):
    return [None if array is None else cuda.to_device(array) for array in arrays]


def check(tally, expected, names):
    for name in names:
        got = getattr(tally, name)
        np.testing.assert_allclose(got.mean, expected[name][:, 0], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(got.m2, expected[name][:, 1], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("n_rows", "n_windows", "n_classes", "n_score_values"), CASES)
def test_class_tally(n_rows, n_windows, n_classes, n_score_values):
    log = oracle.random_log(1, n_rows, n_classes, n_windows=n_windows, n_score_values=n_score_values)
    device = on_device(*log[:4])
    assert is_on_cuda(device[0])
    tally = module.class_tally(*device, log[4], n_windows, 2)
    expected = oracle.single(*log, n_windows, 2)
    np.testing.assert_array_equal(tally.confusion, expected["confusion"])
    np.testing.assert_array_equal(tally.n_in_top_k, expected["n_in_top_k"])
    check(tally, expected, ("log_loss", "brier"))


@pytest.mark.parametrize(("n_rows", "n_windows", "n_classes", "n_score_values"), CASES)
def test_paired_class_tally(n_rows, n_windows, n_classes, n_score_values):
    champion, *rest = oracle.random_log(1, n_rows, n_classes, n_windows=n_windows, n_score_values=n_score_values)
    challenger = oracle.random_log(2, n_rows, n_classes)[0]
    device = on_device(champion, challenger, *rest[:3])
    pair = module.paired_class_tally(*device, rest[3], n_windows, 2)
    expected = oracle.paired(champion, challenger, *rest, n_windows, 2)
    np.testing.assert_array_equal(pair.right, expected["right"])
    np.testing.assert_array_equal(pair.in_top_k, expected["in_top_k"])
    check(pair, expected, ("log_loss", "brier", "champion_log_loss", "champion_brier"))


# (40, 3, 2) in pieces of 5: each score has several; (12, 1, None) in pieces of one row
@pytest.mark.parametrize(
    ("n_rows", "n_windows", "n_score_values", "weighted", "n_piece_rows"),
    [(23, 1, None, False, 5), (40, 3, 2, True, 5), (0, 1, None, False, 5), (12, 1, None, True, 1), (40, 3, 7, False, 1000)],
)
def test_add_influence(monkeypatch, n_rows, n_windows, n_score_values, weighted, n_piece_rows):
    monkeypatch.setattr(pieces_module, "rows_per_piece", lambda *grid: n_piece_rows)
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(1, n_rows, 2, n_windows=n_windows, n_score_values=n_score_values)
    scores, labels = scores[:, 1].copy(), labels.astype(np.int8)
    rng = np.random.default_rng(1)
    weights = rng.integers(1, 5, n_rows) / 4 if weighted else None
    scale = rng.random((n_slices * n_windows, 2))
    members = oracle.rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)
    weight = np.ones(n_rows) if weights is None else weights
    positive = np.array([sum(weight[row] for row in rows if labels[row] == 1) for rows in members], np.float64)
    influence = cuda.to_device(np.zeros((3, n_rows, 2 if n_windows > 1 else 1)))
    device = on_device(score_order(scores, labels, n_threads=1), slice_ids, window_ids, weights)
    placed = add_influence(influence, *device, positive, scale, n_slices, n_windows)
    expected, sums = oracle.influences(scores, labels, slice_ids, window_ids, n_slices, n_windows, weights, scale)
    np.testing.assert_allclose(influence.copy_to_host(), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(placed, sums)


def test_the_same_bits_of_influences_in_any_number_of_waves(monkeypatch):
    monkeypatch.setattr(pieces_module, "rows_per_piece", lambda *grid: 5)
    scores, labels, slice_ids, _, n_slices = oracle.random_log(1, 30, 2, n_score_values=4)
    scores, labels, weights = scores[:, 1].copy(), labels.astype(np.int8), np.random.default_rng(1).gamma(0.5, 1.0, 30)
    device, found = on_device(score_order(scores, labels, n_threads=1), slice_ids, None, weights), []
    for at_once in (1000, 1):
        waves = lambda n, *_, k=at_once, **__: [(first, min(first + k, n)) for first in range(0, n, k)]  # noqa: E731
        monkeypatch.setattr(devices, "waves_of", waves)
        influence = cuda.to_device(np.zeros((3, 30, 1)))
        placed = add_influence(influence, *device, np.full(n_slices, 9.0), np.full((n_slices, 2), 0.3), n_slices, 1)
        found.append((placed.tobytes(), influence.copy_to_host().tobytes()))
    assert found[0] == found[1]
