"""auc_ovr_macro: how well each class is ranked above the rest, on average over the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.metrics.linearised_interval import LOGIT, logit_bounds, too_few
from harness.metrics.metric import Direction
from harness.metrics.multiclass_metric import MulticlassMetric, clusters_of_rarest
from harness.metrics.values import FEWER_THAN_TWO, Case, metric_values
from harness.records.metric import MIN_CLASS_ROWS, MetricValues
from harness.records.needs import Needs
from harness.records.tally import ShareEstimate
from harness.records.task_tally import MulticlassTally
from harness.stats.effective_clusters import t_quantiles


@dataclass(frozen=True)
class AucOvrMacro(MulticlassMetric):
    """How well each class is ranked above the rest by its own score, on average over the classes; ties count one half.

    Formula: mean over classes of the exact AUC of "class k" against all other rows, by the scores of class k (scikit-learn:
    multi_class="ovr", average="macro"). Variance from each row's influence on that mean; normal on the logit scale (with weights or
    clusters: Student t over the clusters).

    Undefined when: the cell has fewer than 2 rows, a class is missing in it, or the classes were not ranked. No interval when a class or
    its rest has 1 row, or at 0 and 1. With fewer than 20 rows of a class the method says "not gated".
    """

    name: ClassVar[str] = "auc_ovr_macro"
    title: ClassVar[str] = "how well each class is ranked above the rest, on average over the classes"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "DeLong influences, logit"
    source: ClassVar[str] = "Provost & Domingos 2003, Machine Learning 52:199; DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837"

    def needs(self) -> Needs:
        """Return that every class is ranked against the rest."""
        return Needs(auc_by_class=True)

    def compute(self, tally: MulticlassTally, confidence: float, seed: int) -> MetricValues:
        """Return the mean AUC and its interval for every cell; `seed` is not used."""
        if tally.auc_macro is None:
            nan = np.full(len(tally.n), np.nan)
            return metric_values(self.name, nan, nan, nan, "", [(np.isnan(nan), "the classes were not ranked against the rest")])
        return self._from_estimate(tally, tally.auc_macro, confidence)

    def _from_estimate(self, tally: MulticlassTally, found: ShareEstimate, confidence: float) -> MetricValues:
        rows = tally.confusion.sum(axis=2)
        fewest = np.minimum(rows, tally.n[:, None] - rows).min(axis=1)
        if tally.totals is None:
            low, high = logit_bounds(found.value, found.variance, float(ndtri(0.5 + confidence / 2)))
            method, few = self.interval, list[Case]()
        else:
            quantile = t_quantiles(clusters_of_rarest(tally.totals, tally.confusion.shape[1]), confidence)
            low, high = logit_bounds(found.value, found.variance, quantile)
            method, few = LOGIT, too_few(tally.totals, quantile)
        text = f"{method}; fewer than {MIN_CLASS_ROWS} of a class: not gated"
        methods: NDArray[np.object_] = np.where(fewest < MIN_CLASS_ROWS, text, method).astype(np.object_)
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (fewest == 0, "a class is missing")]
        is_end = np.asarray((found.value <= 0) | (found.value >= 1), np.bool_)
        no_interval: list[Case] = [
            (fewest < 2, "no interval: fewer than 2 rows of a class"),
            *few,
            (is_end, "no interval: the mean AUC is 0 or 1"),
            (~(found.variance > 0), "no interval: all placements are equal"),
        ]
        return metric_values(self.name, found.value, low, high, methods, undefined, no_interval)
