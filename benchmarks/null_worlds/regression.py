"""Worlds of numeric labels: normal, heavy-tailed and heteroscedastic errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.null_worlds.world import Floats, Layout, Sample, World

Errors = Literal["normal", "heavy", "uneven"]
T_DEGREES = 5  # of the heavy tails: fourth moments exist, no higher even ones


@dataclass(frozen=True, kw_only=True)
class RegressionWorld(World):
    """Labels 200 + 4 s + e of a standard normal signal s, predictions 200.5 + 3.6 s + noise of the model; e has sd 2.

    Args:
        errors: normal, Student's t with 5 degrees of freedom, or normal with sd proportional to exp(.4 s).
        noises: sd of each model's noise.
        correlation: of the noises of two models on one row.
    """

    errors: Errors
    noises: tuple[float, ...]
    correlation: float = 0.7

    def simulate(self, rng: np.random.Generator, n_sets: int) -> Sample:
        """Return so many data sets."""
        layout = self.design.lay_out(rng, n_sets)
        signal = layout.normal(rng)
        labels = 200.0 + 4.0 * signal + 2.0 * self._errors(rng, layout, signal)
        noise = layout.correlated(rng, len(self.noises), self.correlation) if len(self.noises) > 1 else [layout.normal(rng)]
        scores = [(200.5 + 3.6 * signal + sd * e).astype(np.float32) for sd, e in zip(self.noises, noise, strict=True)]
        return Sample(layout.rows("regression", labels), tuple(scores), (None,) * len(scores))

    def _errors(self, rng: np.random.Generator, layout: Layout, signal: Floats) -> Floats:
        normal = layout.normal(rng)
        if self.errors == "heavy":
            return np.asarray(normal * np.sqrt((T_DEGREES - 2) / rng.chisquare(T_DEGREES, len(normal))), np.float64)
        return np.asarray(normal * np.exp(0.4 * signal - 0.16), np.float64) if self.errors == "uneven" else normal
