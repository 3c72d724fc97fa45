"""ce2_debiased: how far scores are from the observed rates, squared, less what chance adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtri

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally

MIN_ROWS, MIN_CLASS = 50, 10  # of fewer, some worlds are covered in less than .90 (docs/coverage.md)


@dataclass(frozen=True)
class Ce2Debiased(BinaryMetric):
    """How far scores are from the observed rates: the squared l2 calibration error over 15 equal-width bins, less its upward bias.

    Formula: sum over bins of n_b / n * ((mean score - rate)² - rate * (1 - rate) / (n_b - 1)).

    It is a square, and its mean is the true one: it may be negative, and for a calibrated model it is so about half of the time. A bin
    with one row says nothing about chance and is left out of the sum (its row stays in n).
    The interval is normal, with the variance (4 c v + 2 v²) of each bin's term, c its debiased square and v its chance variance, plus
    that of the shares of the bins. It is symmetric about the value and may begin below 0.

    Undefined when: the cell has fewer than 2 rows, or no bin has 2. No interval with fewer than 50 rows, or 10 of a class.
    """

    name: ClassVar[str] = "ce2_debiased"
    title: ClassVar[str] = "how far scores are from the observed rates, squared, less what chance adds"
    unit: ClassVar[str] = "share²"
    direction: ClassVar[Direction] = "lower"
    lowest: ClassVar[float] = -1.0
    interval: ClassVar[str] = "normal, from the variance of squared deviations"
    source: ClassVar[str] = "Kumar, Liang & Ma 2019, NeurIPS, section 4 (debiased estimator)"

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the debiased square and its interval for every cell; `seed` is not used."""
        n, rows = tally.n, tally.bin_n
        many = rows >= 2
        share = ratio(np.where(many, rows, 0), n[:, None])
        rate = np.where(many, tally.bin_positive, 0) / np.maximum(rows, 2)
        gap = np.where(many, ratio(tally.bin_score, rows), 0.0) - rate
        square = gap**2 - rate * (1.0 - rate) / np.maximum(rows - 1, 1)
        value = (share * square).sum(axis=1)
        smoothed = (tally.bin_positive + 0.5) / (rows + 1.0)  # a bin without positive rows has some chance variance, too
        chance = smoothed * (1.0 - smoothed) / np.maximum(rows, 1)
        within = share**2 * (4.0 * square.clip(0.0) * chance + 2.0 * chance**2)
        between = share * (square - value[:, None]) ** 2
        variance = within.sum(axis=1) + ratio(between.sum(axis=1), n)
        half = float(ndtri(0.5 + confidence / 2)) * np.sqrt(variance)
        undefined = [(n < 2, FEWER_THAN_TWO), (np.asarray((rows < 2).all(axis=1)), "no bin has 2 rows")]
        rarer = np.minimum(tally.n_positive, n - tally.n_positive)
        few = ((n < MIN_ROWS) | (rarer < MIN_CLASS), f"no interval: fewer than {MIN_ROWS} rows, or than {MIN_CLASS} of a class")
        return metric_values(self.name, value, (value - half).clip(-1.0), (value + half).clip(None, 1.0), self.interval, undefined, [few])
