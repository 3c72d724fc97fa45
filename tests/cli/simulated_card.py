"""The real command on a simulated card: a driver and NVML built by gcc, packages as they may be installed, and NumPy in the place of CuPy.

Sessions are the CPU's and arrays of the card are NumPy's; children, planning, files and sentences are the real ones. What fails, and in which
variant's child, stands in SIMULATED_FAULTS: VARIANT=FAULT, with commas between them.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import harness_environment
from tests.support import simulated_nvml

SOURCE = Path(__file__).with_name("simulated_cuda.c")
A, B = "GPU-aaaaaaaa-1111-2222-3333-444444444444", "GPU-bbbbbbbb-1111-2222-3333-444444444444"
MIG_A, MIG_B = "MIG-aaaaaaaa-5555-6666-7777-888888888888", "MIG-bbbbbbbb-5555-6666-7777-888888888888"
PACKAGES = {
    "cudf-cu13": "26.10.2",
    "cupy-cuda13x": "14.2.0",
    "numba-cuda": "0.30.4",
    "nvidia-cudnn-cu13": "9.28.1",
    "onnxruntime-gpu": "1.31.1",
}


def card(uuid: str = A, name: str = "Simulated L4", mode: int = 0) -> str:
    """Describe a device for the simulated driver."""
    return f"{uuid},{mode},{name}"


class Simulated:
    """A folder with a simulated driver and NVML, from which commands are run."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not installed: the simulated driver cannot be built")
        self.folder, self.libraries = folder, folder / "libraries"
        self.libraries.mkdir(parents=True)
        command = ["gcc", "-Wall", "-Werror", "-D_GNU_SOURCE", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        subprocess.run([*command, "-o", str(self.libraries / "libcuda.so.1"), str(SOURCE)], check=True)
        simulated_nvml.build(self.libraries)

    def run(
        self,
        args: Sequence[str],
        devices: Sequence[str] = (card(),),
        packages: Mapping[str, str] | None = None,
        nvml: str = "init 9",
        faults: str = "",
        version: int = 13000,
        init: int = 0,
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command; `nvml` are the lines of the simulated NVML's script, parted by `;`, of which the first says that there is none."""
        script, installed = self.folder / "nvml.txt", self.folder / "installed"
        script.write_text("\n".join(line.strip() for line in nvml.split(";")))
        shutil.rmtree(installed, ignore_errors=True)
        write_packages(installed, PACKAGES if packages is None else packages)
        own = {
            "LD_LIBRARY_PATH": str(self.libraries),
            "FAKE_NVML_SCRIPT": str(script),
            "SIMULATED_CUDA": ";".join([str(version), str(init), *devices]),
            "SIMULATED_PACKAGES": str(installed),
            "SIMULATED_FAULTS": faults,
        }
        kept = {k: v for k, v in harness_environment().items() if not k.startswith("CUDA_")}
        command = [sys.executable, "-c", "from tests.cli.simulated_card import main; main()", *args]
        return subprocess.run(command, cwd=self.folder, env=kept | own | environ, capture_output=True, text=True, timeout=180, check=False)


def write_packages(folder: Path, packages: Mapping[str, str]) -> None:
    """Write what pip leaves of packages that are installed, as far as anyone asks for it."""
    for name, version in packages.items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def main() -> None:
    """Run the command with the simulated packages, and its children on the simulated card."""
    from harness import cli
    from harness.pipeline import quality, timed_variant

    _simulate_packages()
    quality.on_one_card = on_a_simulated_card
    timed_variant.serve_trials = serve_on_a_simulated_card
    sys.exit(cli.main(sys.argv[1:]))


def _simulate_packages() -> None:
    """Let the stack be what was asked for; every other package is that of this environment."""
    from harness import gpu_stack
    from harness.pipeline import doctor

    path, real_version = [os.environ["SIMULATED_PACKAGES"]], doctor.version

    def version(name: str) -> str:
        if not name.startswith("onnxruntime"):
            return real_version(name)
        return next((found.version for found in distributions(name=name, path=path)), "")

    gpu_stack.distributions, doctor.version = functools.partial(distributions, path=path), version


def on_a_simulated_card(channel: Any, card: str | None, member: Any, *work: Any) -> Any:
    """Do the work of a quality child, in which NumPy stands in for the card and fails where it is to."""
    from harness.pipeline import quality

    _simulate_packages()
    _simulate_card(_fault_of(member.conf.label))
    print(f"simulated card: {card}")
    if card is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = card
    return quality.score_and_reduce(channel, member, *work)


def serve_on_a_simulated_card(channel: Any, plan: Any, *work: Any) -> None:
    """Do the work of a speed child; only "gone while timing" is a fault of its own."""
    from harness.pipeline import speed_child

    _simulate_packages()
    _simulate_card("gone while scoring" if _fault_of(plan.variant) == "gone while timing" else "")
    speed_child.serve_trials(channel, plan, *work)


def _fault_of(variant: str) -> str:
    faults = dict(fault.split("=") for fault in os.environ["SIMULATED_FAULTS"].split(",") if fault)
    return faults.get(variant, "")


def _simulate_card(fault: str) -> None:
    import onnxruntime

    from harness.inference import onnx_cuda
    from harness.pipeline import running_tally
    from kernels import devices, score_order
    from tests.support.streams_stand_in import StreamsStandIn

    def opened(plan: Any, providers: Any) -> Any:
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        return onnxruntime.InferenceSession(plan.path, options, providers=["CPUExecutionProvider"])

    def memory(device_id: int) -> Any:
        if fault == "taken":
            raise runtime_error("cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy or unavailable")
        memory_bytes = 70_000 if fault == "small" else None  # all rows at once want 110,000, half of them 60,000
        return StreamsStandIn("eager", memory_bytes=memory_bytes, fails_at=2 if fault == "gone while scoring" else None)

    def raising(trouble: Exception) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise trouble

        return fail

    onnx_cuda.open_on, onnx_cuda.CupyMemory = opened, memory
    running_tally.running_tally = lambda *_: (None, "a simulated card counts nothing while it scores")
    devices.to_device, devices.to_host, devices.free_bytes = np.array, np.asarray, lambda: float("inf")
    if fault == "gone while reducing":
        devices.to_device = raising(driver_error(719, "Call to cuMemcpyHtoD results in CUDA_ERROR_LAUNCH_FAILED"))
    if fault == "memory while reducing":
        devices.to_device = raising(driver_error(2, "Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"))
    if fault == "gone while sorting":
        score_order.score_order = raising(runtime_error("cudaErrorIllegalAddress: an illegal memory access was encountered"))


def runtime_error(text: str) -> Exception:
    """Return what CuPy raises: a class of its own beside RuntimeError."""
    return type("CUDARuntimeError", (RuntimeError,), {"__module__": "cupy_backends.cuda.api.runtime"})(text)


def driver_error(code: int, text: str) -> Exception:
    """Return what Numba raises."""
    from numba.cuda.cudadrv.driver import CudaAPIError

    return CudaAPIError(code, text)
