"""Where the nodes of a graph run: on the execution provider that was asked for, or elsewhere."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from harness.errors import ModelError
from harness.inference.session import preload
from harness.records.measurement import ProviderCheck
from harness.records.model import ScoringPlan

_N_RUNS = 2  # of the first one the times hold what is built lazily, so the last one is counted


def placement(plan: ScoringPlan, tensors_of_one_batch: Sequence[NDArray[Any]], provider: str) -> ProviderCheck:
    """Say which share of a graph's nodes, and of their time, ran on the execution provider that was asked for.

    ONNX Runtime gives a node that a provider cannot run to the CPU without a word: tree ensembles have no CUDA kernel, some int8
    operators neither. One batch is run twice by a session of its own that writes a profile; the nodes of the second run are counted,
    those inside a loop each time they ran. What graph optimisation has folded away is no node any more.

    Parameters
    ----------
    plan : ScoringPlan
        Of an ONNX model; its threads and its output are taken.
    tensors_of_one_batch : sequence of NDArray
        One array per model input, [n_rows, width] of that input's group.
    provider : str
        As ONNX Runtime names it: CPUExecutionProvider, CUDAExecutionProvider.

    Returns
    -------
    ProviderCheck
        `first` is another provider than `asked` when this build or this machine has not got it. Shares are NaN when no node ran.

    Raises
    ------
    ModelError
        When the model cannot be loaded or run.

    Source: ONNX Runtime, "Profiling Tools": node events with `args.provider`, `args.op_name` and a duration in microseconds.
    """
    with tempfile.TemporaryDirectory() as folder, _as_model_error(plan):
        session = _session(plan, provider, Path(folder))
        feed = _feed(plan, tensors_of_one_batch)
        for _ in range(_N_RUNS):
            session.run([plan.output], feed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        return check_of(events, provider, str(session.get_providers()[0]))


def check_of(events: Sequence[dict[str, Any]], asked: str, first: str) -> ProviderCheck:
    """Count the nodes of the last run of a profile.

    Examples
    --------
    >>> run = {"cat": "Session", "name": "model_run", "ts": 10, "dur": 50}
    >>> def node(op, provider, ts, dur):
    ...     return {"cat": "Node", "name": f"{op}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": op, "provider": provider}}
    >>> check_of([node("Add", "CPU", 1, 99), node("MatMul", "CUDA", 12, 30), node("Scaler", "CPU", 45, 10), run], "CUDA", "CUDA")
    ProviderCheck(asked='CUDA', first='CUDA', n_nodes=2, node_share=0.5, node_time_share=0.75, elsewhere=('Scaler',))
    """
    began = max((event["ts"] for event in events if event.get("name") == "model_run"), default=0)
    nodes = [
        (event["args"]["provider"] == asked, event["dur"], event["args"]["op_name"])
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time") and event["ts"] >= began
    ]
    n_there, time_us = sum(there for there, _, _ in nodes), sum(dur for _, dur, _ in nodes)
    return ProviderCheck(
        asked=asked,
        first=first,
        n_nodes=len(nodes),
        node_share=n_there / len(nodes) if nodes else float("nan"),
        # a clock of whole microseconds gives tiny nodes no time at all
        node_time_share=sum(dur for there, dur, _ in nodes if there) / time_us if time_us else float("nan"),
        elsewhere=tuple(sorted({op for there, _, op in nodes if not there})),
    )


def _session(plan: ScoringPlan, provider: str, folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    if plan.threads is not None:
        options.intra_op_num_threads = plan.threads
    if provider != "CPUExecutionProvider":
        preload()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Specified provider")  # a provider that is not there is told by `first`
        assert plan.path is not None  # an onnx plan has one
        return onnxruntime.InferenceSession(plan.path, options, providers=[provider], enable_fallback=False)


def _feed(plan: ScoringPlan, tensors: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Shape the rows as the graph wants them, the last one repeated where it demands a batch size."""
    n_rows = plan.fixed_batch or len(tensors[0])
    feed = {}
    for planned, rows in zip(plan.inputs, tensors, strict=True):
        shaped = rows[:n_rows].reshape(-1, *planned.tail)
        feed[planned.name] = np.concatenate([shaped, np.repeat(shaped[-1:], n_rows - len(shaped), axis=0)])
    return feed


@contextmanager
def _as_model_error(plan: ScoringPlan) -> Iterator[None]:
    try:
        yield
    except Exception as trouble:  # ONNX Runtime has no common base class for its errors
        first_line = str(trouble).splitlines()[0][:200] if str(trouble) else type(trouble).__name__
        raise ModelError(f"model.path: ONNX Runtime {onnxruntime.__version__} cannot profile {plan.path}: {first_line}") from trouble
