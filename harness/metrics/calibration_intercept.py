"""calibration_intercept: how far rates are from the scores where the score is one half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.recalibration import Recalibration
from harness.records.tally import CalibrationFit


@dataclass(frozen=True)
class CalibrationIntercept(Recalibration):
    """How far rates are from the scores where the score is one half, in log odds: 0 is right; see `Recalibration`.

    It is fitted together with the slope, so it is not the "calibration in the large" of a fit with the slope held at 1: read
    `calibration_ratio` for that question.
    """

    name: ClassVar[str] = "calibration_intercept"
    title: ClassVar[str] = "how far rates are from the scores where the score is one half (joint fit with the slope)"
    unit: ClassVar[str] = "log odds"

    def parameter(self, fit: CalibrationFit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return intercept and its variance."""
        return fit.intercept, fit.intercept_variance
