"""Opens a session on a card, or says in one sentence why there is none: ONNX Runtime itself falls back to the CPU with a log line only."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from harness.device import CUDA_WANTED, DRIVER_WANTED, cuda_driver, cuda_version_text
from harness.errors import DeviceError, HarnessError, ModelError, one_of
from harness.gpu_stack import GPU_EXTRA
from harness.inference.card_memory import is_out_of_memory
from harness.records.model import CardPlan, ScoringPlan

PROVIDERS = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_LIBRARIES = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "tensorrt"}
# Operators that occur in tabular models and have no kernel in ONNX Runtime's CUDA provider: their names are not in its library (1.31.1).
_ML_WITHOUT_KERNEL = (
    *("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "LinearClassifier", "LinearRegressor", "SVMClassifier"),
    *("SVMRegressor", "Scaler", "Normalizer", "Imputer", "Binarizer", "OneHotEncoder", "CategoryMapper", "DictVectorizer"),
    *("FeatureVectorizer", "ArrayFeatureExtractor", "ZipMap"),
)
NO_CUDA_KERNEL = frozenset({*_ML_WITHOUT_KERNEL, "DynamicQuantizeLinear", "ConvInteger", "StringNormalizer"})
_LOG = logging.getLogger(__name__)


def ops_without_kernel(path: str) -> tuple[str, ...]:
    """Return the op types of an ONNX file, sorted, that are known to have no CUDA kernel; others show once a session is opened.

    Source: names of operators in `libonnxruntime_providers_cuda.so` of onnxruntime-gpu 1.31.1.
    """
    model = onnx.load(path, load_external_data=False)
    return tuple(sorted({node.op_type for node in model.graph.node} & NO_CUDA_KERNEL))


def provider_list(card: CardPlan, device_id: int, stream: int) -> list[tuple[str, dict[str, str]]]:
    """Return the execution providers of a session, the one that is asked for first, with their options.

    TensorFloat-32 is off: with it, a matrix product of float32 keeps 10 bits of its factors' 23, and a variant that claims fp32 is not. The
    search for convolutions is the heuristic one, since the exhaustive one costs up to a second for every new shape.

    Source: ONNX Runtime, "CUDA Execution Provider" and "TensorRT Execution Provider", configuration options.
    """
    common = {"device_id": str(device_id), "user_compute_stream": str(stream)}
    captured = {"enable_cuda_graph": "1"} if card.cuda_graph and card.provider == "cuda" else {}
    cuda = common | {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"} | captured
    if card.provider == "cuda":
        return [(PROVIDERS["cuda"], cuda)]
    captured = {"trt_cuda_graph_enable": "1"} if card.cuda_graph else {}
    return [(PROVIDERS["tensorrt"], common | {"trt_fp16_enable": "0"} | captured), (PROVIDERS["cuda"], cuda)]


def open_on(plan: ScoringPlan, providers: Sequence[tuple[str, Mapping[str, str]]]) -> onnxruntime.InferenceSession:
    """Open a session whose nodes all run on the first of `providers` or on those after it, none on the CPU unless the plan allows it.

    Raises
    ------
    DeviceError
        When the provider is not in this ONNX Runtime, does not load, has no kernel for some nodes, or has no card: what and what to do.
    ModelError
        When the file itself cannot be loaded.
    """
    asked = providers[0][0]
    preload()
    if asked not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"device: the package of ONNX Runtime that is installed ({onnxruntime.__version__}, for {onnxruntime.get_device()}) has no {asked};"
            f" run: pip uninstall -y onnxruntime onnxruntime-gpu && {GPU_EXTRA}"
        )
    allows_cpu = plan.card is not None and plan.card.allow_cpu_nodes
    try:
        session = _create(plan, providers, is_strict=not allows_cpu)
    except Exception as trouble:  # ONNX Runtime has no common base class for its errors
        raise _opening_trouble(plan, providers, trouble) from trouble
    first = session.get_providers()[0]
    if first != asked:
        raise DeviceError(_not_loaded(asked, first))
    return session


def nodes_elsewhere(session: onnxruntime.InferenceSession, providers: Sequence[str]) -> tuple[int, Counter[str]]:
    """Say how many nodes a session has, and the op types of those that none of `providers` runs, with their numbers."""
    elsewhere, n_nodes = Counter[str](), 0
    for part in session.get_provider_graph_assignment_info():
        nodes = part.get_nodes()
        n_nodes += len(nodes)
        if part.ep_name not in providers:
            elsewhere.update(node.op_type for node in nodes)
    return n_nodes, elsewhere


def cpu_nodes_note(session: onnxruntime.InferenceSession, providers: Sequence[str]) -> str | None:
    """Return what a reader has to know of nodes that run elsewhere; None where none does."""
    n_nodes, elsewhere = nodes_elsewhere(session, providers)
    if not elsewhere:
        return None
    n = elsewhere.total()
    return f"{n} of {n_nodes} nodes ({n / n_nodes:.0%}: {one_of(sorted(elsewhere), 6)}) run on the CPU, as deploy.allow_cpu_nodes allows"


def _create(plan: ScoringPlan, providers: Sequence[tuple[str, Mapping[str, str]]], *, is_strict: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if plan.threads is not None:
        options.intra_op_num_threads = plan.threads
    asked: list[Any] = [(name, dict(given)) for name, given in providers]
    if is_strict:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    else:
        asked.append("CPUExecutionProvider")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Specified provider")  # what was not taken shows in get_providers
        assert plan.path is not None  # an onnx plan has one
        return onnxruntime.InferenceSession(plan.path, options, providers=asked, enable_fallback=False)


def preload() -> None:
    """Load CUDA and cuDNN from their packages before the first session; what it prints about that goes into the log."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        onnxruntime.preload_dlls()
    if said.getvalue().strip():
        _LOG.warning("onnxruntime.preload_dlls: %s", " ".join(said.getvalue().split()))


def _opening_trouble(plan: ScoringPlan, providers: Sequence[tuple[str, Mapping[str, str]]], trouble: Exception) -> HarnessError:
    text, asked = str(trouble), providers[0][0]
    if "assigned to the default CPU EP" in text:
        return _nodes_on_the_cpu(plan, providers)
    if "TensorRT libraries" in text:
        return DeviceError(
            f"deploy.provider: tensorrt was asked for, and {_why_not_loaded(asked)};"
            " install TensorRT 10 for CUDA 13, with its libraries on LD_LIBRARY_PATH, or use deploy.provider=cuda"
        )
    if "driver version is insufficient" in text:
        driver = cuda_driver()
        known = (
            f"{driver.version or 'that is installed'} knows CUDA {cuda_version_text(driver.cuda_version)}"
            if driver.cuda_version
            else "is too old"
        )
        return DeviceError(
            f"device: the NVIDIA driver {known}, wanted {cuda_version_text(CUDA_WANTED)}; install the driver {DRIVER_WANTED} or newer and restart"
            " the machine"
        )
    if is_out_of_memory(trouble):
        return DeviceError(f"device: the card's memory does not hold the model {plan.path}; free the card (see nvidia-smi) or use another")
    failure = re.search(r"(CUDA|CUDNN|CUBLAS) failure \d+: [^;]+", text)
    if failure:
        return DeviceError(f"device: the card cannot be used ({failure[0].strip()}); look at nvidia-smi, then at harness doctor")
    return ModelError(f"model.path: ONNX Runtime {onnxruntime.__version__} cannot load {plan.path}: {text.splitlines()[0][:200]}")


def _nodes_on_the_cpu(plan: ScoringPlan, providers: Sequence[tuple[str, Mapping[str, str]]]) -> DeviceError:
    """Tell apart a provider that did not load and nodes that it cannot run: ONNX Runtime says the same of both."""
    names = [name for name, _ in providers]
    session = _create(plan, providers, is_strict=False)
    if session.get_providers()[0] != names[0]:
        return DeviceError(_not_loaded(names[0], session.get_providers()[0]))
    n_nodes, elsewhere = nodes_elsewhere(session, names)
    return DeviceError(refusal(plan.variant, sorted(elsewhere), f"{elsewhere.total()} of {n_nodes} nodes"))


def refusal(variant: str, ops: Sequence[str], share: str) -> str:
    """Return the sentence that refuses a model with nodes that a card cannot run."""
    return (
        f"device: variant '{variant}' has {share} without a CUDA kernel ({one_of(ops, 6)}), which ONNX Runtime would run on the CPU;"
        " set deploy.device=cpu, or deploy.allow_cpu_nodes=true and their share is shown, or export the model without them"
    )


def _not_loaded(asked: str, first: str) -> str:
    return f"device: {asked} was asked for, and ONNX Runtime took {first}: {_why_not_loaded(asked)}; look at harness doctor"


def _why_not_loaded(provider: str) -> str:
    """Load a provider's library by hand: the linker names what is missing, where ONNX Runtime only writes a log line."""
    name = f"libonnxruntime_providers_{_LIBRARIES.get(provider, provider)}.so"
    library = Path(onnxruntime.__file__).parent / "capi" / name
    if not library.is_file():
        return f"{name} is not in this ONNX Runtime"
    try:
        ctypes.CDLL(str(library.with_name("libonnxruntime_providers_shared.so")), ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(library))
    except OSError as trouble:
        missing = re.match(r"(\S+): cannot open shared object file", str(trouble))
        if missing is None:
            return f"{name} does not load ({str(trouble)[:200]})"
        remedy = " (run: pip install nvidia-cudnn-cu13)" if "cudnn" in missing[1] else ""
        return f"its library {missing[1]} is missing{remedy}"
    return f"{name} loads, and the provider does not start"
