"""The full environment: cuDF, CuPy and onnxruntime-gpu are installed, a card is not needed. `make gpu-check-full` makes it."""

from __future__ import annotations

from importlib.util import find_spec

# Elsewhere nothing here can be asked; tests that skip themselves, with their reason, are collected all the same.
if find_spec("cudf") is None:
    collect_ignore = ["test_gpu_full_prepare.py", "test_gpu_full_signatures.py", "test_gpu_full_names.py", "test_gpu_full_pyright.py"]
