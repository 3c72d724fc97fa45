"""Collects these tests under Numba's CUDA simulator; the plugins of tests/gpu_compile and tests/gpu_card collect them elsewhere."""

from __future__ import annotations

import os

import pytest

if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def few_threads_fill_tables(monkeypatch, pytestconfig):
    """A thread of the simulator is one of the system, and tables have many words; a card has threads enough."""
    if not hasattr(pytestconfig, "is_on_card"):
        monkeypatch.setattr("kernels.cuda_launch.MAX_FILL_BLOCKS", 1)
