"""What the tallies refuse before a kernel sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import ScoreError
from kernels.devices import is_on_cuda


def check_scores(who: str, scores: Any) -> None:
    """Raise ScoreError unless every score is a number from 0 to 1, on the host or on a card; rows are never dropped silently.

    >>> check_scores("mlp", np.array([0.0, 1.0], np.float32))
    """
    n_nan, n_outside = _n_outside(scores)
    if n_nan == n_outside == 0:
        return
    raise ScoreError(
        f"{who}: {n_nan:,} scores are NaN and {n_outside:,} lie outside [0, 1], of {scores.size:,}; wanted probabilities: "
        "set the variant's transform (sigmoid, softmax) if the model gives logits, else mend the model"
    )


def _n_outside(scores: Any) -> tuple[int, int]:
    """Return how many scores are NaN, and how many others lie outside."""
    if is_on_cuda(scores):
        from kernels.device_sort import n_outside

        return n_outside(scores)
    if not scores.size or (scores.min() >= 0.0 and scores.max() <= 1.0):
        return 0, 0
    return int(np.isnan(scores).sum()), int(((scores < 0.0) | (scores > 1.0)).sum())
