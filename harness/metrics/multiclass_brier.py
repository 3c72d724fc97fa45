"""brier: how far the scores of all classes are from the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.multiclass_mean_loss import ClassMeanLoss
from harness.records.tally import Moments
from harness.records.task_tally import MulticlassTally


@dataclass(frozen=True)
class MulticlassBrier(ClassMeanLoss):
    """How far the scores of all classes are from the labels: Brier's own score, from 0 to 2.

    Formula: mean over rows of the sum over classes of (p_k - [k is the label])². For two classes it is twice the binary Brier score
    (scikit-learn: `brier_score_loss` with scale_by_half=False).

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "brier"
    title: ClassVar[str] = "how far the scores of all classes are from the labels (sum of squared errors)"
    unit: ClassVar[str] = "1"
    highest: ClassVar[float] = 2.0
    source: ClassVar[str] = "Brier 1950, Monthly Weather Review 78:1, eq. 2"
    component_after_classes: ClassVar[int] = 1

    def moments(self, tally: MulticlassTally) -> Moments:
        """Return the moments of the rows' Brier scores."""
        return tally.brier
