"""The CUDA drivers of `cluster_tally` against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.cluster_tally as module
from kernels.devices import is_on_cuda
from tests.oracles import cluster_oracle as oracle


def on_device(array):
    return None if array is None else cuda.to_device(array)


@pytest.mark.parametrize("n_clusters", [None, 6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_rows", "n_windows"), [(23, 1), (40, 3), (1, 1), (0, 1)])
@pytest.mark.parametrize("components_on_device", [False, True])
def test_cluster_tally(monkeypatch, n_rows, n_windows, weighted, n_clusters, components_on_device):
    """Several pieces in several groups: 5 pieces x 3 columns fill no whole block of threads."""
    monkeypatch.setattr(module, "cuda_chunk_rows", lambda *grid: 5)
    monkeypatch.setattr(module, "CUDA_BYTES", 16 * 8 * (3 + 3))  # of 16 rows
    log = oracle.random_rows(n_rows, n_rows, n_windows=n_windows, weighted=weighted, n_clusters=n_clusters)
    categories, values, rows, *design, slice_ids, window_ids, n_slices = log
    move = cuda.to_device if components_on_device else np.ascontiguousarray
    ids = on_device(slice_ids), on_device(window_ids)
    assert is_on_cuda(ids[0])
    found = module.cluster_tally(
        lambda some: (move(categories[some]), move(values[some])), rows, *map(on_device, design), *ids, n_slices, n_windows, 3, 3
    )
    n, total, cross = oracle.cluster_totals(*log, n_windows, 3)
    np.testing.assert_array_equal(found.n_clusters, n)
    np.testing.assert_allclose(found.total, total, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.cross, cross, rtol=1e-9, atol=1e-12)
