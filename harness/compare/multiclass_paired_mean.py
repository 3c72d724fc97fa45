"""How mean losses of multiclass models differ between two variants on the same rows, by Student's t."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.linearised_difference import Ratios, linearised_estimate, t_bounds
from harness.compare.multiclass_paired_share import N_COMPONENTS
from harness.compare.paired_mean import mean_estimate, mean_interval
from harness.records.tally import Moments
from harness.records.task_tally import PairedMulticlassTally


class PairedClassMean(PairedMetric[PairedMulticlassTally]):
    """A mean over rows of a loss; as `PairedMean`, and linearised where rows are weighted or clustered.

    Undefined when: the cell has fewer than 2 rows.
    """

    higher_is_better: ClassVar[bool] = False
    first_component: ClassVar[int]  # the champion's weight * loss, followed by that of the difference

    @abstractmethod
    def moments(self, paired: PairedMulticlassTally) -> tuple[Moments, Moments]:
        """Return the moments of the champion's loss and of the difference challenger - champion."""

    def estimate(self, paired: PairedMulticlassTally) -> Estimate:
        """Return both means, the standard error of their difference and the p-value."""
        if paired.totals is None:
            return mean_estimate(paired.n, *self.moments(paired))
        return linearised_estimate(paired.n, paired.totals, self._ratios())

    def interval(self, paired: PairedMulticlassTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the t interval of the mean difference; NaN where the standard error is."""
        if paired.totals is None:
            return mean_interval(self.moments(paired)[1], estimate, confidence)
        return t_bounds(estimate, confidence)

    def _ratios(self) -> Ratios:
        """Return the coefficients of the champion's mean, of the difference and of all rows."""
        components = np.eye(N_COMPONENTS)
        return Ratios(components[self.first_component], components[self.first_component + 1], components[:4].sum(axis=0))


class PairedMulticlassLogLoss(PairedClassMean):
    """Difference of the mean log loss, in nats; below 0 the challenger is better."""

    name: ClassVar[str] = "log_loss"
    first_component: ClassVar[int] = 8

    def moments(self, paired: PairedMulticlassTally) -> tuple[Moments, Moments]:
        """Return the moments of the champion's loss and of the difference."""
        return paired.champion_log_loss, paired.log_loss


class PairedMulticlassBrier(PairedClassMean):
    """Difference of the mean Brier score over all classes; below 0 the challenger is better."""

    name: ClassVar[str] = "brier"
    first_component: ClassVar[int] = 10

    def moments(self, paired: PairedMulticlassTally) -> tuple[Moments, Moments]:
        """Return the moments of the champion's score and of the difference."""
        return paired.champion_brier, paired.brier
