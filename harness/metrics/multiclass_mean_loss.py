"""The base class of multiclass metrics that are a mean over rows, with Student's t interval."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from harness.metrics.linearised_interval import LINEAR, formula_interval, share_value
from harness.metrics.mean_loss import t_half_width
from harness.metrics.metric import Direction
from harness.metrics.multiclass_metric import PART, WEIGHT, MulticlassMetric, part_and_weight
from harness.metrics.values import FEWER_THAN_TWO, Case, metric_values
from harness.records.metric import MetricValues
from harness.records.tally import Moments
from harness.records.task_tally import MulticlassTally

SAME_LOSS = "no interval: the loss is the same in all rows"


class ClassMeanLoss(MulticlassMetric):
    """A mean over rows with Student's t interval, cut at the range of the metric; with weights or clusters linearised and robust.

    Undefined when the cell has fewer than 2 rows.
    """

    direction: ClassVar[Direction] = "lower"
    interval: ClassVar[str] = "Student t from the moments; weights or clusters: linearised, t"
    component_after_classes: ClassVar[int]  # of the weighted totals, after the 3 K counts

    @abstractmethod
    def moments(self, tally: MulticlassTally) -> Moments:
        """Return the moments of the loss."""

    def compute(self, tally: MulticlassTally, confidence: float, seed: int) -> MetricValues:
        """Return the mean loss and its t interval for every cell; `seed` is not used."""
        moments, undefined = self.moments(tally), [(tally.n < 2, FEWER_THAN_TWO)]
        is_same: Case = (np.asarray(moments.m2 <= 0, dtype=np.bool_), SAME_LOSS)
        if tally.totals is None:
            half = t_half_width(tally.n, moments.m2, confidence)
            value, low, high, method, no_interval = moments.mean, moments.mean - half, moments.mean + half, "Student t", [is_same]
        else:
            n_classes = tally.confusion.shape[1]
            own = 3 * n_classes + self.component_after_classes
            two = part_and_weight(tally.totals, slice(own, own + 1), n_classes)
            value, method = share_value(PART, WEIGHT, two), LINEAR
            low, high, cases = formula_interval(lambda t: t[:, 0] / t[:, 1], [WEIGHT], two, confidence, LINEAR)
            no_interval = [is_same, *cases]
        return metric_values(self.name, value, low.clip(self.lowest), high.clip(None, self.highest), method, undefined, no_interval)
