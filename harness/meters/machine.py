"""What the speed phase runs on: captured, so that a figure can be judged by somebody who was not there."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import psutil

from harness.meters.cards import describe_cards
from harness.records.measurement import Gpu, Machine

_PACKAGES = ("replay-harness", "numpy", "onnxruntime", "onnxruntime-gpu", "onnx", "numba", "pyarrow", "pandas", "scipy", "psutil")
# Flags that decide which kernels a runtime picks (int8 speed and accuracy hang on VNNI), and whether this is a virtual machine
_FLAGS = ("sse4_2", "f16c", "fma", "avx", "amx", "asimd", "sve", "i8mm", "bf16", "hypervisor")


Cards = tuple[tuple[Gpu, ...], str | None, str | None]  # cards, driver, and why none is described


def capture(root: Path = Path("/"), cards: Callable[[], Cards] = describe_cards) -> Machine:
    """Describe the machine as this process may use it: affinity and container limits are taken off.

    Parameters
    ----------
    root : Path
        Where `proc` and `sys` are, so that tests can fake them.
    cards : callable
        Describes the cards, see `describe_cards`.

    Returns
    -------
    Machine
        `n_cores` counts the logical CPUs that this process may use, rounded up when a container grants a fraction;
        `memory_bytes` is the container's limit where there is one. What the system does not tell is None or empty.
    """
    cpu_model, flags = _cpu(root)
    affinity = _affinity()
    gpus, driver, gpu_reason = cards()
    return Machine(
        cpu_model=cpu_model,
        cpu_flags=flags,
        n_cores=min(len(affinity) or _all_cores(), _container_cores(root) or _all_cores()),
        memory_bytes=min(psutil.virtual_memory().total, _container_memory(root) or psutil.virtual_memory().total),
        os=platform.platform(),
        governor=_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        affinity=affinity,
        load_1min=psutil.getloadavg()[0],
        versions=_versions(),
        gpus=gpus,
        driver=driver,
        gpu_reason=gpu_reason,
    )


def one_line(machine: Machine, device: str = "cpu") -> str:
    """Name a machine as the `measured_on` column does: `AMD EPYC, 2 cores`, on cuda `NVIDIA L4, AMD EPYC, 2 cores`."""
    cards = "".join(f"{gpu.name}, " for gpu in machine.gpus) if device == "cuda" else ""
    return f"{cards}{machine.cpu_model}, {machine.n_cores} core{'s' if machine.n_cores != 1 else ''}"


def is_vm(machine: Machine) -> bool:
    """Say whether the CPU tells that it is a virtual one."""
    return "hypervisor" in machine.cpu_flags


def _cpu(root: Path) -> tuple[str, tuple[str, ...]]:
    """Return the CPU's name and the flags that matter."""
    lines = (_text(root / "proc/cpuinfo") or "").splitlines()
    pairs = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    facts = dict(reversed(pairs))  # the first CPU's entries win
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    name = facts.get("model name") or platform.processor() or platform.machine()
    return name, tuple(sorted(flag for flag in flags if flag.startswith(_FLAGS)))


def _affinity() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def _all_cores() -> int:
    return psutil.cpu_count(logical=True) or 1


def _container_cores(root: Path) -> int | None:
    """Return the CPU quota of this control group (version 2, else 1), rounded up; None without a limit."""
    quota, period = (_text(root / "sys/fs/cgroup/cpu.max") or "max 1").split()
    if quota == "max":
        quota = _text(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us") or "-1"
        period = _text(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us") or "1"
    return -(-int(quota) // int(period)) if int(quota) > 0 else None


def _container_memory(root: Path) -> int | None:
    """Return the memory limit of this control group (version 2, else 1); None without a limit."""
    for path in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = _text(root / path)
        if limit is not None and limit.isdigit():
            return int(limit)
    return None


def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for package in _PACKAGES:
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
