"""calibration_ratio: how many positive rows the scores promise for each one that there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.metrics.linearised_interval import quantiles, too_few
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.values import FEWER_THAN_TWO, Case, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.needs import Needs
from harness.records.tally import BINARY_COMPONENTS, BinaryTally, ClusterTotals
from harness.stats.linearised import linearised

MIN_POSITIVE = 10  # of fewer, the cells that have so many at all are not typical of their rate (docs/coverage.md)
NO_POSITIVE = "no positive rows"
SCORE = np.eye(len(BINARY_COMPONENTS))[BINARY_COMPONENTS.index("score")]
POSITIVE = sum(np.eye(len(BINARY_COMPONENTS))[BINARY_COMPONENTS.index(name)] for name in ("fn", "tp"))


@dataclass(frozen=True)
class CalibrationRatio(BinaryMetric):
    """How many positive rows the scores promise for each one that there is: 1 is right, 2 promises twice as many.

    Formula: sum of scores / number of positive rows. The interval is value * exp(± z * se) with se² = mean((s / S - y / Y)²) / n, S and Y
    the means of score and label: the delta method on the logarithm. Where rows are weighted or clustered both sums are of weight, with
    the linearised standard error of the logarithm and Student's t.

    Undefined when: the cell has fewer than 2 rows, or no positive row. No interval with fewer than 10 positive rows, or where the
    sum of the scores of positive rows was not kept.
    """

    name: ClassVar[str] = "calibration_ratio"
    title: ClassVar[str] = "how many positive rows the scores promise for each one that there is"
    unit: ClassVar[str] = "1"
    direction: ClassVar[Direction] = "none"
    highest: ClassVar[float] = float("inf")
    takes_weights: ClassVar[bool] = True
    interval: ClassVar[str] = "delta method on the log; weights or clusters: linearised, log, t"
    source: ClassVar[str] = "Cox 1958, Biometrika 45:562 (calibration in the large); delta method: Cochran 1977, section 6.4"

    def needs(self) -> Needs:
        """Return that the sum of the scores of positive rows is read, which comes with the calibration fit."""
        return Needs(calibration=True)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the ratio and its interval for every cell; `seed` is not used."""
        if tally.totals is not None:
            return self._of_weight(tally, tally.totals, confidence)
        n, positive = tally.n, tally.n_positive
        value = ratio(tally.bin_score.sum(axis=1), positive)
        half = float(ndtri(0.5 + confidence / 2)) * np.sqrt(self._log_variance(tally))
        kept = np.full(len(n), tally.calibration is not None)
        no_interval = [
            (~kept, "no interval: not kept: the sum of the scores of positive rows"),
            (positive < MIN_POSITIVE, f"no interval: fewer than {MIN_POSITIVE} positive rows"),
        ]
        return self._values(tally, value, half, "delta method on the log", positive == 0, no_interval)

    def _log_variance(self, tally: BinaryTally) -> NDArray[np.float64]:
        """Return the variance of the log ratio from mean s² = mean (s - y)² + 2 mean s y - mean y; NaN where it was not kept."""
        n, rate = tally.n, ratio(tally.n_positive, tally.n)
        if tally.calibration is None:
            return np.full(len(n), np.nan)
        both = ratio(tally.calibration.positive_score, n)
        score = ratio(tally.bin_score.sum(axis=1), n)
        square = tally.brier.mean + 2.0 * both - rate
        relative = ratio(square, score**2) - 2.0 * ratio(both, score * rate) + ratio(np.ones(len(n)), rate)
        return ratio(relative.clip(0.0), n)

    def _of_weight(self, tally: BinaryTally, totals: ClusterTotals, confidence: float) -> MetricValues:
        def log_ratio(t: NDArray[np.complex128]) -> NDArray[Any]:
            return np.asarray(np.log(t @ SCORE) - np.log(t @ POSITIVE))

        quantile = quantiles(totals, [POSITIVE], confidence)
        _, variance = linearised(log_ratio, totals.total, totals.cross, totals.n_clusters)
        value = ratio(totals.total @ SCORE, totals.total @ POSITIVE)
        half = quantile * np.sqrt(variance)
        return self._values(tally, value, half, "linearised, log, t", totals.total @ POSITIVE == 0, too_few(totals, quantile))

    def _values(
        self,
        tally: BinaryTally,
        value: NDArray[np.float64],
        half: NDArray[np.float64],
        method: str,
        is_empty: NDArray[Any],
        no_interval: list[Case],
    ) -> MetricValues:
        """Return value * exp(± half) with the reasons that both forms share."""
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (np.asarray(is_empty, np.bool_), NO_POSITIVE)]
        half = np.where(half < 700.0, half, np.nan)  # exp of more is above every float64
        return metric_values(self.name, value, value * np.exp(-half), value * np.exp(half), method, undefined, no_interval)
