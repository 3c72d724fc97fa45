"""log_loss: how surprised the scores are by the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.multiclass_mean_loss import ClassMeanLoss
from harness.records.tally import Moments
from harness.records.task_tally import MulticlassTally


@dataclass(frozen=True)
class MulticlassLogLoss(ClassMeanLoss):
    """How surprised the scores are by the classes: the mean negative log-likelihood, in nats.

    Formula: -mean(ln p of the row's class), p clipped to [1e-15, 1 - 1e-15] in float64 (scikit-learn clips at the epsilon of the dtype
    that it is given).

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "log_loss"
    title: ClassVar[str] = "how surprised the scores are by the classes"
    unit: ClassVar[str] = "nats"
    highest: ClassVar[float] = 34.538776394910684  # -ln(1e-15), the clip
    source: ClassVar[str] = "Good 1952, JRSS B 14:107"
    component_after_classes: ClassVar[int] = 0

    def moments(self, tally: MulticlassTally) -> Moments:
        """Return the moments of the rows' log loss."""
        return tally.log_loss
