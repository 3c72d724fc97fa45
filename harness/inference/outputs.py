"""From a model's raw output to the scores of its task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError
from harness.inference.scores import check_scores, positive_scores
from harness.records.model import ScoringPlan
from kernels.array_library import array_namespace


def scores_of(raw: Any, plan: ScoringPlan) -> Any:
    """Return what a batch's raw output means: probabilities of the positive class [n], of all classes [n, K], or predictions [n].

    Probabilities are float32; predictions are float64 where the model's output is. They live where the output does: NumPy on the host, CuPy on a card.

    Raises
    ------
    ScoreError
        When the output does not have the form that the task needs.
    """
    if plan.task == "multiclass":
        from harness.inference.class_scores import class_scores

        return class_scores(raw, plan, raw.shape[-1])
    if plan.task == "regression":
        return _predictions(raw, plan)
    return positive_scores(raw, plan)


def _predictions(raw: Any, plan: ScoringPlan) -> Any:
    if raw.ndim > 2 or (raw.ndim == 2 and raw.shape[1] != 1):
        raise ScoreError(
            f"model.output: '{plan.output}' gave shape {raw.shape}, wanted one number a row for regression; name another output"
        )
    xp = array_namespace(raw)
    # Numbers keep the precision of the model's output: at 1e9 float32 is 64 apart.
    wide = xp.float64 if raw.dtype == xp.float64 else xp.float32
    return xp.astype(xp.reshape(raw, (-1,)), wide)


def check(scores: NDArray[np.float32], plan: ScoringPlan, classes: Sequence[str]) -> None:
    """Refuse scores that no metric of the task may be computed from.

    Raises
    ------
    ScoreError
        With the number of rows, and what may be missing.
    """
    if plan.task == "multiclass":
        from harness.inference.class_scores import check_class_scores

        if scores.ndim != 2 or scores.shape[1] != len(classes):
            found = scores.shape[1] if scores.ndim == 2 else 1
            raise ScoreError(
                f"model.output: '{plan.output}' gives {found} scores a row, and the labels have {len(classes)} classes ({', '.join(classes[:6])}"
                f"{', …' if len(classes) > 6 else ''}); set replay.classes to the model's classes in the order of its outputs"
            )
        check_class_scores(scores, plan)
    elif plan.task == "regression":
        n_bad = int((~np.isfinite(scores)).sum())
        if n_bad:
            raise ScoreError(
                f"scores: {n_bad:,} of {len(scores):,} predictions are NaN or infinite; mend the model, or impute its features"
            )
    else:
        check_scores(scores, plan)
