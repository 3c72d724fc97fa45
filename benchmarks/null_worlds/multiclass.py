"""Worlds of labels of three classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from benchmarks.null_worlds.world import Floats, Sample, World

CENTRES = np.array([[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]])  # of the classes, on a circle
TEMPERATURE = 0.7  # of the probabilities of a model that is too sure; 1 is calibrated


@dataclass(frozen=True, kw_only=True)
class MulticlassWorld(World):
    """Three classes in a plane: x is normal about the class's centre, the scores are the classes' probabilities given x.

    Args:
        shares: of the classes.
        distances: per model, how far the centres are from the origin.
        correlation: of x of two models on one row, given its label.
        calibrated: whether the scores are those probabilities; else too sure.
    """

    shares: tuple[float, float, float]
    distances: tuple[float, ...]
    correlation: float = 0.7
    calibrated: bool = True

    def simulate(self, rng: np.random.Generator, n_sets: int) -> Sample:
        """Return so many data sets."""
        layout = self.design.lay_out(rng, n_sets)
        labels = np.searchsorted(np.cumsum(self.shares)[:2], ndtr(layout.normal(rng))).astype(np.int32)
        axes = [layout.correlated(rng, len(self.distances), self.correlation) for _ in range(2)]
        scores = [self._scores(d * CENTRES[labels] + np.stack([axis[k] for axis in axes], axis=1), d) for k, d in enumerate(self.distances)]
        return Sample(layout.rows("multiclass", labels, 3), tuple(scores), (None,) * len(scores))

    def _scores(self, x: Floats, d: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        evidence = d * x @ CENTRES.T + np.log(self.shares)
        odds = np.exp((evidence - evidence.max(axis=1, keepdims=True)) / (1.0 if self.calibrated else TEMPERATURE))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)
