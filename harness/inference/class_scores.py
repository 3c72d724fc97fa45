"""From a multiclass model's raw output to one probability per class, and what no metric may be computed from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError
from harness.records.model import ScoringPlan
from harness.stats.probabilities import SUM_TOLERANCE, invalid_rows
from kernels.array_library import array_namespace

_LOGITS = "if the model gives logits, set transform: softmax"


def class_scores(raw: Any, plan: ScoringPlan, n_classes: int) -> Any:
    """Return the raw output as float32 probabilities [n, n_classes], through softmax where the plan says so; they live where it does.

    Formula: softmax exp(x_k - max x) / sum of them, in float64.

    Raises
    ------
    ScoreError
        When the output is not [n, n_classes], or the transform is sigmoid.

    Examples
    --------
    >>> plan = ScoringPlan("v", "onnx", None, None, (), "out", "softmax", None, 1, None, "cpu")
    >>> class_scores(np.array([[0.0, np.log(3.0)]]), plan, 2).tolist()
    [[0.25, 0.75]]
    """
    if raw.ndim != 2 or raw.shape[1] != n_classes or n_classes < 2:
        wanted = max(n_classes, 2)
        raise ScoreError(
            f"model.output: '{plan.output}' gave shape {raw.shape}, wanted [rows, {wanted}], one column per class; name another output"
        )
    xp = array_namespace(raw)
    if plan.transform == "none":
        return xp.astype(raw, xp.float32)
    if plan.transform != "softmax":
        raise ScoreError(f"model.transform: {plan.transform} does not make probabilities of {n_classes} classes; use softmax, or none")
    logits = xp.astype(raw, xp.float64)
    grown = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
    return xp.astype(grown / xp.sum(grown, axis=1, keepdims=True), xp.float32)


def check_class_scores(scores: NDArray[np.float32], plan: ScoringPlan) -> None:
    """Refuse scores that are NaN, outside [0, 1], or that do not sum to 1 over the classes.

    Raises
    ------
    ScoreError
        With the number of rows, and the transform that may be missing.
    """
    found = invalid_rows(scores)
    rows = f"of {len(scores):,} rows"
    if found.n_nan:
        raise ScoreError(f"scores: NaN in {found.n_nan:,} {rows}; impute missing features inside the model or in the log")
    advice = _LOGITS if plan.transform == "none" else "mend the model"
    if found.n_outside:
        low, high = float(scores.min()), float(scores.max())
        raise ScoreError(f"scores: {found.n_outside:,} {rows} are outside [0, 1] (from {low:.4g} to {high:.4g}); {advice}")
    if found.n_off:
        raise ScoreError(f"scores: {found.n_off:,} {rows} do not sum to 1 within {SUM_TOLERANCE:g} over the classes; {advice}")
