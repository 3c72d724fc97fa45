"""The CUDA drivers of `cell_moments` and `cell_counts` against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.cell_moments as module
from kernels.cell_counts import cell_counts
from kernels.devices import is_on_cuda
from tests.oracles import column_cells as oracle

EDGES = (-1.0, 0.0, 0.5, 2.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(("n_rows", "n_without"), [(0, 0.0), (1, 0.0), (24, 0.0), (23, 0.3)])
def test_cell_moments(monkeypatch, dtype, n_rows, n_without):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 8)
    monkeypatch.setattr(module, "BLOCK_ROWS", 4)
    monkeypatch.setattr(module, "RESHIFT_AT", 3)
    rng = np.random.default_rng(n_rows)
    values = rng.normal(size=n_rows)
    without = rng.random(n_rows) < n_without
    is_missing = without if dtype == np.int64 else None
    if dtype != np.int64:
        values[without] = rng.choice([np.nan, np.inf, -np.inf], int(without.sum()))
    values = values.astype(dtype)
    ids = np.stack([np.sort(rng.integers(0, 2, n_rows)), rng.choice([-1, 2, 3], n_rows)], axis=1).astype(np.int32)
    device = cuda.to_device(values), cuda.to_device(ids), None if is_missing is None else cuda.to_device(is_missing)
    assert is_on_cuda(device[0])
    tally = module.cell_moments(*device[:2], 4, EDGES, is_missing=device[2])
    for cell, expected in enumerate(oracle.column_cells(values, ids, 4, EDGES, is_missing)):
        assert tally.counts[cell].tolist() == expected[0]
        found = (tally.n_infinite[cell], tally.minimum[cell], tally.maximum[cell], *(part[cell] for part in tally.moments))
        np.testing.assert_allclose(found, expected[1:], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_rows", [0, 1, 23])
def test_cell_counts(n_rows):
    rng = np.random.default_rng(n_rows)
    codes, recode = rng.integers(-1, 3, n_rows).astype(np.int32), np.array([1, 0, 1], np.int32)
    ids = np.stack([rng.integers(0, 2, n_rows), rng.choice([-1, 2], n_rows)], axis=1).astype(np.int32)
    counts = cell_counts(cuda.to_device(codes), cuda.to_device(ids), 3, recode, 3)
    np.testing.assert_array_equal(counts, oracle.category_cells(codes, ids, 3, recode, 3))
