"""f1: how well precision and recall are held together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from harness.metrics.linearised_interval import LOGIT, decision_totals, share_interval, share_value
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, Case, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally, ClusterTotals

_HITS, _HITS_AND_MISSES = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])  # of TN, FP, FN, TP


def f1_of_share(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2 J / (1 + J), F1 where J = TP / (TP + FP + FN)."""
    return 2 * share / (1 + share)


@dataclass(frozen=True)
class F1(BinaryMetric):
    """How well precision and recall are held together: their harmonic mean.

    Formula: 2 TP / (2 TP + FP + FN).

    Under Dirichlet(counts + 1/2) the share J = TP / (TP + FP + FN) has the distribution Beta(TP + 1/2, FP + FN + 1), and
    F1 = 2 J / (1 + J) grows with J: the quantiles are exact, so nothing is drawn. Of weighted or clustered rows J is a share of
    weight, whose interval is that of `share_interval`; the logit of F1 is the logit of J plus log 2.

    Undefined when: the cell has fewer than 2 rows, or one class only.
    """

    name: ClassVar[str] = "f1"
    title: ClassVar[str] = "how well precision and recall are held together (harmonic mean)"
    unit: ClassVar[str] = "1"
    direction: ClassVar[Direction] = "higher"
    takes_weights: ClassVar[bool] = True
    interval: ClassVar[str] = "Dirichlet(counts + 1/2), exact quantiles; weights or clusters: linearised, logit, t"
    source: ClassVar[str] = "van Rijsbergen 1979, ch. 7; Brown, Cai & DasGupta 2001"

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return F1 and its interval for every cell; `seed` is not used."""
        n_positive = tally.n_positive
        undefined = [(tally.n < 2, FEWER_THAN_TWO), ((n_positive == 0) | (n_positive == tally.n), ONE_CLASS)]
        if tally.totals is not None:
            return self._of_weight(decision_totals(tally.totals), confidence, undefined)
        hits = tally.confusion[:, 1, 1]
        misses = tally.confusion[:, 0, 1] + tally.confusion[:, 1, 0]
        value = ratio(2 * hits, 2 * hits + misses)
        j_low = betaincinv(hits + 0.5, misses + 1.0, 0.5 - confidence / 2)
        j_high = betaincinv(hits + 0.5, misses + 1.0, 0.5 + confidence / 2)
        # At 0 and 1 the equal-tailed interval leaves the value out; it is extended to it, as Jeffreys' interval is.
        low, high = f1_of_share(np.asarray(j_low, np.float64)).clip(max=value), f1_of_share(np.asarray(j_high, np.float64)).clip(min=value)
        return metric_values(self.name, value, low, high, "Dirichlet(counts + 1/2), exact quantiles", undefined)

    def _of_weight(self, decisions: ClusterTotals, confidence: float, undefined: list[Case]) -> MetricValues:
        value = share_value(2 * _HITS, _HITS + _HITS_AND_MISSES, decisions)
        low, high, no_interval = share_interval(_HITS, _HITS_AND_MISSES, decisions, confidence)
        return metric_values(self.name, value, f1_of_share(low), f1_of_share(high), LOGIT, undefined, no_interval)
