"""The base class of metrics that are a share of rows, with Wilson's interval."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.metric import BinaryMetric
from harness.metrics.values import FEWER_THAN_TWO, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally
from harness.stats.wilson import wilson_interval

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]


class Proportion(BinaryMetric):
    """A share of rows: successes / trials, with Wilson's score interval.

    Undefined when the cell has fewer than 2 rows, or when no row is a trial.
    """

    unit: ClassVar[str] = "share"
    interval: ClassVar[str] = "Wilson score"
    source: ClassVar[str] = "Wilson 1927, JASA 22:209"
    no_trials: ClassVar[str]

    @abstractmethod
    def counts(self, tally: BinaryTally) -> Counts:
        """Return successes and trials, int64 [n_cells] each."""

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the share and its Wilson interval for every cell; `seed` is not used."""
        successes, trials = self.counts(tally)
        low, high = wilson_interval(successes, trials, confidence)
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (trials == 0, self.no_trials)]
        return metric_values(self.name, ratio(successes, trials), low, high, "Wilson score", undefined)
