"""device=cuda is taken where a driver has a device and the packages are there, else refused in one sentence."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.device import CudaDevice, CudaDriver, cuda_driver
from harness.errors import DeviceError
from harness.gpu_stack import cuda_stack, why_not_cuda
from harness.pipeline import planning
from tests.pipeline.test_pipeline_doctor import GOOD, without

CPU, CUDA = SimpleNamespace(label="a", device="cpu"), SimpleNamespace(label="b", device="cuda")


def check(monkeypatch, stack, *variants, is_timed=True):
    monkeypatch.setattr(planning, "cuda_stack", lambda: stack)
    return planning._check_devices(variants, is_timed=is_timed)


def test_a_sound_stack_is_taken(monkeypatch):
    assert check(monkeypatch, GOOD, CPU, CUDA) is GOOD.driver


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
    assert check(monkeypatch, without("onnxruntime-gpu"), CPU) is None


def test_a_card_that_lets_one_process_in_is_refused_where_the_speed_phase_wants_several(monkeypatch, tmp_path):
    one = replace(GOOD, driver=CudaDriver(1, None, 13000, devices=(CudaDevice("NVIDIA L4", "GPU-a", "Exclusive_Process"),)))
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    other = SimpleNamespace(label="c", device="cuda")
    with pytest.raises(
        DeviceError, match=r"of NVIDIA L4 \(GPU-a\) is Exclusive_Process.* each of the 2 variants .*-c DEFAULT, or use measure=none$"
    ):
        check(monkeypatch, one, CPU, CUDA, other)
    check(monkeypatch, one, CPU, CUDA)
    check(monkeypatch, one, CUDA, other, is_timed=False)
    (tmp_path / "control").touch()  # of the Multi-Process Service
    check(monkeypatch, one, CUDA, other)


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


REMEDY_OF_ANY = "look at nvidia-smi and at the kernel's log (dmesg, NVRM)"


@pytest.mark.parametrize(
    ("version", "init", "devices", "found"),
    [
        (13010, 0, 2, CudaDriver(2, None, 13010)),
        (12040, 0, 1, CudaDriver(1, None, 12040)),
        (13000, 0, 0, CudaDriver(0, "the CUDA driver finds no device", 13000)),
        (13000, 100, 0, CudaDriver(0, "the CUDA driver finds no device", 13000)),
        (13000, 999, 0, CudaDriver(0, "the CUDA driver does not start (cuInit returned 999)", 13000, remedy=REMEDY_OF_ANY)),
    ],
)
def test_the_driver_itself_is_asked(tmp_path, monkeypatch, version, init, devices, found):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cuda_driver(simulated_driver(tmp_path, version, init, devices), tmp_path) == found


@pytest.mark.parametrize(
    ("init", "words", "remedy"),
    [
        (34, "the stub of a CUDA toolkit", "LD_LIBRARY_PATH"),
        (802, "links are not ready", "nvidia-fabricmanager"),
        (803, "of two versions", "restart the machine"),
        (804, "forward compatibility", "compat"),
    ],
)
def test_a_driver_that_does_not_start_is_said_with_what_mends_it(tmp_path, init, words, remedy):
    found = cuda_driver(simulated_driver(tmp_path, 13000, init, 0), tmp_path)
    assert f"(cuInit returned {init})" in found.reason
    assert words in found.reason
    assert remedy in found.remedy


def test_a_variable_that_hides_every_card_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    found = cuda_driver(simulated_driver(tmp_path, 13000, 100, 0), tmp_path)
    assert found.reason == "the CUDA driver finds no device under CUDA_VISIBLE_DEVICES='7'"
    assert "unset it" in found.remedy


def test_no_driver_is_no_device(tmp_path):
    found = cuda_driver(str(tmp_path / "libcuda.so.1"), tmp_path)
    assert (found.n_devices, found.cuda_version, found.remedy) == (0, None, None)
    assert found.reason.startswith("no CUDA driver")


def test_a_card_without_a_driver_is_told_from_no_card(tmp_path):
    for slot, (vendor, kind) in {"a": ("0x10de", "0x030200"), "b": ("0x10de", "0x040300"), "c": ("0x1002", "0x030000")}.items():
        device = tmp_path / "sys/bus/pci/devices" / slot
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")  # a display controller, the sound of one, and one of another maker
    found = cuda_driver(str(tmp_path / "libcuda.so.1"), tmp_path)
    assert found.reason.endswith("is not installed), and 1 NVIDIA card(s) on the bus")
    assert "install the NVIDIA driver 580.65.06 or newer and restart the machine; in a container, start it with the card" in found.remedy


def test_a_library_that_is_no_driver_is_said(tmp_path):
    library = tmp_path / "libcuda.so.1"
    library.write_text("no library")
    assert cuda_driver(str(library), tmp_path).reason.startswith("the CUDA driver does not load (")


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version:  gcc version 12.2.0\n",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs-builder@U16)\n",
    ],
)
def test_both_versions_of_a_driver_that_is_too_old_are_said(tmp_path, text):
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text(text)
    stack = replace(GOOD, driver=cuda_driver(simulated_driver(tmp_path, 12040, 0, 1), tmp_path))
    trouble = why_not_cuda(stack)
    assert trouble.text == "the driver 550.54.15 knows CUDA 12.4, wanted 13.0 or newer"
    assert trouble.remedy == "install the NVIDIA driver 580.65.06 or newer and restart the machine"


def test_the_packages_of_this_environment_are_read():
    stack = cuda_stack(CudaDriver(1, None, 13000))
    assert stack.version("onnxruntime") or stack.version("onnxruntime-gpu")
    assert stack.version("numpy") is None
    if stack.version("onnxruntime-gpu") is None:
        assert why_not_cuda(stack).what == "onnxruntime"
