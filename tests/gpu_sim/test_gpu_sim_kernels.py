"""The CUDA drivers against the definitions, under Numba's CUDA simulator; run by tests/kernels/test_cuda_simulator.py."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.paired_tally as paired_module
import kernels.rank_sum as rank_module
import kernels.slice_tally as slice_module
from kernels.devices import is_on_cuda
from kernels.rank_cross import rank_cross
from kernels.score_order import score_order
from tests.oracles import rank_oracle, tally_oracle

CASES = [(23, 1, None), (23, 3, 4), (40, 3, None), (1, 1, None), (0, 1, None)]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Several pieces for a few rows; 10 pieces x 3 columns fill no whole block."""
    monkeypatch.setattr(slice_module, "cuda_chunk_rows", lambda n_cells: 5)
    monkeypatch.setattr(paired_module, "cuda_chunk_rows", lambda n_cells: 5)
    monkeypatch.setattr(rank_module, "MAX_PIECE_ROWS", 5)


def on_device(*arrays):
    return [None if array is None else cuda.to_device(array) for array in arrays]


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), CASES)
def test_slice_tally(n_rows, n_windows, n_score_values):
    log = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    device = on_device(*log[:4])
    assert is_on_cuda(device[0])
    tally = slice_module.slice_tally(*device, log[4], n_windows, 0.5)
    expected = tally_oracle.binary(*log, n_windows, 0.5)
    np.testing.assert_array_equal(tally.counts, expected["confusion"])
    np.testing.assert_array_equal(tally.bin_positive, expected["bin_positive"])
    np.testing.assert_allclose(tally.bin_score, expected["bin_score"], rtol=1e-9)
    np.testing.assert_allclose(tally.log_loss.mean, expected["log_loss"][:, 0], rtol=1e-9)
    np.testing.assert_allclose(tally.squared_error.m2, expected["brier"][:, 1], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), CASES)
def test_paired_tally(n_rows, n_windows, n_score_values):
    log = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    challenger = tally_oracle.random_log(2, n_rows)[0]
    champion, *rest = on_device(*log[:4])
    pairs = paired_module.paired_tally(champion, cuda.to_device(challenger), *rest, log[4], n_windows, 0.5, 0.4)
    expected = tally_oracle.paired(log[0], challenger, *log[1:], n_windows, 0.5, 0.4)
    np.testing.assert_array_equal(pairs.cells, expected["cells"])
    np.testing.assert_allclose(pairs.log_loss.mean, expected["log_loss"][:, 0], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(pairs.log_loss.m2, expected["log_loss"][:, 1], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), CASES)
def test_ranks(n_rows, n_windows, n_score_values):
    log = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    challenger = tally_oracle.random_log(2, n_rows)[0]
    orders = on_device(score_order(log[0], log[1]), score_order(challenger, log[1]))
    ids = on_device(log[2], log[3])
    sums = rank_module.rank_sum(orders[0], *ids, log[4], n_windows)
    cross = rank_cross(*orders, *ids, log[4], n_windows, placement_bytes_per_row=16)
    expected = np.array(rank_oracle.rank_sums(*log, n_windows))
    for got in (sums, cross.champion):
        np.testing.assert_array_equal(np.stack([got.n_positive, got.n_negative, got.sum_a, got.sum_a2_lo, got.sum_b2_lo], 1), expected)
    crossed = np.array(rank_oracle.cross_sums(log[0], challenger, *log[1:], n_windows))
    np.testing.assert_array_equal(np.stack([cross.cross_a_lo, cross.cross_b_lo], 1), crossed)
