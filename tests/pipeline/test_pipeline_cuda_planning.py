"""device=cuda is taken where a driver has a device and the packages are there, else refused in one sentence."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.device import CudaDriver, cuda_driver, cuda_stack, why_not_cuda
from harness.errors import DeviceError
from harness.pipeline import planning
from tests.pipeline.test_pipeline_doctor import GOOD, without

CPU, CUDA = SimpleNamespace(label="a", device="cpu"), SimpleNamespace(label="b", device="cuda")


def check(monkeypatch, stack, *variants):
    monkeypatch.setattr(planning, "cuda_stack", lambda: stack)
    planning._check_devices(variants)


def test_a_sound_stack_is_taken(monkeypatch):
    check(monkeypatch, GOOD, CPU, CUDA)


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (replace(GOOD, driver=CudaDriver(0, "no CUDA driver (libcuda.so.1 is not installed)")), "and no CUDA driver"),
        (
            replace(GOOD, driver=CudaDriver(1, None, 12040)),
            "and the driver knows CUDA 12.4, wanted 13.0 or newer; install the NVIDIA driver 580",
        ),
        (without("onnxruntime-gpu"), "and onnxruntime-gpu is not installed; run: pip install 'replay-harness.gpu.'"),
        (without("cupy-cuda13x"), "and cupy-cuda13x is not installed"),
    ],
)
def test_what_is_missing_is_said_with_the_first_variant_that_needs_it(monkeypatch, stack, words):
    with pytest.raises(DeviceError, match=rf"device: cuda was asked for by variant 'b', {words}.*, or use device=cpu$"):
        check(monkeypatch, stack, CPU, CUDA, SimpleNamespace(label="c", device="cuda"))


def test_without_a_variant_on_a_card_nothing_is_asked(monkeypatch):
    check(monkeypatch, without("onnxruntime-gpu"), CPU)


def test_cudf_is_not_needed(monkeypatch):
    check(monkeypatch, without("cudf-cu13"), CUDA)


DRIVER = """
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuInit(unsigned flags) { (void)flags; return INIT; }
int cuDeviceGetCount(int *count) { *count = DEVICES; return 0; }
"""


def simulated_driver(folder: Path, version: int, init: int, devices: int) -> str:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: the simulated driver cannot be built")
    (folder / "driver.c").write_text(DRIVER)
    library = folder / "libcuda.so.1"
    macros = [f"-DVERSION={version}", f"-DINIT={init}", f"-DDEVICES={devices}"]
    subprocess.run(["gcc", "-shared", "-fPIC", *macros, "-o", str(library), str(folder / "driver.c")], check=True)
    return str(library)


@pytest.mark.parametrize(
    ("version", "init", "devices", "found"),
    [
        (13010, 0, 2, CudaDriver(2, None, 13010)),
        (12040, 0, 1, CudaDriver(1, None, 12040)),
        (13000, 0, 0, CudaDriver(0, "the CUDA driver finds no device", 13000)),
        (13000, 100, 0, CudaDriver(0, "the CUDA driver does not start (cuInit returned 100)", 13000)),
    ],
)
def test_the_driver_itself_is_asked(tmp_path, version, init, devices, found):
    assert cuda_driver(simulated_driver(tmp_path, version, init, devices)) == found


def test_no_driver_is_no_device(tmp_path):
    found = cuda_driver(str(tmp_path / "libcuda.so.1"))
    assert (found.n_devices, found.cuda_version) == (0, None)
    assert found.reason.startswith("no CUDA driver")


def test_the_packages_of_this_environment_are_read():
    stack = cuda_stack(CudaDriver(1, None, 13000))
    assert stack.version("onnxruntime") or stack.version("onnxruntime-gpu")
    assert stack.version("numpy") is None
    if stack.version("onnxruntime-gpu") is None:
        assert why_not_cuda(stack).what == "onnxruntime"
