"""The base class of regression metrics: one formula of totals, linearised over rows or clusters."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.metric import Metric, Task
from harness.metrics.values import FEWER_THAN_TWO, Case, metric_values
from harness.records.metric import MetricValues
from harness.records.task_tally import REGRESSION_COMPONENTS, RegressionTally
from harness.stats.effective_clusters import FEW_CLUSTERS, FEW_EFFECTIVE, effective_clusters, fewest_effective, t_quantiles
from harness.stats.linearised import MIN_CLUSTERS, linearised
from harness.stats.resolved import resolved_variance

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
BEYOND = "beyond what 64-bit numbers hold: labels are too large, or too near 0 for a percentage"


class RegressionMetric(Metric[RegressionTally]):
    """A formula of weighted sums over rows with a linearised interval, Student's t of the effective clusters less 1.

    Where each row is a cluster of its own, unweighted, and the formula is a mean, that is the t interval of a mean. On the log scale the
    interval is value * exp(± t se / value), which covers better: 30 rows with normal (Laplace) errors are covered in .93 (.89) of 3,000 worlds,
    and on the plain scale in .90 (.85) for `mse`.

    Undefined when: the cell has fewer than 2 rows. No interval where rows are clustered or weighted and there are fewer than 10
    effective clusters (rows) in the denominator, or where the variance cannot be told from rounding.

    Attributes
    ----------
    components : tuple of str
        Which of `REGRESSION_COMPONENTS` the formula takes, the denominator first.
    scale : {"linear", "log", "log(1 - value)"}
        On which the interval is symmetric.
    """

    task: ClassVar[Task] = "regression"
    takes_weights: ClassVar[bool] = True
    unit: ClassVar[str] = "unit of the label"
    highest: ClassVar[float] = float("inf")
    interval: ClassVar[str] = "linearised, Student t"
    components: ClassVar[tuple[str, ...]]
    scale: ClassVar[Literal["linear", "log", "log(1 - value)"]] = "linear"

    @abstractmethod
    def formula(self, t: Complex) -> Complex:
        """Return the metric from totals, complex128 [n_cells, len(components)] to [n_cells]."""

    def undefined(self, tally: RegressionTally, totals: Floats) -> list[Case]:
        """Return where it is not defined, and why."""
        return [(tally.n < 2, FEWER_THAN_TWO)]

    def method(self, tally: RegressionTally) -> str | NDArray[np.object_]:
        """Return what the interval is called."""
        return self.interval

    def n_clusters(self, tally: RegressionTally) -> NDArray[np.int64]:
        """Return how many clusters, or rows where there are none, the formula is over."""
        return tally.totals.n_clusters

    def compute(self, tally: RegressionTally, confidence: float, seed: int) -> MetricValues:
        """Return value and interval of every cell; `seed` is not used."""
        own = [REGRESSION_COMPONENTS.index(name) for name in self.components]
        total, cross = tally.totals.total[:, own], tally.totals.cross[:, own][:, :, own]
        has_spread = np.isfinite(total).all(axis=1) & np.isfinite(cross).all(axis=(1, 2))
        total, cross = np.where(np.isfinite(total), total, np.nan), np.where(np.isfinite(cross), cross, np.nan)
        n_clusters = self.n_clusters(tally)
        value, variance = linearised(self.formula, total, cross, n_clusters)
        variance = resolved_variance(self.formula, total, cross, variance)
        quantile = self._quantile(tally, total, cross, n_clusters, confidence)
        low, high = self._bounds(value, quantile * np.sqrt(variance))
        undefined = [*self.undefined(tally, total), (~np.isfinite(value), BEYOND)]
        few = [
            (tally.is_clustered & (n_clusters < MIN_CLUSTERS), FEW_CLUSTERS),
            (~has_spread, f"no interval: {BEYOND}"),
            (np.isnan(quantile), FEW_EFFECTIVE),
            (variance == 0, "no interval: the errors are the same in all rows, or nearly so"),
        ]
        return metric_values(self.name, value, low, high, self.method(tally), undefined, few)

    def _quantile(self, tally: RegressionTally, total: Floats, cross: Floats, n_clusters: NDArray[np.int64], confidence: float) -> Floats:
        """Return Student's quantile; rows that are neither clustered nor weighted need not be ten."""
        denominator = np.zeros(len(self.components))
        denominator[0] = 1.0
        effective = effective_clusters(total, cross, denominator)
        return t_quantiles(effective, confidence, fewest_effective(effective, n_clusters, tally.is_clustered))

    def _bounds(self, value: Floats, half: Floats) -> tuple[Floats, Floats]:
        if self.scale == "linear":
            return np.maximum(value - half, self.lowest), value + half
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.scale == "log":
                factor = np.exp(half / value)
                return value / factor, value * factor
            factor = np.exp(half / (1.0 - value))
            return 1.0 - (1.0 - value) * factor, 1.0 - (1.0 - value) / factor
