"""Scores of a log by the plainest way there is: ONNX Runtime's `run` on the CPU for each batch, and SciPy for the transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.special import expit, softmax

from harness.records.model import ScoringPlan


def batch_scores(plan: ScoringPlan, tensors: Sequence[NDArray[Any]], batch_rows: int) -> NDArray[Any]:
    """Score batch after batch; a graph of a fixed batch size gets the last row again until it is full."""
    session = onnxruntime.InferenceSession(plan.path, providers=["CPUExecutionProvider"])
    n_rows, found = len(tensors[0]), []
    for start in range(0, n_rows, batch_rows):
        rows = [np.array(t[start : start + batch_rows]) for t in tensors]
        n = len(rows[0])
        feed = {}
        for planned, array in zip(plan.inputs, rows, strict=True):
            while plan.fixed_batch and len(array) < plan.fixed_batch:
                array = np.concatenate([array, array[-1:]])
            feed[planned.name] = array.reshape(len(array), *planned.tail)
        found.append(_scores(session.run([plan.output], feed)[0][:n], plan))
    return np.concatenate(found)


def _scores(raw: NDArray[Any], plan: ScoringPlan) -> NDArray[Any]:
    if plan.task == "regression":
        return raw.reshape(-1)
    wide = raw.astype(np.float64)
    if plan.transform == "softmax":
        wide = softmax(wide, axis=1)
    if plan.transform == "sigmoid":
        wide = expit(wide)
    if plan.task == "multiclass":
        return wide.astype(np.float32)
    return (wide if wide.ndim == 1 else wide[:, -1]).astype(np.float32)
