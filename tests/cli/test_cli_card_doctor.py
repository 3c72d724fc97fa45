"""`harness doctor` tells the user of a card what is wrong in their stack, with the command that mends it."""

from __future__ import annotations

import pytest

from tests.cli.simulated_card import MIG_A, PACKAGES, A, B, Simulated, card

EXTRA = "pip install 'replay-harness[gpu]'"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """A simulated driver, built once."""
    return Simulated(tmp_path_factory.mktemp("simulated"))


STACKS = {
    "everything is old": (
        {
            "version": 12040,
            "packages": {
                "onnxruntime-gpu": "1.22.0",
                "cupy-cuda12x": "13.6.0",
                "nvidia-cublas-cu12": "12.4.0",
                "nvidia-cudnn-cu12": "9.1.0",
            },
        },
        True,
        {
            "driver": "the driver knows CUDA 12.4, wanted 13.0 or newer; install the NVIDIA driver 580.65.06 or newer",
            "onnxruntime": f"onnxruntime-gpu 1.22.0 is installed, wanted 1.31.*, which is built for CUDA 13; run: {EXTRA}",
            "cupy": f"cupy-cuda12x is installed, wanted cupy-cuda13x; run: pip uninstall -y cupy-cuda12x && {EXTRA}",
            "numba-cuda": f"numba-cuda is not installed; run: {EXTRA}",
        },
    ),
    "two of each": (
        {"packages": PACKAGES | {"cupy-cuda12x": "13.6.0", "nvidia-cublas-cu12": "12.4.0", "nvidia-cudnn-cu12": "9.1.0"}},
        True,
        {
            "cupy": f"cupy-cuda12x and cupy-cuda13x share a folder and break each other; run: pip uninstall -y cupy-cuda12x cupy-cuda13x && {EXTRA}",
            "cudnn": f"share a folder and break each other; run: pip uninstall -y nvidia-cudnn-cu12 nvidia-cudnn-cu13 && {EXTRA}",
            "cuda packages": "(nvidia-cublas-cu12), and two CUDA majors in one process break each other; run: pip uninstall -y nvidia-cublas-cu12",
        },
    ),
    "no cuDNN, and a card that lets nobody in": (
        {"packages": {name: version for name, version in PACKAGES.items() if name != "nvidia-cudnn-cu13"}, "devices": (card(mode=2),)},
        True,
        {
            "cudnn": "cuDNN is missing, without which ONNX Runtime's CUDA provider does not load; run: pip install nvidia-cudnn-cu13",
            "compute mode": f"run: sudo nvidia-smi -i {A} -c DEFAULT",
        },
    ),
    "the stub of a toolkit": ({"init": 34}, True, {"gpu": "is the stub of a CUDA toolkit and no driver (cuInit returned 34)"}),
    "two models, one in use": (
        {"nvml": f"card {A} 1; card {B} 2; pid 0 4194000", "devices": (card(A), card(B, "Simulated T4"))},
        False,
        {
            "card use": "timings and energy hold the share of others; end them, or set CUDA_VISIBLE_DEVICES to a free card",
            "card models": "variants are scored on all and timed on the first",
        },
    ),
    "instances": (
        {"nvml": f"card {A} 1; set 0 0 mig 1", "devices": (card(MIG_A, "Simulated A100 MIG 1g.5gb"),)},
        False,
        {"card mig": "CUDA shows one instance to a process and no other card beside it; name those to use"},
    ),
}


def lines_of(table: str) -> list[str]:
    """Return the lines of the doctor's table with what was folded put together again."""
    joined = list[str]()
    for line in table.splitlines():
        if line.startswith(" "):
            joined[-1] += " " + " ".join(line.split())
        else:
            joined.append(" ".join(line.split()))
    return joined


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_wrong_is_said_with_what_mends_it(simulated, stack):
    given, is_refused, wanted = STACKS[stack]
    done = simulated.run(["doctor"], **given)
    for what, words in wanted.items():
        assert [line for line in lines_of(done.stdout) if line.startswith(f"-- {what} ") and words in line], done.stdout
    assert lines_of(done.stdout)[-1].endswith("with device=cpu" if is_refused else "with device=cpu or device=cuda")
    assert done.returncode == 0


def test_both_packages_of_onnx_runtime_keep_every_sweep_from_running(simulated):
    done = simulated.run(["doctor"], packages=PACKAGES | {"onnxruntime": "1.31.1"})
    (line,) = [line for line in lines_of(done.stdout) if line.startswith("!! onnxruntime ")]
    assert "share a folder and break each other; run: pip uninstall -y onnxruntime onnxruntime-gpu, and install one" in line
    assert (done.returncode, lines_of(done.stdout)[-1]) == (2, "a sweep cannot run here: onnxruntime")


def test_the_cpu_package_on_a_machine_with_a_card_is_said(simulated):
    done = simulated.run(["doctor"], packages={"onnxruntime": "1.31.1", "cupy-cuda13x": "14.2.0", "numba-cuda": "0.30.4"})
    (line,) = [line for line in lines_of(done.stdout) if line.startswith("-- onnxruntime ")]
    assert (
        f"the CPU package of ONNX Runtime is installed (onnxruntime 1.31.1); run: pip uninstall -y onnxruntime onnxruntime-gpu && {EXTRA}"
        in line
    )


def test_a_sound_stack_has_no_complaint_about_the_card(simulated):
    done = simulated.run(["doctor"], nvml=f"card {A} 1")
    assert "the driver finds 1 CUDA device(s), CUDA 13.0; device=cuda can run" in done.stdout
    complaints = [line.split()[1] for line in lines_of(done.stdout) if line.startswith(("--", "!!"))]
    assert not set(complaints) & {"gpu", "driver", "onnxruntime", "cudnn", "cupy", "numba-cuda", "cudf", "cuda", "card", "compute"}
