"""The base class of metrics that are a share of rows (of their weight), with Wilson's or the linearised interval."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.linearised_interval import LOGIT, N_DECISIONS, decision_totals, share_interval, share_value
from harness.metrics.metric import BinaryMetric
from harness.metrics.values import FEWER_THAN_TWO, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import N_BINS, BinaryTally, ClusterTotals, Moments
from harness.stats.wilson import wilson_interval

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]


class Proportion(BinaryMetric):
    """A share of rows: successes / trials, with Wilson's score interval.

    Where rows are weighted or clustered it is the share of their weight, with the interval of `share_interval`.

    Undefined when the cell has fewer than 2 rows, or when no row is a trial.
    """

    unit: ClassVar[str] = "share"
    takes_weights: ClassVar[bool] = True
    interval: ClassVar[str] = "Wilson score; weights or clusters: linearised, logit, t"
    source: ClassVar[str] = "Wilson 1927, JASA 22:209; Binder 1983, ISR 51:279"
    no_trials: ClassVar[str]

    @abstractmethod
    def counts(self, tally: BinaryTally) -> Counts:
        """Return successes and trials, int64 [n_cells] each; both are sums of confusion counts."""

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the share and its interval for every cell; `seed` is not used."""
        if tally.totals is not None:
            return self._of_weight(tally, tally.totals, confidence)
        successes, trials = self.counts(tally)
        low, high = wilson_interval(successes, trials, confidence)
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (trials == 0, self.no_trials)]
        return metric_values(self.name, ratio(successes, trials), low, high, "Wilson score", undefined)

    def _of_weight(self, tally: BinaryTally, totals: ClusterTotals, confidence: float) -> MetricValues:
        successes, trials = self.counts(_ONE_OF_EACH)
        decisions = decision_totals(totals)
        value = share_value(successes, trials, decisions)
        low, high, no_interval = share_interval(successes, trials, decisions, confidence)
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (np.isnan(value), self.no_trials)]
        return metric_values(self.name, value, low, high, LOGIT, undefined, no_interval)


def _one_of_each() -> BinaryTally:
    """Return four cells with one row each, a TN, an FP, an FN and a TP: counts of it are the coefficients of a sum of counts."""
    bins, nothing = np.zeros((N_DECISIONS, N_BINS), np.int64), Moments(np.zeros(N_DECISIONS), np.zeros(N_DECISIONS))
    confusion = np.eye(N_DECISIONS, dtype=np.int64).reshape(N_DECISIONS, 2, 2)
    return BinaryTally(confusion, bins, bins, bins.astype(np.float64), nothing, nothing, None)


_ONE_OF_EACH = _one_of_each()
