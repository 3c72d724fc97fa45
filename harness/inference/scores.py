"""From a model's raw output to one probability per row, and what no metric may be computed from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError
from harness.records.model import ScoringPlan
from kernels.array_library import array_namespace


def positive_scores(raw: Any, plan: ScoringPlan) -> Any:
    """Take the positive class of a raw output [n], [n, 1] or [n, 2], and apply the transform; the scores live where the output does.

    Raises
    ------
    ScoreError
        When the output has more than two columns.
    """
    xp = array_namespace(raw)
    if raw.ndim > 2 or (raw.ndim == 2 and raw.shape[1] > 2):
        raise ScoreError(f"model.output: '{plan.output}' gave shape {raw.shape}, wanted one or two columns; name another output")
    if plan.transform == "softmax":
        if raw.ndim != 2 or raw.shape[1] != 2:
            raise ScoreError(f"model.transform: softmax needs two columns, and '{plan.output}' gave shape {raw.shape}; use sigmoid")
        wide = xp.astype(raw, xp.float64)
        return _sigmoid(wide[:, 1] - wide[:, 0])
    scores = raw if raw.ndim == 1 else raw[:, -1]
    if plan.transform == "sigmoid":
        return _sigmoid(xp.astype(scores, xp.float64))
    return xp.astype(scores, xp.float32)  # a copy: a column of two is not contiguous


def _sigmoid(x: Any) -> Any:
    xp = array_namespace(x)
    decay = xp.exp(-xp.abs(x))
    return xp.astype(xp.where(x >= 0, 1 / (1 + decay), decay / (1 + decay)), xp.float32)


def check_scores(scores: NDArray[np.float32], plan: ScoringPlan) -> None:
    """Refuse scores that are NaN or not probabilities.

    Raises
    ------
    ScoreError
        With the number of rows, and the transform that may be missing.
    """
    n_nan = int(np.isnan(scores).sum())
    if n_nan:
        raise ScoreError(f"scores: NaN in {n_nan:,} of {len(scores):,} rows; impute missing features inside the model or in the log")
    n_outside = int(((scores < 0) | (scores > 1)).sum())
    if n_outside:
        low, high = float(scores.min()), float(scores.max())
        raise ScoreError(
            f"scores: {n_outside:,} of {len(scores):,} rows are outside [0, 1] (from {low:.4g} to {high:.4g});"
            " if the model gives logits, set transform: sigmoid (one column) or softmax (two)"
        )
