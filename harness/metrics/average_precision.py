"""average_precision: how pure the top of the ranking is, over all depths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.metrics.auc import logit_interval
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.rank_bins import not_kept
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, metric_values
from harness.records.metric import MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally

ROUNDING = 1e-12  # a mean of shares that are all 1 reaches 1 up to this

MIN_CLASS = 30  # rows of the rarer class; of 20, some worlds are covered in less than .90 (docs/coverage.md)


@dataclass(frozen=True)
class AveragePrecision(BinaryMetric):
    """How pure the top of the ranking is: the mean over positive rows of the precision at their score, ties taken together.

    Formula: sum over scores of (recall - recall at the next higher score) * precision; no interpolation.
    The interval is expit(logit(value) ± z * se / (value * (1 - value))) with the linearised standard error, which the walk over the rows
    sums exactly (see `kernels.rank_curve`).

    Undefined when: the cell has fewer than 2 rows, one class only, or its order was not kept. No interval with fewer than 30 rows of a
    class, and at 1.
    """

    name: ClassVar[str] = "average_precision"
    title: ClassVar[str] = "how pure the top of the ranking is, over all depths"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "linearised, logit"
    source: ClassVar[str] = "Manning, Raghavan & Schütze 2008, section 8.4; logit: Boyd, Eng & Page 2013, ECML PKDD, section 4.2"

    def needs(self) -> Needs:
        """Return that the rank curve is read."""
        return Needs(curve=True)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return average precision and its interval for every cell; `seed` is not used."""
        if tally.curve is None:
            return not_kept(self.name, tally)
        n, positive = tally.n, tally.n_positive
        value = tally.curve.average_precision
        low, high = logit_interval(value, tally.curve.average_precision_variance, confidence)
        undefined = [(n < 2, FEWER_THAN_TWO), ((positive == 0) | (positive == n), ONE_CLASS)]
        no_interval = [
            (np.minimum(positive, n - positive) < MIN_CLASS, f"no interval: fewer than {MIN_CLASS} rows of a class"),
            (np.asarray(value > 1.0 - ROUNDING), "no interval: average precision is 1"),
        ]
        return metric_values(self.name, value, low, high, self.interval, undefined, no_interval)
