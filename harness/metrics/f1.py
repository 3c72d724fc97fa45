"""f1: how well precision and recall are held together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scipy.special import betaincinv

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class F1(BinaryMetric):
    """How well precision and recall are held together: their harmonic mean.

    Formula: 2 TP / (2 TP + FP + FN).

    Under Dirichlet(counts + 1/2) the share J = TP / (TP + FP + FN) has the distribution Beta(TP + 1/2, FP + FN + 1), and
    F1 = 2 J / (1 + J) grows with J: the quantiles are exact, so nothing is drawn.

    Undefined when: the cell has fewer than 2 rows, or one class only.
    """

    name: ClassVar[str] = "f1"
    title: ClassVar[str] = "how well precision and recall are held together (harmonic mean)"
    unit: ClassVar[str] = "1"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "Dirichlet(counts + 1/2), exact quantiles"
    source: ClassVar[str] = "van Rijsbergen 1979, ch. 7; Brown, Cai & DasGupta 2001"

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return F1 and its interval for every cell; `seed` is not used."""
        hits = tally.confusion[:, 1, 1]
        misses = tally.confusion[:, 0, 1] + tally.confusion[:, 1, 0]
        value = ratio(2 * hits, 2 * hits + misses)
        j_low = betaincinv(hits + 0.5, misses + 1.0, 0.5 - confidence / 2)
        j_high = betaincinv(hits + 0.5, misses + 1.0, 0.5 + confidence / 2)
        # At 0 and 1 the equal-tailed interval leaves the value out; it is extended to it, as Jeffreys' interval is.
        low = (2 * j_low / (1 + j_low)).clip(max=value)
        high = (2 * j_high / (1 + j_high)).clip(min=value)
        n_positive = tally.n_positive
        undefined = [(tally.n < 2, FEWER_THAN_TWO), ((n_positive == 0) | (n_positive == tally.n), ONE_CLASS)]
        return metric_values(self.name, value, low, high, self.interval, undefined)
