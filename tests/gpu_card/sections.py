"""The sections of the check, in their order, with the packages that each needs. The standard library only."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

HERE = "tests.gpu_card"
GPU, DEMO = "pip install -e '.[gpu]'", "pip install -e '.[demo]'"
TESTS = "pip install pytest pytest-benchmark hypothesis array-api-strict pyright scikit-learn statsmodels"
ORACLES = ("pytest", "hypothesis", "sklearn", "statsmodels")
# module -> the package that has it, and the command that installs it
PACKAGES = {
    "numba_cuda": ("numba-cuda", GPU),
    "cupy": ("cupy-cuda13x", GPU),
    "cudf": ("cudf-cu13", GPU),
    "onnxruntime": ("onnxruntime-gpu", GPU),
    "pytest": ("pytest", TESTS),
    "hypothesis": ("hypothesis", TESTS),
    "array_api_strict": ("array-api-strict", TESTS),
    "pyright": ("pyright", TESTS),
    "sklearn": ("scikit-learn", TESTS),
    "statsmodels": ("statsmodels", TESTS),
}


@dataclass(frozen=True)
class Section:
    """One section: `function` is module:name, and takes the options.

    Args:
        instead: what holds where it is not run, if that is worth knowing.
    """

    name: str
    title: str
    function: str
    needs: tuple[str, ...]
    timeout_s: float
    instead: str = ""


SECTIONS = (
    Section("machine", "The machine and its packages", f"{HERE}.machine:look", (), 300),
    Section(
        "kernels",
        "Kernels against their definitions, on the card",
        f"{HERE}.suites:kernels",
        ("numba_cuda", "cupy", "onnxruntime", *ORACLES),
        3600,
    ),
    Section(
        "arrays",
        "CuPy, ONNX Runtime and their scores, on the card",
        f"{HERE}.suites:arrays",
        ("numba_cuda", "cupy", "onnxruntime", "pytest", "hypothesis", "array_api_strict"),
        1800,
    ),
    Section(
        "packages",
        "Calls into cuDF, CuPy, NVML and ONNX Runtime",
        f"{HERE}.suites:packages",
        ("cudf", "cupy", "onnxruntime", "pytest", "hypothesis", "array_api_strict", "pyright"),
        1800,
    ),
    Section("compiled", "Compiled kernels: budgets and interpreted PTX", f"{HERE}.suites:compiled", ("numba_cuda", *ORACLES), 3600),
    Section(
        "prepare",
        "The flights log, decoded by cuDF and by PyArrow",
        f"{HERE}.prepared:compare",
        ("cudf", "cupy"),
        1800,
        "the log is read with PyArrow on the host and copied to the card",
    ),
    Section(
        "flights",
        "The flights sweep on the CPU and on the card",
        f"{HERE}.flights:compare_devices",
        ("numba_cuda", "cupy", "onnxruntime"),
        7200,
    ),
    Section("sanitizer", "compute-sanitizer over every kernel", f"{HERE}.sanitizer:check", ("numba_cuda",), 7200),
    Section("speed", "Copy bandwidth, throughput of the kernels, energy", f"{HERE}.speed:measure", ("numba_cuda",), 7200),
)


def is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def lacking(section: Section, has: Callable[[str], bool] = is_there) -> str:
    """Say which packages a section lacks and how to get them; empty where it lacks none."""
    missing = [PACKAGES[module] for module in section.needs if not has(module)]
    if not missing:
        return ""
    commands = " && ".join(dict.fromkeys(command for _, command in missing))
    said = f"{', '.join(name for name, _ in missing)} not installed; run: {commands}"
    return f"{said} ({section.instead})" if section.instead else said
