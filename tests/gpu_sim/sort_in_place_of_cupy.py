"""Samples of the simulator's card sorted by NumPy: `two_sample` asks CuPy, which a card has."""

from __future__ import annotations

import numpy as np

import kernels.two_sample
from kernels.devices import is_on_cuda, to_device, to_host


def sort_where_cupy_is_not(monkeypatch):
    """Let `two_sample` sort by NumPy what CuPy does not know, and by CuPy what lies on a card."""
    real = kernels.two_sample.sorted_on_card

    def sorted_on_card(name, values):
        assert is_on_cuda(values)
        if hasattr(values, "__cuda_array_interface__"):
            return real(name, values)
        ordered = np.sort(to_host(values))
        kernels.two_sample.finite(name, ordered[0], ordered[-1])
        return to_device(ordered.astype(np.float64) if ordered.dtype == np.float32 else ordered)

    monkeypatch.setattr(kernels.two_sample, "sorted_on_card", sorted_on_card)
