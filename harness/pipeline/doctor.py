"""`harness doctor`: what this machine has, what will be used, and what cannot be measured and why."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.table import Table

from harness.config import shipped_conf
from harness.device import cuda_driver
from harness.meters.energy import EnergyMeter, NoEnergyMeter, cpu_energy_meter
from harness.meters.machine import capture, is_vm
from harness.meters.meter_for import cuda_energy_meter
from harness.pipeline.progress import printing
from harness.records.measurement import Gpu, Machine
from harness.report.table import report_console
from harness.units import human_bytes

_PACKAGES = ("numpy", "pandas", "pyarrow", "numba", "scipy", "hydra-core", "onnx", "rich")


def doctor() -> int:
    """Print the findings; the exit code is 0 when a sweep can run here, 2 when it cannot."""
    machine = capture()
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    findings = [*_software(), *_hardware(machine)]
    for mark, what, text in findings:
        table.add_row({"ok": "ok", "no": "--", "bad": "!!"}[mark], what, text)
    bad = [what for mark, what, _ in findings if mark == "bad"]
    verdict = "a sweep cannot run here: " + ", ".join(bad) if bad else "a sweep can run here, with device=cpu"
    with printing():
        console = report_console()
        console.print(table, markup=False)
        console.print(verdict, markup=False, highlight=False)
    return 2 if bad else 0


def _software() -> Iterator[tuple[str, str, str]]:
    yield "ok", "harness", f"{version('replay-harness')}, Python {sys.version.split()[0]}, options in {shipped_conf()}"
    yield "ok", "packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    cpu, gpu = _version("onnxruntime"), _version("onnxruntime-gpu")
    if cpu and gpu:
        yield (
            "bad",
            "onnxruntime",
            "onnxruntime and onnxruntime-gpu share a folder and break each other; run: pip uninstall -y onnxruntime onnxruntime-gpu, and install one",
        )
    elif cpu or gpu:
        yield "ok", "onnxruntime", f"{'onnxruntime' if cpu else 'onnxruntime-gpu'} {cpu or gpu}: models are scored with it"
    else:
        yield "bad", "onnxruntime", "not installed; run: pip install 'replay-harness[cpu]'"


def _hardware(machine: Machine) -> Iterator[tuple[str, str, str]]:
    flags = ", ".join(f for f in machine.cpu_flags if f in ("avx2", "avx512f", "avx512_vnni", "avx_vnni")) or "none of AVX2, AVX-512, VNNI"
    yield "ok", "cpu", f"{machine.cpu_model}, {machine.n_cores} cores, {flags}; memory {human_bytes(machine.memory_bytes)}"
    if not any("vnni" in f for f in machine.cpu_flags):
        yield "no", "int8", "no VNNI: int8 models saturate with default ranges (use reduce_range=True) and gain little speed"
    disk = shutil.disk_usage(Path())
    yield "ok", "disk", f"{human_bytes(disk.free)} free here (prepared replays and scores are kept on it)"
    driver = cuda_driver()
    if driver.n_devices:
        yield "no", "gpu", f"the driver finds {driver.n_devices} CUDA device(s); this version scores on the CPU only"
    else:
        yield "no", "gpu", f"{driver.reason}; device=cuda is refused"
    yield from (_card(gpu) for gpu in machine.gpus)
    yield _energy("energy", cpu_energy_meter(is_vm=is_vm(machine)))
    if machine.gpus:
        yield _energy("card energy", cuda_energy_meter(is_vm=is_vm(machine)))
    if is_vm(machine):
        yield "no", "timing", "a virtual machine: others may use the same cores, so timings are marked noisy when they vary"


def _card(gpu: Gpu) -> tuple[str, str, str]:
    facts = (
        human_bytes(gpu.memory_bytes) if gpu.memory_bytes else None,
        f"power limit {gpu.power_limit_w:g} W" if gpu.power_limit_w else None,
        "cut into MIG instances" if gpu.mig else None,
        f"used by other processes: {', '.join(map(str, gpu.foreign_pids))}" if gpu.foreign_pids else None,
    )
    return "no" if gpu.foreign_pids else "ok", "card", ", ".join([f"{gpu.name} ({gpu.uuid})", *(fact for fact in facts if fact)])


def _energy(what: str, meter: EnergyMeter) -> tuple[str, str, str]:
    meter.start()
    reading = meter.stop()
    if isinstance(meter, NoEnergyMeter):
        return "no", what, f"cannot be measured: {reading.reason}; energy columns stay empty, cost uses the price per hour"
    return "ok", what, "can be measured"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
