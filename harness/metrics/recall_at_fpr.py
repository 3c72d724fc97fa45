"""recall_at_fpr: how many positive rows are found when few negative rows may be selected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.rank_bins import check_share, not_kept, roc_slope, wilson_of_share, wrong_parameter
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, metric_values
from harness.records.metric import MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally, RankCurve
from harness.stats.cuts import largest_within

MIN_POSITIVE = 10
MIN_ALLOWED = 5  # negative rows within max_fpr; fewer, and the threshold is too uncertain for a slope to describe (docs/decisions/009)


@dataclass(frozen=True)
class RecallAtFpr(BinaryMetric):
    """How many positive rows are found when few negative rows may be selected: the highest recall at a threshold with FPR <= max_fpr.

    No interpolation; rows of equal score are selected together or not at all.
    The interval is Wilson's with the effective number of positive rows: R (1 - R) / variance, where the variance is that of the share
    R (1 - R) / P plus that of the threshold, slope² * Var(FPR), with the slope of the ROC curve there from 60 rank bins and the
    variance of Beta(k + 1, N - k), k negative rows being allowed.

    Undefined when: the cell has fewer than 2 rows, one class only, or the curve was not kept or was kept for another rate. No interval
    with fewer than 10 positive rows, or where max_fpr allows fewer than 5 negative rows.

    Parameters
    ----------
    max_fpr : float
        The false positive rate that is allowed, above 0 and below 1.

    Raises
    ------
    ConfigError
        When it is not.
    """

    max_fpr: float = 0.05

    name: ClassVar[str] = "recall_at_fpr"
    title: ClassVar[str] = "of the positive rows, which share is found at a false positive rate of at most max_fpr"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "Wilson with the effective n of the cut"
    source: ClassVar[str] = "Pepe 2003, sections 5.2.3 (empirical ROC point) and 5.3.2 (its variance); Wilson 1927, JASA 22:209"

    def __post_init__(self) -> None:
        check_share("recall_at_fpr.max_fpr", self.max_fpr, may_be_one=False)

    def needs(self) -> Needs:
        """Return that the rank curve is read, for this rate."""
        return Needs(curve=True, max_fpr=self.max_fpr)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the recall and its interval for every cell; `seed` is not used."""
        if tally.curve is None:
            return not_kept(self.name, tally)
        why = wrong_parameter(tally.curve.max_fpr, self.max_fpr, "max_fpr")
        if why:
            return not_kept(self.name, tally, why)
        n, positive = tally.n, tally.n_positive
        allowed = largest_within(self.max_fpr, n - positive)
        low, high = self._interval(tally.curve, positive, n - positive, allowed, confidence)
        undefined = [(n < 2, FEWER_THAN_TWO), ((positive == 0) | (positive == n), ONE_CLASS)]
        no_interval = [
            (positive < MIN_POSITIVE, f"no interval: fewer than {MIN_POSITIVE} positive rows"),
            (allowed < MIN_ALLOWED, f"no interval: max_fpr allows fewer than {MIN_ALLOWED} negative rows"),
        ]
        return metric_values(self.name, tally.curve.recall_at_fpr, low, high, self.interval, undefined, no_interval)

    def _interval(
        self, curve: RankCurve, p: NDArray[np.int64], n: NDArray[np.int64], allowed: NDArray[np.int64], confidence: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        value = np.where((p > 0) & (n > 0), curve.recall_at_fpr, 0.5)  # elsewhere the cell is undefined
        smoothed = (value * p + 0.5) / (p + 1.0)
        # Of a concave ROC curve, as that of any score worth its name, no slope is below that of the chord to (1, 1).
        slope = np.maximum(np.nan_to_num(roc_slope(curve, value, allowed, n)), (1.0 - smoothed) / (1.0 - self.max_fpr))
        rate_variance = (allowed + 1.0) * (n - allowed) / ((n + 1.0) ** 2 * (n + 2.0))
        variance = smoothed * (1.0 - smoothed) / np.maximum(p, 1) + slope**2 * rate_variance
        return wilson_of_share(value, variance, smoothed, confidence)
