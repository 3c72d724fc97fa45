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
    monkeypatch.setattr(module, "cuda_chunk_rows", lambda *grid: 8)
    monkeypatch.setattr("kernels.cell_moment_rules.RESHIFT_AT", 3)
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


@pytest.mark.parametrize("at", [2**60, -(2**62)])
@pytest.mark.parametrize("n_missing", [None, 0, 2])
def test_integers_beyond_float64_lose_no_digit(at, n_missing):
    """Moments are taken of the differences to one of the values, the first that is there: float64 has steps of 256 at 2**60."""
    values = at + np.array([0, 1, 2, 5, 1, 0, 9, 3], np.int64)
    is_missing = None if n_missing is None else np.arange(8) < n_missing
    ids = np.array([[0], [0], [1], [0], [1], [0], [0], [1]], np.int32)
    device = cuda.to_device(values), cuda.to_device(ids), None if is_missing is None else cuda.to_device(is_missing)
    tally = module.cell_moments(*device[:2], 2, (at, at + 2, at + 5), is_missing=device[2])
    for cell, (counts, *_, n, mean, m2) in enumerate(oracle.column_cells(values, ids, 2, (at, at + 2, at + 5), is_missing)):
        assert tally.counts[cell].tolist() == counts
        assert (tally.moments.n[cell], tally.moments.mean[cell]) == (n, mean)
        assert tally.moments.m2[cell] == pytest.approx(m2, rel=1e-12)


def test_integers_over_the_whole_range_of_the_type():
    values, ids = np.array([-(2**63), 2**63 - 1, 0], np.int64), np.zeros((3, 1), np.int32)
    tally = module.cell_moments(cuda.to_device(values), cuda.to_device(ids), 1, (-(2**63), 0, 2**63 - 1))
    assert tally.counts.tolist() == [[0, 1, 2, 0, 0]]
    np.testing.assert_allclose(tally.moments.m2, 2 * (2.0**63) ** 2, rtol=1e-12)


@pytest.mark.parametrize("edges", [(0.0, 0.0), (-0.5, 0.5), tuple(np.linspace(-2, 2, 40).tolist())])
def test_any_number_of_edges(monkeypatch, edges):
    monkeypatch.setattr(module, "cuda_chunk_rows", lambda *grid: 16)
    values = np.random.default_rng(3).normal(size=60).round(1)
    values[:6] = np.nan, np.inf, -np.inf, -0.0, 2.0, -2.0
    ids = np.zeros((60, 1), np.int32)
    tally = module.cell_moments(cuda.to_device(values), cuda.to_device(ids), 1, edges)
    assert tally.counts[0].tolist() == oracle.column_cells(values, ids, 1, edges)[0][0]


@pytest.mark.filterwarnings("ignore:.*(overflow|invalid value):RuntimeWarning")  # of NumPy's scalars in the simulator
def test_squares_beyond_float64_make_m2_undefined_and_nothing_else():
    values, ids = np.repeat([1e200, -1e200], 8), np.zeros((16, 1), np.int32)
    tally = module.cell_moments(cuda.to_device(values), cuda.to_device(ids), 1, EDGES)
    assert not np.isfinite(tally.moments.m2[0])
    assert (tally.minimum[0], tally.maximum[0], tally.counts[0].sum()) == (-1e200, 1e200, 16)


def test_an_id_outside_of_the_grid_is_refused():
    with pytest.raises(ValueError, match="cells beyond the 1 of the grid"):
        module.cell_moments(cuda.to_device(np.zeros(3)), cuda.to_device(np.array([[0], [1], [-2]], np.int32)), 1, EDGES)


@pytest.mark.parametrize("n_rows", [0, 1, 23])
def test_cell_counts(n_rows):
    rng = np.random.default_rng(n_rows)
    codes, recode = rng.integers(-1, 3, n_rows).astype(np.int32), np.array([1, 0, 1], np.int32)
    ids = np.stack([rng.integers(0, 2, n_rows), rng.choice([-1, 2], n_rows)], axis=1).astype(np.int32)
    counts = cell_counts(cuda.to_device(codes), cuda.to_device(ids), 3, recode, 3)
    np.testing.assert_array_equal(counts, oracle.category_cells(codes, ids, 3, recode, 3))
