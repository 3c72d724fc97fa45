"""With the real onnxruntime-gpu and no card: nothing that was asked of CUDA runs on the CPU instead, and each sentence says what is missing.

A driver that only answers "no device" lets the CUDA provider's library load, so that the provider itself reads its options.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from harness.device import cuda_driver
from harness.errors import DeviceError
from harness.records.model import CardPlan, PlannedInput, ScoringPlan
from harness.records.replay import InputGroup


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


pytestmark = [
    pytest.mark.skipif(
        not _installed("onnxruntime-gpu"), reason="onnxruntime-gpu is not installed: make gpu-check-full makes such an environment"
    ),
    pytest.mark.skipif(cuda_driver().n_devices > 0, reason="this machine has a card: the failures of one without are not seen here"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path) -> ScoringPlan:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Sigmoid", ["a"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [1.0, -2.0, 3.0])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    planned = PlannedInput("x", InputGroup(("a", "b", "c"), "float"), (3,))
    return ScoringPlan("v", "onnx", str(tmp_path / "m.onnx"), "0", (planned,), "y", "none", None, 16, None, "cuda", "binary", CardPlan())


def run(code: str, plan: ScoringPlan, **environment: str) -> str:
    """Run lines in a process of its own and return what it prints; `plan` stands for the plan."""
    lines = [
        "from harness.records.model import *; from harness.records.replay import InputGroup",
        "from harness.inference.session import *; from harness.errors import *",
        f"plan = {plan!r}",
        code,
    ]
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


OPEN = """
try:
    print("OPENED", open_on(plan, {providers}).get_providers())
except HarnessError as trouble:
    print(type(trouble).__name__, trouble)
"""


def test_available_providers_say_nothing_which_is_why_the_session_is_asked(plan):
    import onnxruntime

    assert "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    quiet = onnxruntime.InferenceSession(plan.path, providers=["CUDAExecutionProvider"])
    assert quiet.get_providers() == ["CPUExecutionProvider"]  # the fall-back that nobody may get


@pytest.mark.parametrize("card", ["CardPlan()", "CardPlan(cuda_graph=True)", "CardPlan(allow_cpu_nodes=True)"])
def test_a_session_on_cuda_is_refused_with_the_library_that_is_missing(plan, card):
    said = run(
        f"from dataclasses import replace\nplan = replace(plan, card={card})" + OPEN.format(providers="provider_list(plan.card, 0, 4096)"),
        plan,
    )
    assert said.startswith(
        "DeviceError device: CUDAExecutionProvider was asked for, and ONNX Runtime took CPUExecutionProvider: its library libcuda.so.1"
    )


def test_tensorrt_without_its_libraries_is_refused(plan):
    said = run(OPEN.format(providers="provider_list(CardPlan('tensorrt'), 0, 4096)"), plan)
    assert said.startswith("DeviceError deploy.provider: tensorrt was asked for, and its library libnvinfer.so")


def test_the_scorer_itself_names_the_driver(plan):
    from harness.inference.onnx_cuda import OnnxCuda

    with pytest.raises(DeviceError, match=r"cuda was asked for, and no CUDA driver .*use device=cpu"):
        OnnxCuda(plan)


def test_a_profile_shows_the_fall_back_as_the_first_provider(plan):
    from harness.inference.placement import placement

    found = placement(plan, [np.ones((4, 3), np.float32)], "CUDAExecutionProvider")
    assert (found.asked, found.first, found.node_share) == ("CUDAExecutionProvider", "CPUExecutionProvider", 0.0)


DRIVER = "int cuTensorMapEncodeTiled(void) { return 100; } int cuInit(unsigned f) { (void)f; return 100; }"


@pytest.fixture
def deaf_driver(tmp_path: Path) -> str:
    """A folder with a libcuda.so.1 that the provider's library can be linked against, and that knows no device."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: the simulated driver cannot be built")
    (tmp_path / "driver.c").write_text(DRIVER)
    command = ["gcc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(tmp_path / "libcuda.so.1"), str(tmp_path / "driver.c")]
    subprocess.run(command, check=True)
    return str(tmp_path)


def test_cuda_reads_every_option_and_then_finds_no_card(plan, deaf_driver):
    for card in ("CardPlan()", "CardPlan(cuda_graph=True)"):
        said = run(OPEN.format(providers=f"provider_list({card}, 0, 4096)"), plan, LD_LIBRARY_PATH=deaf_driver)
        assert (
            said
            == "DeviceError device: the NVIDIA driver is too old, wanted 13.0; install the driver 580.65.06 or newer and restart the machine"
        )


def test_an_option_that_cuda_does_not_know_is_refused_by_it(plan, deaf_driver):
    """Without this the test above would pass whatever the options are called."""
    said = run(OPEN.format(providers="[('CUDAExecutionProvider', {'no_such_option': '1'})]"), plan, LD_LIBRARY_PATH=deaf_driver)
    assert said.startswith("ModelError")
    assert "CUDAExecutionProviderInfo" in said


def test_operators_that_are_said_to_have_no_cuda_kernel_are_not_in_the_providers_library():
    import onnxruntime

    from harness.inference.session import NO_CUDA_KERNEL

    library = (Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so").read_bytes()

    def is_named(op: str) -> bool:
        at = library.find(name := op.encode())
        while at >= 0:  # a word of its own, not a part of one
            before, after = library[at - 1 : at], library[at + len(name) : at + len(name) + 1]
            if not before.isalpha() and not after.isalpha():
                return True
            at = library.find(name, at + 1)
        return False

    assert sorted(op for op in NO_CUDA_KERNEL if is_named(op)) == []
    assert [op for op in ("MatMul", "Sigmoid", "LabelEncoder", "MatMulInteger") if not is_named(op)] == []


def test_what_the_real_libraries_raise_is_told_from_other_errors_and_is_one_sentence():
    """Their classes have no common base; the names by which they are told are those of these versions."""
    pytest.importorskip("cupy")
    from cupy.cuda.memory import OutOfMemoryError
    from cupy_backends.cuda.api.runtime import CUDARuntimeError
    from numba.cuda.cudadrv.driver import CudaAPIError

    from harness.pipeline.card_errors import card_errors

    for trouble, words in (
        (CUDARuntimeError(719), "the card failed while scores were reduced on it (cudaErrorLaunchFailure"),
        (
            CUDARuntimeError(46),
            "(cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy or unavailable); another process holds the card",
        ),
        (CUDARuntimeError(2), "the card's memory ran out while scores were reduced on it (cudaErrorMemoryAllocation"),
        (OutOfMemoryError(10, 20), "the card's memory ran out while scores were reduced on it (Out of memory allocating 10 bytes"),
        (
            CudaAPIError(719, "Call to cuMemcpyHtoD results in CUDA_ERROR_LAUNCH_FAILED"),
            "([719] Call to cuMemcpyHtoD results in CUDA_ERROR",
        ),
        (CudaAPIError(2, "Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"), "the card's memory ran out while"),
    ):
        with pytest.raises(DeviceError) as raised, card_errors():
            raise trouble
        assert words in str(raised.value)
    with pytest.raises(RuntimeError, match="something else"), card_errors():
        raise RuntimeError("something else")


def test_libraries_that_find_no_driver_raise_what_is_told_as_the_cards():
    cupy = pytest.importorskip("cupy")
    from numba import cuda

    from harness.inference.card_failure import cannot_be_used, is_of_card

    for ask in (lambda: cupy.cuda.Device(0).use(), lambda: cuda.to_device(np.zeros(3))):
        with pytest.raises(Exception) as raised:  # noqa: PT011  # each of its own class
            ask()
        assert is_of_card(raised.value)
    assert "harness doctor, which names both versions" in str(
        cannot_be_used(RuntimeError("cudaErrorInsufficientDriver: CUDA driver version"), 0)
    )
