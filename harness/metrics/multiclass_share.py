"""The base class of multiclass metrics that are a share of rows, with Wilson's interval."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.linearised_interval import LOGIT, share_interval, share_value
from harness.metrics.metric import Direction
from harness.metrics.multiclass_metric import PART, WEIGHT, MulticlassMetric, part_and_weight
from harness.metrics.values import FEWER_THAN_TWO, Case, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import ClusterTotals
from harness.records.task_tally import MulticlassTally
from harness.stats.wilson import wilson_interval


class ClassShare(MulticlassMetric):
    """A share of rows, with Wilson's score interval.

    With weights or clusters: the share of weight, with `share_interval`'s linearised, cluster-robust interval.

    Undefined when the cell has fewer than 2 rows.
    """

    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "Wilson score; weights or clusters: linearised, logit, t"
    source: ClassVar[str] = "Wilson 1927, JASA 22:209; weights and clusters: Binder 1983, Int. Stat. Rev. 51:279"

    @abstractmethod
    def successes(self, tally: MulticlassTally) -> NDArray[np.int64]:
        """Return the rows that count, int64 [n_cells]."""

    @abstractmethod
    def components(self, n_classes: int) -> slice:
        """Return the components of the weighted totals that count."""

    def undefined(self, tally: MulticlassTally) -> list[Case]:
        """Return where there is no value, and why."""
        return [(tally.n < 2, FEWER_THAN_TWO)]

    def compute(self, tally: MulticlassTally, confidence: float, seed: int) -> MetricValues:
        """Return the share and its interval for every cell; `seed` is not used."""
        if tally.totals is not None:
            return self._weighted(tally, tally.totals, confidence)
        successes = self.successes(tally)
        low, high = wilson_interval(successes, tally.n, confidence)
        return metric_values(self.name, ratio(successes, tally.n), low, high, "Wilson score", self.undefined(tally))

    def _weighted(self, tally: MulticlassTally, totals: ClusterTotals, confidence: float) -> MetricValues:
        n_classes = tally.confusion.shape[1]
        two = part_and_weight(totals, self.components(n_classes), n_classes)
        low, high, no_interval = share_interval(PART, WEIGHT, two, confidence)
        return metric_values(self.name, share_value(PART, WEIGHT, two), low, high, LOGIT, self.undefined(tally), no_interval)
