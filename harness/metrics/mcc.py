"""mcc: how strongly decisions and labels agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, metric_values
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally
from harness.stats.dirichlet import dirichlet_interval


def matthews(shares: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the correlation of decision and label from TN, FP, FN, TP (counts, or shares up to a factor).

    Formula: (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)); NaN where a factor is 0.

    Examples
    --------
    >>> matthews([np.array([2.0]), np.array([1.0]), np.array([1.0]), np.array([2.0])]).round(4)
    array([0.3333])
    """
    tn, fp, fn, tp = shares
    # Two roots of pairs: the product of four counts of 1e9 each would lose its last digits.
    scale = np.sqrt((tp + fp) * (tn + fn)) * np.sqrt((tp + fn) * (tn + fp))
    out = np.full(np.shape(scale), np.nan)
    np.divide(tp * tn - fp * fn, scale, out=out, where=np.asarray(scale > 0))
    return out


@dataclass(frozen=True)
class Mcc(BinaryMetric):
    """How strongly decisions and labels agree: Matthews' correlation coefficient.

    Formula: (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)).

    Undefined when: the cell has fewer than 2 rows, one class only, or all rows are predicted alike (scikit-learn gives 0).

    Parameters
    ----------
    n_draws : int
        Dirichlet draws per cell.
    """

    n_draws: int = 2000

    name: ClassVar[str] = "mcc"
    title: ClassVar[str] = "how strongly decisions and labels agree (Matthews' correlation)"
    unit: ClassVar[str] = "1"
    direction: ClassVar[Direction] = "higher"
    lowest: ClassVar[float] = -1.0
    interval: ClassVar[str] = "Dirichlet(counts + 1/2) draws"
    source: ClassVar[str] = "Matthews 1975, BBA 405:442; Brown, Cai & DasGupta 2001"

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the coefficient and its interval for every cell."""
        counts = tally.confusion.reshape(-1, 4)
        value = matthews([counts[:, k].astype(np.float64) for k in range(4)])
        low, high, too_few = dirichlet_interval(counts, matthews, confidence, self.n_draws, seed)
        selected = tally.confusion[:, :, 1].sum(axis=1)
        undefined = [
            (tally.n < 2, FEWER_THAN_TWO),
            ((tally.n_positive == 0) | (tally.n_positive == tally.n), ONE_CLASS),
            ((selected == 0) | (selected == tally.n), "all rows are predicted alike"),
        ]
        no_interval = [(too_few, "no interval: more than 1 % of the draws are undefined")]
        low, high = np.minimum(low, value), np.maximum(high, value)
        return metric_values(self.name, value, low, high, f"Dirichlet(counts + 1/2), {self.n_draws} draws", undefined, no_interval)
