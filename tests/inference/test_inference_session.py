from __future__ import annotations

from dataclasses import replace

import onnxruntime
import pytest

from harness.errors import DeviceError, ModelError
from harness.inference import session
from harness.inference.session import cpu_nodes_note, nodes_elsewhere, open_on, ops_without_kernel, provider_list
from harness.records.model import CardPlan
from tests.inference.card_graphs import FLOAT, label_and_probability, linear, plan_of, write

AZURE = [("AzureExecutionProvider", {})]  # in every CPU build, and runs no node of ours: a provider that lacks kernels
needs_cpu_build = pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers(), reason="another package of ONNX Runtime than the CPU's"
)


@pytest.fixture
def plan(tmp_path):
    return plan_of(label_and_probability(tmp_path / "m.onnx"), output="p")


@needs_cpu_build
def test_the_cpu_package_of_the_runtime_is_named(plan):
    with pytest.raises(
        DeviceError, match=r"for CPU\) has no CUDAExecutionProvider; run: pip uninstall -y onnxruntime onnxruntime-gpu && pip install"
    ):
        open_on(plan, provider_list(CardPlan(), 0, 0))
    with pytest.raises(DeviceError, match="has no TensorrtExecutionProvider"):
        open_on(plan, provider_list(CardPlan("tensorrt"), 0, 0))


@needs_cpu_build
def test_nodes_that_the_provider_cannot_run_are_refused_by_name(plan):
    with pytest.raises(
        DeviceError, match=r"'v' has (\d) of \1 nodes without a CUDA kernel \(Cast, Greater, MatMul, Sigmoid\).*allow_cpu_nodes=true"
    ):
        open_on(plan, AZURE)


@needs_cpu_build
def test_where_nodes_on_the_cpu_are_allowed_their_share_is_shown(plan):
    opened = open_on(replace(plan, card=CardPlan(allow_cpu_nodes=True)), AZURE)
    n_nodes, elsewhere = nodes_elsewhere(opened, ["AzureExecutionProvider"])
    assert opened.get_providers()[0] == "AzureExecutionProvider"
    assert n_nodes == elsewhere.total() == 4
    assert cpu_nodes_note(opened, ["AzureExecutionProvider"]).startswith(
        "4 of 4 nodes (100%: Cast, Greater, MatMul, Sigmoid) run on the CPU"
    )
    assert cpu_nodes_note(opened, ["CPUExecutionProvider"]) is None


@needs_cpu_build
def test_a_file_that_is_no_model_is_the_models_trouble(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"ONNX Runtime .* cannot load .*m\.onnx"):
        open_on(plan_of(str(tmp_path / "m.onnx")), AZURE)


class Session:
    def __init__(self, providers):
        self.providers = providers

    def get_providers(self):
        return self.providers


@pytest.mark.parametrize("allows", [False, True])
def test_a_quiet_fall_back_is_a_failure(plan, monkeypatch, allows):
    """ONNX Runtime opens a session on the CPU when the provider's library does not load; nothing but the first provider shows it."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(session, "_create", lambda *_, **__: Session(["CPUExecutionProvider"]))
    with pytest.raises(
        DeviceError, match=r"CUDAExecutionProvider was asked for, and ONNX Runtime took CPUExecutionProvider: .*look at harness doctor"
    ):
        open_on(replace(plan, card=CardPlan(allow_cpu_nodes=allows)), provider_list(CardPlan(), 0, 0))


@pytest.mark.parametrize(
    ("said", "kind", "found"),
    [
        (
            "/onnxruntime_src/cuda_call.cc:146 CudaCall CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1",
            DeviceError,
            "driver is too old, wanted 13.0; install the driver 580",
        ),
        (
            "CUDA failure 101: invalid device ordinal ; GPU=-1 ; hostname=vm",
            DeviceError,
            r"cannot be used \(CUDA failure 101: invalid device ordinal\)",
        ),
        ("CUDA failure 2: out of memory ; GPU=0", DeviceError, "memory does not hold the model .*m.onnx"),
        ("bfc_arena Failed to allocate memory for requested buffer of size 8", DeviceError, "memory does not hold the model"),
        (
            "Please install TensorRT libraries as mentioned",
            DeviceError,
            "deploy.provider: tensorrt was asked for, and .*deploy.provider=cuda",
        ),
        (
            "[ONNXRuntimeError] : 10 : INVALID_GRAPH : This is an invalid model\nmore",
            ModelError,
            "cannot load .*: .*This is an invalid model$",
        ),
    ],
)
def test_what_the_runtime_raises_becomes_one_sentence(plan, monkeypatch, said, kind, found):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])

    def fails(*_, **__):
        raise RuntimeError(said)

    monkeypatch.setattr(session, "_create", fails)
    with pytest.raises(kind, match=found):
        open_on(plan, provider_list(CardPlan(), 0, 0))


@pytest.mark.parametrize(("allows", "strict"), [(False, "1"), (True, None)])
def test_the_runtime_itself_is_told_not_to_fall_back(plan, monkeypatch, allows, strict):
    asked = {}

    def opened(path, options, *, providers, enable_fallback):
        asked.update(providers=[p if isinstance(p, str) else p[0] for p in providers], fallback=enable_fallback, options=options)
        return Session(["CUDAExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    open_on(replace(plan, card=CardPlan(allow_cpu_nodes=allows)), provider_list(CardPlan(), 0, 0))
    assert asked["fallback"] is False
    assert asked["providers"] == ["CUDAExecutionProvider"] + ["CPUExecutionProvider"] * allows
    if strict:
        assert asked["options"].get_session_config_entry("session.disable_cpu_ep_fallback") == strict


@pytest.mark.parametrize(
    ("linker", "found"),
    [
        (
            "libcudnn.so.9: cannot open shared object file: No such file or directory",
            "its library libcudnn.so.9 is missing (run: pip install nvidia-cudnn-cu13)",
        ),
        ("libcuda.so.1: cannot open shared object file: No such file or directory", "its library libcuda.so.1 is missing"),
        ("undefined symbol: x", "libonnxruntime_providers_cuda.so does not load (undefined symbol: x)"),
        (None, "libonnxruntime_providers_cuda.so loads, and the provider does not start"),
    ],
)
def test_why_a_provider_did_not_load_is_asked_of_the_linker(monkeypatch, linker, found):
    def load(name, *_):
        if linker and name.endswith("_cuda.so"):
            raise OSError(linker)

    monkeypatch.setattr(session.Path, "is_file", lambda _: True)
    monkeypatch.setattr(session.ctypes, "CDLL", load)
    assert session._why_not_loaded("CUDAExecutionProvider") == found


def test_what_preloading_prints_goes_into_the_log(monkeypatch, caplog, capsys):
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcudnn.so.9"))
    session.preload()
    assert "Failed to load libcudnn.so.9" in caplog.text
    assert capsys.readouterr().out == ""


def test_a_session_is_asked_for_full_precision_on_the_given_stream_and_card():
    (name, options), *more = provider_list(CardPlan(), 1, 4096)
    assert (name, more) == ("CUDAExecutionProvider", [])
    assert (options["device_id"], options["user_compute_stream"], options["use_tf32"]) == ("1", "4096", "0")
    assert "enable_cuda_graph" not in options
    assert provider_list(CardPlan(cuda_graph=True), 0, 1)[0][1]["enable_cuda_graph"] == "1"


def test_tensorrt_comes_before_cuda_and_keeps_to_fp32():
    (name, options), (second, _) = provider_list(CardPlan("tensorrt", cuda_graph=True), 0, 1)
    assert (name, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert (options["trt_fp16_enable"], options["trt_cuda_graph_enable"], options["user_compute_stream"]) == ("0", "1", "1")


def test_operators_without_a_cuda_kernel_are_read_from_the_file(tmp_path):
    nodes = [
        ("Scaler", ["x"], ["s"], "ai.onnx.ml", {"offset": [0.0], "scale": [1.0]}),
        ("Normalizer", ["s"], ["t"], "ai.onnx.ml", {"norm": "L2"}),
        ("Sigmoid", ["t"], ["y"]),
    ]
    path = write(tmp_path / "m.onnx", nodes, {"x": (FLOAT, ["n", 3])}, {"y": (FLOAT, ["n", 3])})
    assert ops_without_kernel(path) == ("Normalizer", "Scaler")
    assert ops_without_kernel(linear(tmp_path / "l.onnx")) == ()
