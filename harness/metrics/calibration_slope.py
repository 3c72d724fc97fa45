"""calibration_slope: whether scores are too extreme or too moderate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.recalibration import Recalibration
from harness.records.tally import CalibrationFit


@dataclass(frozen=True)
class CalibrationSlope(Recalibration):
    """Whether scores are too extreme (below 1, as of an overfitted model), too moderate (above 1) or neither; see `Recalibration`."""

    name: ClassVar[str] = "calibration_slope"
    title: ClassVar[str] = "whether scores are too extreme (below 1) or too moderate (above 1)"
    unit: ClassVar[str] = "1"

    def parameter(self, fit: CalibrationFit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return slope and its variance."""
        return fit.slope, fit.slope_variance
