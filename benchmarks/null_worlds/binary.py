"""Worlds of binary labels: binormal scores turned into probabilities, calibrated or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri

from benchmarks.null_worlds.world import Floats, Sample, World

MISCALIBRATED = (0.3, 1.4)  # shift of the logit, and factor about the logit of the base rate: too high, and too sure


@dataclass(frozen=True, kw_only=True)
class BinaryWorld(World):
    """Binormal scores: x of a negative row is N(0, 1), of a positive one N(d, 1), d = sqrt(2) * Phi^-1(AUC); p = P(positive | x).

    The threshold is where as many rows are predicted positive as are positive.

    Args:
        rate: of positive rows.
        aucs: of each model.
        correlation: of x of two models on one row, given its label.
        calibrated: whether the score is p; else its logit is off by `MISCALIBRATED`.
    """

    rate: float
    aucs: tuple[float, ...]
    correlation: float = 0.7
    calibrated: bool = True

    def simulate(self, rng: np.random.Generator, n_sets: int) -> Sample:
        """Return so many data sets."""
        layout = self.design.lay_out(rng, n_sets)
        positive = layout.normal(rng) < ndtri(self.rate)
        noise = layout.correlated(rng, len(self.aucs), self.correlation) if len(self.aucs) > 1 else [layout.normal(rng)]
        scores = [self._score(distance(auc) * positive + e, auc).astype(np.float32) for auc, e in zip(self.aucs, noise, strict=True)]
        thresholds = [float(self._score(np.array([cut(self.rate, auc)]), auc)[0]) for auc in self.aucs]
        return Sample(layout.rows("binary", positive.astype(np.int8)), tuple(scores), tuple(thresholds))

    def _score(self, x: Floats, auc: float) -> Floats:
        evidence = distance(auc) * x - distance(auc) ** 2 / 2
        shift, factor = (0.0, 1.0) if self.calibrated else MISCALIBRATED
        return np.asarray(expit(logit(self.rate) + shift + factor * evidence), np.float64)


def distance(auc: float) -> float:
    """Return the distance of the means of two unit normals with this AUC."""
    return float(np.sqrt(2.0) * ndtri(auc))


def cut(rate: float, auc: float) -> float:
    """Return the x above which a share `rate` of all rows lies."""
    d = distance(auc)
    return float(brentq(lambda x: (1 - rate) * ndtr(-x) + rate * ndtr(d - x) - rate, -10.0, 20.0))
