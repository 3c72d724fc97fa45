"""Scores batches with ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from harness.errors import DeviceError, ModelError
from harness.inference.outputs import scores_of
from harness.records.model import ScoringPlan


class OnnxCpu:
    """One session; `score` takes one array per model input and returns the scores of its rows."""

    def __init__(self, plan: ScoringPlan) -> None:
        if plan.device != "cpu":  # scores of the CPU under the name of a card would be a quiet fall-back
            raise DeviceError(
                f"device: variant '{plan.variant}' is planned for {plan.device} and was about to run on the CPU; use device=cpu"
            )
        self.plan = plan
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if plan.threads is not None:
            options.intra_op_num_threads = plan.threads
        try:
            assert plan.path is not None  # an onnx plan has one
            self.session = onnxruntime.InferenceSession(plan.path, options, providers=["CPUExecutionProvider"])
        except Exception as trouble:  # ONNX Runtime has no common base class for its errors
            raise ModelError(
                f"model.path: ONNX Runtime {onnxruntime.__version__} cannot load {plan.path}: {_first_line(trouble)}"
            ) from trouble

    def run(self, tensors: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Run one batch and return the raw output; rows are padded where the graph demands a batch size."""
        n_rows = len(tensors[0])
        fixed = self.plan.fixed_batch
        feed = {}
        for planned, rows in zip(self.plan.inputs, tensors, strict=True):
            shaped = rows.reshape(len(rows), *planned.tail)
            if fixed is not None and n_rows < fixed:
                shaped = np.concatenate([shaped, np.repeat(shaped[-1:], fixed - n_rows, axis=0)])
            feed[planned.name] = shaped
        return np.asarray(self.session.run([self.plan.output], feed)[0])[:n_rows]

    def score(self, tensors: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return float32 scores: [n], or [n, n_classes] for multiclass."""
        scores: NDArray[np.float32] = scores_of(self.run(tensors), self.plan)
        return scores


def _first_line(trouble: Exception) -> str:
    return str(trouble).splitlines()[0][:200]
