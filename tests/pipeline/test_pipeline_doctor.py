from __future__ import annotations

from dataclasses import replace

import pytest

from harness.device import CudaDevice, CudaDriver
from harness.gpu_stack import CudaStack
from harness.meters.energy import NoEnergyMeter
from harness.meters.machine import capture
from harness.meters.replayed import ReplayedMeter
from harness.pipeline import doctor
from harness.records.measurement import Gpu
from harness.records.trial import EnergyReading

STACK = CudaStack(CudaDriver(0, "no CUDA driver (libcuda.so.1 is not installed)"), (("onnxruntime", "1.31.1"),), False)
GOOD = CudaStack(
    CudaDriver(2, None, 13010),
    (
        ("cudf-cu13", "26.10.2"),
        ("cupy-cuda13x", "14.2.0"),
        ("numba-cuda", "0.30.4"),
        ("nvidia-cudnn-cu13", "9.28.1"),
        ("onnxruntime-gpu", "1.31.1"),
    ),
    True,
)
CARD = Gpu("GPU-1", "Simulated 80GB", 80 << 30, 700.0, 1980, 1980, True, False, "9.0")


def findings(monkeypatch: pytest.MonkeyPatch, card: Gpu | None, meter: object) -> dict[str, tuple[str, str]]:
    monkeypatch.setattr(doctor, "cuda_energy_meter", lambda **_: meter)
    monkeypatch.setattr(doctor, "cpu_energy_meter", lambda **_: NoEnergyMeter("permission_denied"))
    machine = replace(capture(), gpus=() if card is None else (card,))
    return {what: (mark, text) for mark, what, text in doctor._hardware(machine, STACK)}


def test_a_card_is_named_with_whether_its_energy_can_be_measured(monkeypatch):
    found = findings(monkeypatch, CARD, ReplayedMeter([EnergyReading(1.0, "measured_counter", None)]))
    assert found["card"] == ("ok", "Simulated 80GB (GPU-1), 80.0 GiB, power limit 700 W")
    assert found["card energy"] == ("ok", "can be measured")
    assert found["energy"][0] == "no"
    assert "permission_denied" in found["energy"][1]


def test_a_card_that_others_use_or_that_is_cut_is_said(monkeypatch):
    found = findings(monkeypatch, replace(CARD, mig=True, foreign_pids=(7, 8)), NoEnergyMeter("not_supported"))
    assert found["card"][0] == "no"
    assert "cut into MIG instances, used by other processes: 7, 8" in found["card"][1]
    assert "not_supported" in found["card energy"][1]


def test_without_a_card_there_is_no_line_of_one(monkeypatch):
    assert not {"card", "card energy"} & set(findings(monkeypatch, None, NoEnergyMeter("no_nvml")))


def without(name: str) -> CudaStack:
    return replace(GOOD, packages=tuple(p for p in GOOD.packages if p[0] != name))


def beside(*names: str) -> CudaStack:
    return replace(GOOD, packages=(*GOOD.packages, *((name, "1.0") for name in names)))


def test_a_sound_stack_has_one_line():
    assert doctor.gpu_findings(GOOD) == [("ok", "gpu", "the driver finds 2 CUDA device(s), CUDA 13.1; device=cuda can run")]


@pytest.mark.parametrize(
    ("stack", "what", "words"),
    [
        (replace(GOOD, driver=CudaDriver(1, None, 12080)), "driver", ["knows CUDA 12.8, wanted 13.0", "driver 580.65.06 or newer"]),
        (replace(GOOD, driver=CudaDriver(0, "the CUDA driver finds no device", 12080)), "driver", ["knows CUDA 12.8, wanted 13.0"]),
        (without("onnxruntime-gpu"), "onnxruntime", ["onnxruntime-gpu is not installed", "pip install 'replay-harness[gpu]'"]),
        (
            replace(without("onnxruntime-gpu"), packages=(*without("onnxruntime-gpu").packages, ("onnxruntime", "1.31.1"))),
            "onnxruntime",
            [
                "the CPU package of ONNX Runtime is installed (onnxruntime 1.31.1)",
                "pip uninstall -y onnxruntime onnxruntime-gpu && pip install",
            ],
        ),
        (replace(GOOD, has_cudnn=False), "cudnn", ["cuDNN is missing", "pip install nvidia-cudnn-cu13"]),
        (without("cupy-cuda13x"), "cupy", ["cupy-cuda13x is not installed", "replay-harness[gpu]"]),
        (without("numba-cuda"), "numba-cuda", ["numba-cuda is not installed", "replay-harness[gpu]"]),
        (
            replace(GOOD, driver=CudaDriver(1, None, 12040, "550.54.15")),
            "driver",
            ["the driver 550.54.15 knows CUDA 12.4, wanted 13.0 or newer", "install the NVIDIA driver 580.65.06 or newer"],
        ),
        (
            replace(without("onnxruntime-gpu"), packages=(*without("onnxruntime-gpu").packages, ("onnxruntime-gpu", "1.22.0"))),
            "onnxruntime",
            ["onnxruntime-gpu 1.22.0 is installed, wanted 1.31.*", "replay-harness[gpu]"],
        ),
        (
            beside("cupy-cuda12x"),
            "cupy",
            ["cupy-cuda12x and cupy-cuda13x share a folder", "pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install"],
        ),
        (beside("cupy"), "cupy", ["cupy and cupy-cuda13x share a folder"]),
        (
            replace(without("cupy-cuda13x"), packages=(("cupy-cuda12x", "13.6.0"), *without("cupy-cuda13x").packages)),
            "cupy",
            ["cupy-cuda12x is installed, wanted cupy-cuda13x", "pip uninstall -y cupy-cuda12x && pip install"],
        ),
        (
            replace(GOOD, driver=CudaDriver(1, None, 13000, devices=(CudaDevice("Simulated L4", "GPU-1", "Prohibited"),))),
            "compute mode",
            ["of Simulated L4 (GPU-1) is Prohibited, which lets no process in", "sudo nvidia-smi -i GPU-1 -c DEFAULT"],
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_command_that_mends_it(stack, what, words):
    first, *rest = doctor.gpu_findings(stack)
    assert first[0] == "no"
    assert "device=cuda is refused" in first[2]
    (text,) = [text for mark, name, text in rest if (mark, name) == ("no", what)]
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("stack", "what", "words"),
    [
        (without("cudf-cu13"), "cudf", "cudf-cu13 is not installed, and logs are decoded on the CPU"),
        (beside("nvidia-cublas-cu12", "nvidia-a-cu12", "nvidia-b-cu12", "nvidia-c-cu12"), "cuda packages", "and 1 more"),
        (beside("nvidia-cudnn-cu12"), "cudnn", "nvidia-cudnn-cu12 and nvidia-cudnn-cu13 share a folder"),
        (
            replace(GOOD, driver=CudaDriver(1, None, 13000, devices=(CudaDevice("Simulated L4", "GPU-1", "Exclusive_Process"),))),
            "compute mode",
            "is Exclusive_Process, which lets one process in, while the speed phase keeps one a variant; run: sudo nvidia-smi",
        ),
    ],
)
def test_what_a_card_can_run_with_is_said_and_refuses_nothing(stack, what, words):
    first, (mark, name, text) = doctor.gpu_findings(stack)
    assert (first[0], mark, name) == ("ok", "no", what)
    assert words in text


def test_both_packages_of_onnxruntime_are_told_once():
    assert [name for _, name, _ in doctor.gpu_findings(beside("onnxruntime"))] == ["gpu"]
    assert "refused" in doctor.gpu_findings(beside("onnxruntime"))[0][2]


def test_a_machine_without_a_card_is_not_asked_for_packages():
    assert [name for _, name, _ in doctor.gpu_findings(STACK)] == ["gpu"]


def test_a_driver_that_can_be_mended_is_said_with_the_remedy_and_the_packages_too():
    """A machine with a card and no driver is meant to have one, unlike a machine without a card."""
    broken = replace(
        STACK, driver=CudaDriver(0, "no CUDA driver (libcuda.so.1 is not installed), and 1 NVIDIA card(s) on the bus", remedy="mend it")
    )
    first, *rest = doctor.gpu_findings(broken)
    assert first[2].endswith("and 1 NVIDIA card(s) on the bus; device=cuda is refused; mend it")
    assert [what for _, what, _ in rest] == ["onnxruntime", "cupy", "numba-cuda", "cudf"]


def test_cards_in_use_cut_up_or_of_different_models_are_told():
    other = replace(CARD, uuid="GPU-2", name="Simulated 40GB")
    found = {what: text for _, what, text in doctor.card_findings([replace(CARD, foreign_pids=(7,), mig=True), other])}
    assert set(found) == {"card", "card use", "card mig", "card models"}
    assert "CUDA_VISIBLE_DEVICES=MIG-" in found["card mig"]
    assert "Simulated 40GB, Simulated 80GB" in found["card models"]
    assert [what for _, what, _ in doctor.card_findings([CARD, replace(CARD, uuid="GPU-2")])] == ["card", "card"]
