"""What must be set before a heavy library is imported or a child is started."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import harness
from harness.errors import DeviceError
from harness.records.needs import Needs
from harness.runs.identity import code_hash, digest
from harness.workers.child import Channel, run_child


@dataclass(frozen=True)
class KernelRows:
    """What decides which kernels a sweep runs, and for which types."""

    task: str
    needs: Needs
    id_dtype: str
    is_windowed: bool
    is_weighted: bool
    is_clustered: bool


_COMPILE_TIMEOUT_S = 900.0  # about 10 s on two free cores


def sources(*names: str) -> list[Path]:
    """Return where `kernels`, rooms ("replay") and single files ("pipeline/prepare.py") of the harness are installed."""
    home = Path(harness.__file__).parent
    return [home.parent / name if name == "kernels" else home / name for name in names]


def set_environment(cache_dir: Path) -> Path:
    """Point Numba's cache at `cache_dir`, and keep thread pools from spinning; return the kernels' cache folder.

    Numba does not notice that a function which a kernel imports has changed, so the folder is named after a hash of
    all kernels, Numba and the CPU.
    """
    key = digest(code_hash(sources("kernels")), version("numba"), platform.machine(), _cpu_name())[:16]
    folder = (cache_dir / "numba" / key).resolve()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return folder


def compile_kernels(folder: Path, rows: KernelRows) -> bool:
    """Compile the kernels that a sweep needs in a child, unless the cache has them; say whether it did.

    Raises
    ------
    DeviceError
        When they cannot be compiled.
    """
    mark = folder / f"compiled-{digest(rows)[:16]}"
    if mark.exists():
        return False
    outcome = run_child(_compile, (rows,), _COMPILE_TIMEOUT_S, None, lambda _: None)
    if outcome.status != "ok":
        raise DeviceError(f"kernels: they cannot be compiled here: {outcome.reason}; look at harness doctor")
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return True


def _compile(channel: Channel, given: KernelRows) -> None:
    import numpy as np

    from harness.pipeline.reduction import Rows, paired_of, tally_of
    from harness.records.tally import ALL, Grid

    labels: dict[str, NDArray[Any]] = {
        "binary": np.array([0, 1, 0, 1], np.int8),
        "multiclass": np.array([0, 1, 2, 1], np.int32),
        "regression": np.array([0.2, 0.4, 0.1, 0.9]),
    }
    scores = np.array([0.2, 0.4, 0.4, 0.9], np.float32)
    scores = np.stack([scores / 2, scores / 2, 1 - scores], axis=1) if given.task == "multiclass" else scores
    rows = Rows(
        task=given.task,
        labels=labels[given.task],
        slice_ids=np.zeros((4, 1), given.id_dtype),
        window_ids=np.ones(4, np.int32) if given.is_windowed else None,
        grid=Grid((ALL,), (ALL,), (ALL, "one") if given.is_windowed else (ALL,)),
        n_classes=3 if given.task == "multiclass" else 0,
        weights=np.ones(4) if given.is_weighted else None,
        cluster_ids=np.arange(4) if given.is_clustered else None,
    )
    tally_of(scores, rows, 0.5, given.needs)
    channel.progress(1)
    paired_of(scores, scores[::-1].copy(), rows, 0.5, 0.5, given.needs)


def _cpu_name() -> str:
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = ()
    wanted = ("model name", "flags", "Features")
    return "|".join(sorted({line for line in lines if line.startswith(wanted)})) or platform.processor()
