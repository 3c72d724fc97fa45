"""The CUDA driver of `value_moments` against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.value_moments as module
from kernels.devices import is_on_cuda
from tests.oracles import value_moments_oracle as oracle


@pytest.mark.parametrize(("n_rows", "n_windows", "n_values"), [(23, 1, 2), (40, 3, 1), (1, 1, 3), (12, 2, 0), (0, 1, 2)])
@pytest.mark.parametrize("values_on_device", [False, True])
def test_value_moments(monkeypatch, n_rows, n_windows, n_values, values_on_device):
    """Several pieces: 5 pieces x 3 columns fill no whole block of threads."""
    monkeypatch.setattr(module, "cuda_chunk_rows", lambda *grid: 5)
    values, cases, slice_ids, window_ids, n_slices = oracle.random_rows(n_rows, n_rows, n_windows=n_windows, n_values=n_values)
    expected = oracle.joint_moments(values, cases, slice_ids, window_ids, n_slices, n_windows, 3, n_values)
    move = cuda.to_device if values_on_device and values.size else np.ascontiguousarray
    ids = cuda.to_device(slice_ids), None if window_ids is None else cuda.to_device(window_ids)
    assert is_on_cuda(ids[0])
    found = module.value_moments(move(values), move(cases), *ids, n_slices, n_windows, 3, n_values)
    np.testing.assert_array_equal(found.n, expected[0])
    np.testing.assert_allclose(found.mean, expected[1], rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(found.m2, expected[2], rtol=1e-12, atol=1e-6)
