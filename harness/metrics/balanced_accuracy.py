"""balanced_accuracy: how many rows are decided rightly when both classes weigh the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.decision_interval import decision_interval
from harness.metrics.linearised_interval import LOGIT, decision_totals, formula_interval
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, Case, metric_values
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally, ClusterTotals
from harness.stats.dirichlet_cubature import LOGIT_SCALE

_CLASSES = (np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0]))  # negative and positive rows, of TN, FP, FN, TP


def _mean_of_rates(tn: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any], tp: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(0.5 * (tp / (tp + fn) + tn / (tn + fp)))


def mean_of_rates(shares: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of both classes' shares of right decisions from TN, FP, FN, TP; NaN where a class is empty.

    Examples
    --------
    >>> mean_of_rates([np.array([3.0]), np.array([1.0]), np.array([1.0]), np.array([1.0])])
    array([0.625])
    """
    with np.errstate(invalid="ignore"):  # 0 / 0 of an empty class
        return np.asarray(_mean_of_rates(*shares), dtype=np.float64)


def mean_of_rates_of_totals(totals: NDArray[Any]) -> NDArray[Any]:
    """Return the same from totals [n_cells, 4] of TN, FP, FN, TP, also complex ones, as linearisation wants it."""
    return _mean_of_rates(*totals.T)


@dataclass(frozen=True)
class BalancedAccuracy(BinaryMetric):
    """How many rows are decided rightly when both classes weigh the same.

    Formula: (TP / (TP + FN) + TN / (TN + FP)) / 2.

    Undefined when: the cell has fewer than 2 rows, or one class only (scikit-learn then averages the other class alone).

    Parameters
    ----------
    n_draws : int
        Dirichlet draws per cell in which one of the four decisions was made fewer than 4 times; other cells have cubature.
    """

    n_draws: int = 2000

    name: ClassVar[str] = "balanced_accuracy"
    title: ClassVar[str] = "how many rows are decided rightly when both classes weigh the same"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    takes_weights: ClassVar[bool] = True
    interval: ClassVar[str] = (
        "Dirichlet(counts + 1/2), cubature, or draws where a count is below 4; weights or clusters: linearised, logit, t"
    )
    source: ClassVar[str] = "Brodersen et al. 2010, ICPR; Brown, Cai & DasGupta 2001"

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the mean of both rates and its interval for every cell."""
        undefined = [(tally.n < 2, FEWER_THAN_TWO), ((tally.n_positive == 0) | (tally.n_positive == tally.n), ONE_CLASS)]
        if tally.totals is not None:
            return self._of_weight(decision_totals(tally.totals), confidence, undefined)
        counts = tally.confusion.reshape(-1, 4)
        value = mean_of_rates([counts[:, k].astype(np.float64) for k in range(4)])
        low, high, method, no_interval = decision_interval(counts, mean_of_rates, LOGIT_SCALE, confidence, self.n_draws, seed)
        low, high = np.minimum(low, value), np.maximum(high, value)
        return metric_values(self.name, value, low, high, method, undefined, no_interval)

    def _of_weight(self, decisions: ClusterTotals, confidence: float, undefined: list[Case]) -> MetricValues:
        value = mean_of_rates([decisions.total[:, k] for k in range(4)])
        low, high, no_interval = formula_interval(mean_of_rates_of_totals, _CLASSES, decisions, confidence, LOGIT)
        return metric_values(self.name, value, low, high, LOGIT, undefined, no_interval)
