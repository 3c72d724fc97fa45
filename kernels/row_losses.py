"""The scalar rules of one scored row that several kernels share: its losses and its calibration bin."""

from __future__ import annotations

import math

from numba import njit

N_BINS = 15
CLIP = 1e-15


@njit(cache=True)  # type: ignore[untyped-decorator]
def log_loss_of(score: float, label: int) -> float:
    """Return -log of the probability given to the label, in nats; the score is clipped to [1e-15, 1 - 1e-15] in float64.

    >>> round(log_loss_of(0.25, 1), 6), round(log_loss_of(0.25, 0), 6)
    (1.386294, 0.287682)
    """
    clipped = min(max(score, CLIP), 1.0 - CLIP)
    return -math.log(clipped if label == 1 else 1.0 - clipped)


@njit(cache=True)  # type: ignore[untyped-decorator]
def squared_error_of(score: float, label: int) -> float:
    """Return (score - label)^2."""
    return (score - label) * (score - label)


@njit(cache=True)  # type: ignore[untyped-decorator]
def bin_of(score: float) -> int:
    """Return the k with k/15 <= score < (k+1)/15, 14 for score 1.

    A float32 score times 15 needs 28 bits, so the float64 product is exact and so is the bin.

    >>> bin_of(0.0), bin_of(0.5), bin_of(1.0)
    (0, 7, 14)
    """
    return min(int(score * N_BINS), N_BINS - 1)
