"""The base class of the two parameters of Cox's recalibration, with Wald's interval."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.rank_bins import not_kept
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, metric_values
from harness.records.metric import MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally, CalibrationFit

NO_FIT = "no fit: the scores separate the classes or are all equal, or Newton's steps did not settle"
MIN_CLASS = 10  # rows of the rarer class; of fewer, many fits do not exist, and those that do are not typical (docs/decisions/009)


class Recalibration(BinaryMetric):
    """A parameter of logit P(Y = 1) = intercept + slope * logit(score), both fitted together on the rows of the cell.

    Scores are clipped to [1e-7, 1 - 1e-7]: the logit of 0 and 1 is infinite. The interval is the estimate ± z times Wald's standard
    error from the observed information.

    Undefined when: the cell has fewer than 2 rows, one class only, no fit (the scores separate the classes, or are all equal), or its
    fit was not kept. No interval with fewer than 10 rows of a class.
    """

    direction: ClassVar[Direction] = "none"
    lowest: ClassVar[float] = float("-inf")
    highest: ClassVar[float] = float("inf")
    interval: ClassVar[str] = "Wald, joint fit"
    source: ClassVar[str] = "Cox 1958, Biometrika 45:562; Van Calster et al. 2019, BMC Medicine 17:230 (levels of calibration)"

    @abstractmethod
    def parameter(self, fit: CalibrationFit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the parameter and its variance, float64 [n_cells] each."""

    def needs(self) -> Needs:
        """Return that the calibration fit is read."""
        return Needs(calibration=True)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the parameter and its interval for every cell; `seed` is not used."""
        if tally.calibration is None:
            return not_kept(self.name, tally, "not kept: no metric of the sweep asked for the recalibration")
        value, variance = self.parameter(tally.calibration)
        half = float(ndtri(0.5 + confidence / 2)) * np.sqrt(variance)
        n, rarer = tally.n, np.minimum(tally.n_positive, tally.n - tally.n_positive)
        undefined = [(n < 2, FEWER_THAN_TWO), (rarer == 0, ONE_CLASS), (tally.calibration.n_steps < 0, NO_FIT)]
        few = (rarer < MIN_CLASS, f"no interval: fewer than {MIN_CLASS} rows of a class")
        return metric_values(self.name, value, value - half, value + half, self.interval, undefined, [few])
