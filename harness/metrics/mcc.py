"""mcc: how strongly decisions and labels agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.decision_interval import decision_interval
from harness.metrics.linearised_interval import FISHER, decision_totals, formula_interval
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, Case, metric_values
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally, ClusterTotals
from harness.stats.dirichlet_cubature import FISHER_SCALE

_MARGINS = tuple(np.array(one) for one in ([0.0, 0, 1, 1], [1.0, 1, 0, 0], [0.0, 1, 0, 1], [1.0, 0, 1, 0]))  # of TN, FP, FN, TP


def _correlation(tn: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any], tp: NDArray[Any]) -> NDArray[Any]:
    # Two roots of pairs: the product of four counts of 1e9 each would lose its last digits.
    return np.asarray((tp * tn - fp * fn) / (np.sqrt((tp + fp) * (tn + fn)) * np.sqrt((tp + fn) * (tn + fp))))


def matthews(shares: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the correlation of decision and label from TN, FP, FN, TP (counts, or shares up to a factor).

    Formula: (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)); NaN where a factor is 0.

    Examples
    --------
    >>> matthews([np.array([2.0]), np.array([1.0]), np.array([1.0]), np.array([2.0])]).round(4)
    array([0.3333])
    """
    with np.errstate(invalid="ignore"):  # 0 / 0: where a factor is 0, the numerator is
        return np.asarray(_correlation(*shares), dtype=np.float64)


def matthews_of_totals(totals: NDArray[Any]) -> NDArray[Any]:
    """Return the same from totals [n_cells, 4] of TN, FP, FN, TP, also complex ones, as linearisation wants it."""
    return _correlation(*totals.T)


@dataclass(frozen=True)
class Mcc(BinaryMetric):
    """How strongly decisions and labels agree: Matthews' correlation coefficient.

    Formula: (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)).

    Undefined when: the cell has fewer than 2 rows, one class only, or all rows are predicted alike (scikit-learn gives 0).

    Parameters
    ----------
    n_draws : int
        Dirichlet draws per cell in which one of the four decisions was made fewer than 4 times; other cells have cubature.
    """

    n_draws: int = 2000

    name: ClassVar[str] = "mcc"
    title: ClassVar[str] = "how strongly decisions and labels agree (Matthews' correlation)"
    unit: ClassVar[str] = "1"
    direction: ClassVar[Direction] = "higher"
    lowest: ClassVar[float] = -1.0
    takes_weights: ClassVar[bool] = True
    interval: ClassVar[str] = (
        "Dirichlet(counts + 1/2), cubature, or draws where a count is below 4; weights or clusters: linearised, Fisher z, t"
    )
    source: ClassVar[str] = "Matthews 1975, BBA 405:442; Brown, Cai & DasGupta 2001"

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the coefficient and its interval for every cell."""
        if tally.totals is not None:
            return self._of_weight(decision_totals(tally.totals), confidence, _undefined(tally))
        counts = tally.confusion.reshape(-1, 4)
        value = matthews([counts[:, k].astype(np.float64) for k in range(4)])
        low, high, method, no_interval = decision_interval(counts, matthews, FISHER_SCALE, confidence, self.n_draws, seed)
        low, high = np.minimum(low, value), np.maximum(high, value)
        return metric_values(self.name, value, low, high, method, _undefined(tally), no_interval)

    def _of_weight(self, decisions: ClusterTotals, confidence: float, undefined: list[Case]) -> MetricValues:
        value = matthews([decisions.total[:, k] for k in range(4)])
        low, high, no_interval = formula_interval(matthews_of_totals, _MARGINS, decisions, confidence, FISHER)
        return metric_values(self.name, value, low, high, FISHER, undefined, no_interval)


def _undefined(tally: BinaryTally) -> list[Case]:
    selected = tally.confusion[:, :, 1].sum(axis=1)
    return [
        (tally.n < 2, FEWER_THAN_TWO),
        ((tally.n_positive == 0) | (tally.n_positive == tally.n), ONE_CLASS),
        (np.asarray((selected == 0) | (selected == tally.n), dtype=np.bool_), "all rows are predicted alike"),
    ]
