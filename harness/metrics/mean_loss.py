"""The base class of metrics that are a mean over rows, with Student's t interval from the moments."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.metrics.linearised_interval import ALL_ROWS, LINEAR, N_DECISIONS, formula_interval
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BINARY_COMPONENTS, BinaryTally, ClusterTotals, Moments


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


MIN_RARE, RARE_SHARE = 20, 0.2  # a rare class makes the loss skewed: of fewer rows t covers as little as .68 (docs/coverage.md)
FEW_RARE = f"no interval: fewer than {MIN_RARE} rows of a class that less than one row in five is of"


class MeanLoss(BinaryMetric):
    """A mean over rows with Student's t interval, cut at the range of the metric.

    Where rows are weighted or clustered it is the weighted mean, with the linearised interval.

    Undefined when the cell has fewer than 2 rows. No interval with fewer than 20 rows of a class that is rarer than one in five.

    Attributes
    ----------
    component : str
        Which of `BINARY_COMPONENTS` is the loss.
    """

    direction: ClassVar[Direction] = "lower"
    takes_weights: ClassVar[bool] = True
    component: ClassVar[str]
    interval: ClassVar[str] = "Student t from the moments; weights or clusters: linearised, t"

    @abstractmethod
    def moments(self, tally: BinaryTally) -> Moments:
        """Return the moments of the loss."""

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the mean loss and its t interval for every cell; `seed` is not used."""
        if tally.totals is not None:
            return self._of_weight(tally, tally.totals, confidence)
        moments = self.moments(tally)
        half = t_half_width(tally.n, moments.m2, confidence)
        low, high = (moments.mean - half).clip(self.lowest), (moments.mean + half).clip(None, self.highest)
        fewest = np.minimum(tally.n_positive, tally.n - tally.n_positive)
        no_interval = [
            (np.asarray(moments.m2 <= 0, dtype=np.bool_), "no interval: the loss is the same in all rows"),
            ((fewest < MIN_RARE) & (fewest < RARE_SHARE * tally.n), FEW_RARE),
        ]
        return metric_values(self.name, moments.mean, low, high, "Student t", [(tally.n < 2, FEWER_THAN_TWO)], no_interval)

    def _of_weight(self, tally: BinaryTally, totals: ClusterTotals, confidence: float) -> MetricValues:
        at = BINARY_COMPONENTS.index(self.component)

        def mean(t: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(t[:, at] / t[:, :N_DECISIONS].sum(axis=1))

        value = ratio(totals.total[:, at], tally.weight_sum)
        low, high, no_interval = formula_interval(mean, [ALL_ROWS], totals, confidence, LINEAR)
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (np.isnan(value), "no rows of weight above 0")]
        return metric_values(self.name, value, low.clip(self.lowest), high.clip(None, self.highest), LINEAR, undefined, no_interval)
