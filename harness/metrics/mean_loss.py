"""The base class of metrics that are a mean over rows, with Student's t interval from the moments."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, metric_values
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally, Moments


def t_half_width(n: NDArray[np.int64], m2: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Return half the width of Student's t interval of a mean; NaN where n < 2.

    Formula: t_{n-1} * sqrt(m2 / (n - 1) / n).

    Examples
    --------
    >>> t_half_width(np.array([4, 1]), np.array([12.0, 0.0]), 0.95).round(4)
    array([3.1824,    nan])
    """
    degrees = np.where(n >= 2, n - 1, np.nan).astype(np.float64)
    return np.asarray(stdtrit(degrees, 0.5 + confidence / 2) * np.sqrt(m2 / degrees / n.clip(1)), dtype=np.float64)


class MeanLoss(BinaryMetric):
    """A mean over rows with Student's t interval, cut at the range of the metric.

    Undefined when the cell has fewer than 2 rows.
    """

    direction: ClassVar[Direction] = "lower"
    interval: ClassVar[str] = "Student t from the moments"

    @abstractmethod
    def moments(self, tally: BinaryTally) -> Moments:
        """Return the moments of the loss."""

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the mean loss and its t interval for every cell; `seed` is not used."""
        moments = self.moments(tally)
        half = t_half_width(tally.n, moments.m2, confidence)
        low, high = (moments.mean - half).clip(self.lowest), (moments.mean + half).clip(None, self.highest)
        no_interval = [(np.asarray(moments.m2 <= 0, dtype=np.bool_), "no interval: the loss is the same in all rows")]
        return metric_values(self.name, moments.mean, low, high, "Student t", [(tally.n < 2, FEWER_THAN_TWO)], no_interval)
