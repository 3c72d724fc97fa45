"""What the tallies refuse before a kernel sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import ScoreError
from kernels.devices import is_on_cuda


def check_scores(who: str, scores: Any) -> None:
    """Raise ScoreError unless every score is a number from 0 to 1; rows are never dropped silently.

    Scores on a card are not looked at: all of them are kept on the host too, and looked at there before anything is reduced.

    >>> check_scores("mlp", np.array([0.0, 1.0], np.float32))
    """
    if is_on_cuda(scores) or not scores.size or (scores.min() >= 0.0 and scores.max() <= 1.0):
        return
    n_nan, n_outside = int(np.isnan(scores).sum()), int(((scores < 0.0) | (scores > 1.0)).sum())
    raise ScoreError(
        f"{who}: {n_nan:,} scores are NaN and {n_outside:,} lie outside [0, 1], of {scores.size:,}; wanted probabilities: "
        "set the variant's transform (sigmoid, softmax) if the model gives logits, else mend the model"
    )
