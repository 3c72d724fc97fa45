"""What the tallies refuse before a kernel sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError


def check_scores(who: str, scores: NDArray[np.float32]) -> None:
    """Raise ScoreError unless every score is a number from 0 to 1; rows are never dropped silently.

    >>> check_scores("mlp", np.array([0.0, 1.0], np.float32))
    """
    if not scores.size or (scores.min() >= 0.0 and scores.max() <= 1.0):
        return
    n_nan = int(np.isnan(scores).sum())
    n_outside = int(((scores < 0.0) | (scores > 1.0)).sum())
    raise ScoreError(
        f"{who}: {n_nan:,} scores are NaN and {n_outside:,} lie outside [0, 1], of {scores.size:,}; wanted probabilities: "
        "set the variant's transform (sigmoid, softmax) if the model gives logits, else mend the model"
    )
