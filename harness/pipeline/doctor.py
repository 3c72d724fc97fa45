"""`harness doctor`: what this machine has, what will be used, and what cannot be measured and why."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.table import Table

from harness.config import shipped_conf
from harness.device import cuda_version_text
from harness.gpu_stack import BOTH_ONNXRUNTIMES, CudaStack, cuda_stack, stack_troubles, why_not_cuda
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
    machine, stack = capture(), cuda_stack()
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    findings = [*_software(), *_hardware(machine, stack)]
    for mark, what, text in findings:
        table.add_row({"ok": "ok", "no": "--", "bad": "!!"}[mark], what, text)
    bad = [what for mark, what, _ in findings if mark == "bad"]
    devices = "device=cpu" if why_not_cuda(stack) else "device=cpu or device=cuda"
    verdict = "a sweep cannot run here: " + ", ".join(bad) if bad else f"a sweep can run here, with {devices}"
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
            f"{BOTH_ONNXRUNTIMES}; run: pip uninstall -y onnxruntime onnxruntime-gpu, and install one",
        )
    elif cpu or gpu:
        yield "ok", "onnxruntime", f"{'onnxruntime' if cpu else 'onnxruntime-gpu'} {cpu or gpu}: models are scored with it"
    else:
        yield "bad", "onnxruntime", "not installed; run: pip install 'replay-harness[cpu]'"


def _hardware(machine: Machine, stack: CudaStack) -> Iterator[tuple[str, str, str]]:
    flags = ", ".join(f for f in machine.cpu_flags if f in ("avx2", "avx512f", "avx512_vnni", "avx_vnni")) or "none of AVX2, AVX-512, VNNI"
    yield "ok", "cpu", f"{machine.cpu_model}, {machine.n_cores} cores, {flags}; memory {human_bytes(machine.memory_bytes)}"
    if not any("vnni" in f for f in machine.cpu_flags):
        yield "no", "int8", "no VNNI: int8 models saturate with default ranges (use reduce_range=True) and gain little speed"
    disk = shutil.disk_usage(Path())
    yield "ok", "disk", f"{human_bytes(disk.free)} free here (prepared replays and scores are kept on it)"
    yield from gpu_findings(stack)
    yield from card_findings(machine.gpus)
    yield _energy("energy", cpu_energy_meter(is_vm=is_vm(machine)))
    if machine.gpus:
        yield _energy("card energy", cuda_energy_meter(is_vm=is_vm(machine)))
    if is_vm(machine):
        yield "no", "timing", "a virtual machine: others may use the same cores, so timings are marked noisy when they vary"


def gpu_findings(stack: CudaStack) -> list[tuple[str, str, str]]:
    """Say whether device=cuda can run, and if not what is wrong, each with the command that mends it.

    On a machine without a card the missing packages are not listed: nobody needs them there.

    Examples
    --------
    >>> from harness.device import CudaDriver
    >>> gpu_findings(CudaStack(CudaDriver(0, "no CUDA driver (libcuda.so.1 is not installed)"), (), False))
    [('no', 'gpu', 'no CUDA driver (libcuda.so.1 is not installed); device=cuda is refused')]
    """
    driver = stack.driver
    is_meant = driver.n_devices > 0 or driver.remedy is not None or any(stack.version(name) for name in ("onnxruntime-gpu", "cupy-cuda13x"))
    is_said = {driver.reason} | ({BOTH_ONNXRUNTIMES} if stack.version("onnxruntime") and stack.version("onnxruntime-gpu") else set())
    troubles = [t for t in stack_troubles(stack) if is_meant and t.text not in is_said]
    own = f", driver {driver.version}" if driver.version else ""
    known = f", CUDA {cuda_version_text(driver.cuda_version)}" if driver.cuda_version else ""
    if driver.n_devices == 0:
        first = ("no", "gpu", "; ".join(filter(None, (driver.reason, "device=cuda is refused", driver.remedy))))
    else:
        can = "device=cuda is refused until the following is mended" if why_not_cuda(stack) else "device=cuda can run"
        first = ("no" if why_not_cuda(stack) else "ok", "gpu", f"the driver finds {driver.n_devices} CUDA device(s){own}{known}; {can}")
    return [first, *(("no", trouble.what, f"{trouble.text}; {trouble.remedy}") for trouble in troubles)]


def card_findings(gpus: Sequence[Gpu]) -> list[tuple[str, str, str]]:
    """Describe every card, and say what makes its figures doubtful: others on it, MIG instances, cards of different models."""
    found = [_card(gpu) for gpu in gpus]
    if any(gpu.foreign_pids for gpu in gpus):
        found.append(
            ("no", "card use", "timings and energy hold the share of others; end them, or set CUDA_VISIBLE_DEVICES to a free card")
        )
    if any(gpu.mig for gpu in gpus):
        text = (
            "an instance has no power reading of its own, and CUDA shows one instance to a process and no other card beside it; name those to use,"
            " with commas between them: CUDA_VISIBLE_DEVICES=MIG-… (nvidia-smi -L lists them)"
        )
        found.append(("no", "card mig", text))
    models = sorted({gpu.name for gpu in gpus})
    if len(models) > 1:
        text = f"different models ({', '.join(models)}): variants are scored on all and timed on the first; CUDA_VISIBLE_DEVICES=GPU-… keeps one"
        found.append(("no", "card models", text))
    return found


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
