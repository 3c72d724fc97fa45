"""The CUDA driver of the two-sample walk against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.two_sample as two_sample_module
from kernels.two_sample import two_sample
from tests.oracles import two_sample as oracle


@pytest.fixture(autouse=True)
def few_rows_a_piece(monkeypatch):
    monkeypatch.setattr(two_sample_module, "CUDA_PIECE_ROWS", 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(
    ("n", "m", "n_values"), [(23, 17, 10**9), (23, 17, 6), (1, 9, 10), (9, 1, 10), (1, 1, 10), (400, 11, 30), (12, 12, 1)]
)
def test_two_sample(dtype, n, m, n_values):
    rng = np.random.default_rng(n + m)
    reference, current = ((rng.integers(0, n_values, size) / 7).astype(dtype) for size in (n, m))
    found, expected = two_sample(cuda.to_device(reference), cuda.to_device(current)), oracle.two_sample(reference, current)
    assert (found.ks, found.ks_at) == (float(expected.ks), float(expected.ks_at))
    assert found.wasserstein == pytest.approx(float(expected.wasserstein), rel=1e-12)
    assert (found.n_reference, found.n_current) == (n, m)


def test_integers_that_float64_cannot_tell_apart():
    near = 2**60 + np.arange(9, dtype=np.int64)
    found = two_sample(cuda.to_device(near), cuda.to_device(near + 1))
    assert (found.ks, found.wasserstein) == (1 / 9, pytest.approx(1.0, rel=1e-15))


def test_a_side_without_rows():
    found = two_sample(cuda.to_device(np.zeros(3)), cuda.to_device(np.zeros(0)))
    np.testing.assert_array_equal([found.ks, found.ks_at, found.wasserstein], np.nan)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="current holds NaN or infinite values"):
        two_sample(cuda.to_device(np.zeros(3)), cuda.to_device(np.array([0.0, np.nan])))


def test_sides_on_two_devices_are_refused():
    with pytest.raises(TypeError, match="both on one device"):
        two_sample(cuda.to_device(np.zeros(3)), np.zeros(3))
