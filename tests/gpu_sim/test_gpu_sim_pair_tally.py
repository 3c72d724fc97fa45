"""The CUDA driver of `pair_tally` against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.pair_tally as module
from kernels.devices import is_on_cuda
from tests.oracles import slice_search_oracle as oracle


@pytest.mark.parametrize(("n_rows", "widths"), [(23, (3, 2, 4)), (40, (2, 5)), (1, (1, 1)), (12, (4,)), (0, (2, 2))])
@pytest.mark.parametrize(("loss_dtype", "id_dtype"), [(np.float64, np.uint8), (np.float32, np.uint16)])
def test_pair_tally(monkeypatch, n_rows, widths, loss_dtype, id_dtype):
    monkeypatch.setattr(module, "cuda_chunk_rows", lambda *grid: 5)
    rng = np.random.default_rng(n_rows)
    losses = rng.gamma(0.5, size=n_rows).astype(loss_dtype)
    ids = np.array([rng.integers(0, width, n_rows) for width in widths], id_dtype)
    device = cuda.to_device(losses), cuda.to_device(ids)
    assert is_on_cuda(device[0])
    tally = module.pair_tally(*device, widths)
    expected = oracle.moments(losses.astype(np.float64), ids)
    assert int((tally.moments.n > 0).sum()) == len(expected)
    for terms, values in expected.items():
        table = next(
            t for t in range(len(tally.first_column)) if (tally.first_column[t], tally.second_column[t]) == (terms[0][0], terms[-1][0])
        )
        second = terms[1][1] if len(terms) == 2 else 0
        cell = tally.first_cell[table] + terms[0][1] * tally.second_width[table] + second
        np.testing.assert_allclose([part[cell] for part in tally.moments], values, rtol=1e-9, atol=1e-12)
