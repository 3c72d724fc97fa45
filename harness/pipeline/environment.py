"""What must be set before a heavy library is imported or a child is started."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import harness
from harness.errors import DeviceError
from harness.runs.identity import code_hash, digest
from harness.workers.child import Channel, run_child

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


def compile_kernels(folder: Path, id_dtype: str, windowed: bool) -> bool:
    """Compile the kernels that a sweep needs in a child, unless the cache has them; say whether it did.

    Raises
    ------
    DeviceError
        When they cannot be compiled.
    """
    mark = folder / f"compiled-{id_dtype}-{'windows' if windowed else 'plain'}"
    if mark.exists():
        return False
    outcome = run_child(_compile, (id_dtype, windowed), _COMPILE_TIMEOUT_S, None, lambda _: None)
    if outcome.status != "ok":
        raise DeviceError(f"kernels: they cannot be compiled here: {outcome.reason}; look at harness doctor")
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return True


def _compile(channel: Channel, id_dtype: str, windowed: bool) -> None:
    import numpy as np

    from harness.records.tally import ALL, Grid
    from harness.tallies.binary import tally_binary
    from harness.tallies.paired import tally_paired

    scores = np.array([0.2, 0.4, 0.4, 0.9], np.float32)
    labels = np.array([0, 1, 0, 1], np.int8)
    ids = np.zeros((4, 1), id_dtype)
    windows = np.ones(4, np.int32) if windowed else None
    grid = Grid((ALL,), (ALL,), (ALL, "one") if windowed else (ALL,))
    tally_binary(scores, labels, ids, windows, grid, 0.5)
    channel.progress(1)
    tally_paired(scores, scores[::-1].copy(), labels, ids, windows, grid, 0.5, 0.5)


def _cpu_name() -> str:
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = ()
    wanted = ("model name", "flags", "Features")
    return "|".join(sorted({line for line in lines if line.startswith(wanted)})) or platform.processor()
