"""log_loss: how surprised the scores are by the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.mean_loss import MeanLoss
from harness.records.tally import BinaryTally, Moments


@dataclass(frozen=True)
class LogLoss(MeanLoss):
    """How surprised the scores are by the labels: the mean negative log-likelihood, in nats.

    Formula: -mean(y ln p + (1 - y) ln(1 - p)), p clipped to [1e-15, 1 - 1e-15] in float64 (scikit-learn clips at the
    epsilon of the dtype that it is given).

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "log_loss"
    component: ClassVar[str] = "log_loss"
    title: ClassVar[str] = "how surprised the scores are by the labels"
    unit: ClassVar[str] = "nats"
    highest: ClassVar[float] = 34.538776394910684  # -ln(1e-15), the clip
    source: ClassVar[str] = "Good 1952, JRSS B 14:107"

    def moments(self, tally: BinaryTally) -> Moments:
        """Return the moments of the rows' log loss."""
        return tally.log_loss
