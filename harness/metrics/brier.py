"""brier: how far the scores are from the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.mean_loss import MeanLoss
from harness.records.tally import BinaryTally, Moments


@dataclass(frozen=True)
class Brier(MeanLoss):
    """How far the scores are from the labels: the mean squared error of a probability.

    Formula: mean((p - y)²); one of the two classes is counted, so the range is [0, 1] (Brier's own sum over both is twice that).

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "brier"
    component: ClassVar[str] = "brier"
    title: ClassVar[str] = "how far the scores are from the labels (mean squared error)"
    unit: ClassVar[str] = "1"
    source: ClassVar[str] = "Brier 1950, Monthly Weather Review 78:1"

    def moments(self, tally: BinaryTally) -> Moments:
        """Return the moments of the rows' squared error."""
        return tally.brier
