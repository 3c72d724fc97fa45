"""The CUDA driver of `placements` against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.placement as module
from kernels.devices import is_on_cuda, to_host
from kernels.score_order import score_order
from tests.oracles import tally_oracle, weighted_oracle


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), [(23, 1, None), (23, 3, 4), (40, 3, None), (1, 1, None), (0, 1, None)])
@pytest.mark.parametrize("is_weighted", [True, False])
def test_placements(monkeypatch, n_rows, n_windows, n_score_values, is_weighted):
    monkeypatch.setattr(module, "cuda_chunk_rows", lambda *grid: 5)
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    weights = np.random.default_rng(2).gamma(2.0, 1.0, n_rows) if is_weighted else np.ones(n_rows)
    order = cuda.to_device(score_order(scores, labels))
    assert is_on_cuda(order)
    ids = [None if array is None else cuda.to_device(array) for array in (slice_ids, window_ids, weights if is_weighted else None)]
    found = module.placements(order, *ids, n_slices, n_windows, 1)
    assert is_on_cuda(found.placement)
    placement = to_host(found.placement)
    assert placement.shape == (n_rows, 2 if n_windows > 1 else 1)
    rows_of_cells = tally_oracle.rows_of_cells(labels, slice_ids[:, 1:2], window_ids, n_slices, n_windows)
    for cell, rows in enumerate(rows_of_cells):
        y, w = labels[rows], weights[rows]
        placed = weighted_oracle.placements(scores[rows], y, w)
        np.testing.assert_allclose(placement[rows, int(cell % n_windows > 0)], placed, rtol=1e-9, atol=1e-12)
        totals = (w[y == 1].sum(), w[y == 0].sum(), (w * placed)[y == 1].sum())
        np.testing.assert_allclose([part[cell] for part in found[1:]], totals, rtol=1e-9, atol=1e-12)
