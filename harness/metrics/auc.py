"""auc: how often a positive row is ranked above a negative one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.placement_variance import delong_variance
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, metric_values, ratio
from harness.records.metric import MIN_CLASS_ROWS, MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally, RankSums


@dataclass(frozen=True)
class Auc(BinaryMetric):
    """How often a positive row is ranked above a negative one, ties counting one half.

    Formula: sum of a / (2 P N), with a the doubled placement of a positive row among the negative ones; exact.
    The interval is expit(logit(auc) ± z * se / (auc * (1 - auc))) with DeLong's se.

    Undefined when: the cell has fewer than 2 rows, one class only, or its ranks were not kept. No interval when a class has
    fewer than 2 rows, or at 0 and 1. With fewer than 20 rows of a class the method says "not gated".
    """

    name: ClassVar[str] = "auc"
    title: ClassVar[str] = "how often a positive row is ranked above a negative one"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "DeLong, logit"
    source: ClassVar[str] = "DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837; logit: Pepe 2003, ch. 5"

    def needs(self) -> Needs:
        """Return that the rank sums are read."""
        return Needs(ranks=True)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the AUC and its interval for every cell; `seed` is not used."""
        if tally.ranks is None:
            nan = np.full(len(tally.n), np.nan)
            return metric_values(self.name, nan, nan, nan, "", [(np.isnan(nan), "the ranks of the scores were not kept")])
        return self._from_ranks(tally.ranks, confidence)

    def _from_ranks(self, ranks: RankSums, confidence: float) -> MetricValues:
        p, n = ranks.n_positive, ranks.n_negative
        auc = ratio(ranks.sum_a, 2 * p * n)
        low, high = logit_interval(auc, delong_variance(ranks), confidence)
        fewest = np.minimum(p, n)
        method: NDArray[np.object_] = np.where(
            fewest < MIN_CLASS_ROWS, f"{self.interval}; fewer than {MIN_CLASS_ROWS} of a class: not gated", self.interval
        ).astype(np.object_)
        undefined = [(p + n < 2, FEWER_THAN_TWO), (fewest == 0, ONE_CLASS)]
        no_interval = [
            (fewest < 2, "no interval: fewer than 2 rows of a class"),
            ((ranks.sum_a == 0) | (ranks.sum_a == 2 * p * n), "no interval: AUC is 0 or 1"),
            (np.isnan(low), "no interval: all placements are equal"),
        ]
        return metric_values(self.name, auc, low, high, method, undefined, no_interval)


def logit_interval(
    share: NDArray[np.float64], variance: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the normal interval of the logit of a share, mapped back; NaN at 0, at 1 and at variance 0.

    Examples
    --------
    >>> low, high = logit_interval(np.array([0.5]), np.array([0.01]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.3135]), array([0.6865]))
    """
    usable = (share > 0) & (share < 1) & (variance > 0)
    p = np.where(usable, share, np.nan)
    logit = np.log(p) - np.log1p(-p)
    half = float(ndtri(0.5 + confidence / 2)) * np.sqrt(np.where(usable, variance, np.nan)) / (p * (1 - p))
    return np.asarray(expit(logit - half), dtype=np.float64), np.asarray(expit(logit + half), dtype=np.float64)
