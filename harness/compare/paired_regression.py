"""Paired difference of a formula of weighted sums over the same rows, linearised over rows or clusters."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.linearised_difference import few_clusters, t_bounds, t_estimate
from harness.records.task_tally import PAIRED_REGRESSION_COMPONENTS, PairedRegressionTally
from harness.stats.effective_clusters import degrees_of_freedom, effective_clusters, fewest_effective
from harness.stats.linearised import linearised
from harness.stats.resolved import resolved_variance

Complex = NDArray[np.complex128]
Case = tuple[NDArray[np.bool_], str]
METHOD = "paired, linearised, t"  # of the effective clusters less 1; of plain rows and a mean, the paired t test


class PairedRegression(PairedMetric[PairedRegressionTally]):
    """A metric of numbers whose paired difference is a formula of sums over the rows that both variants have predicted.

    Undefined when: the cell has fewer than 2 rows. No standard error where rows are clustered or weighted and there are fewer than
    10 effective clusters (rows) in the denominator, or where the variance cannot be told from rounding; the p-value is then 1 if the
    difference is 0, else NaN.

    Attributes
    ----------
    components : tuple of str
        Which of `PAIRED_REGRESSION_COMPONENTS` both formulas take, the denominator first.
    """

    components: ClassVar[tuple[str, ...]]

    @abstractmethod
    def champion(self, t: Complex) -> Complex:
        """Return the champion's metric from totals, complex128 [n_cells, len(components)] to [n_cells]."""

    @abstractmethod
    def change(self, t: Complex) -> Complex:
        """Return challenger - champion, without taking one metric from the other where both are nearly alike."""

    def rows(self, paired: PairedRegressionTally) -> NDArray[np.int64]:
        """Return the rows that the metric is over."""
        return paired.n

    def undefined(self, paired: PairedRegressionTally) -> list[Case]:
        """Return where there is no difference, and why."""
        return [(self.rows(paired) < 2, "undefined: fewer than 2 rows")]

    def estimate(self, paired: PairedRegressionTally) -> Estimate:
        """Return both metrics, the standard error of their difference and the p-value of its t test."""
        total, cross, n_clusters = self._sums(paired)
        value, _ = linearised(self.champion, total, cross, n_clusters)
        change, variance = linearised(self.change, total, cross, n_clusters)
        variance = resolved_variance(self.change, total, cross, variance)
        undefined = self.undefined(paired)
        is_undefined = np.logical_or.reduce([case for case, _ in undefined])
        value, change, variance = (np.where(is_undefined, np.nan, x) for x in (value, change, variance))
        effective = effective_clusters(total[:, :1], cross[:, :1, :1], np.ones(1))
        degrees = degrees_of_freedom(effective, fewest_effective(effective, n_clusters, paired.is_clustered))
        few = few_clusters(n_clusters, degrees)
        few[0] = (few[0][0] & paired.is_clustered, few[0][1])
        return t_estimate(self.rows(paired), value, change, variance, degrees, METHOD, [*undefined, *few])

    def interval(self, paired: PairedRegressionTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the t interval of the difference; NaN where the standard error is."""
        return t_bounds(estimate, confidence)

    def _sums(self, paired: PairedRegressionTally) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return total and cross of the components, NaN where they overflow, and the clusters (rows, where there are none)."""
        own = [PAIRED_REGRESSION_COMPONENTS.index(name) for name in self.components]
        total, cross = paired.totals.total[:, own], paired.totals.cross[:, own][:, :, own]
        n_clusters = np.where(paired.is_clustered, paired.totals.n_clusters, self.rows(paired))
        return np.where(np.isfinite(total), total, np.nan), np.where(np.isfinite(cross), cross, np.nan), n_clusters
