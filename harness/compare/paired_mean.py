"""Paired difference of two means over the same rows, by Student's t from the moments."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.linearised_difference import Ratios, linearised_estimate, t_bounds
from harness.records.tally import PAIRED_COMPONENTS, Moments, PairedTally

_COMPONENTS = np.eye(len(PAIRED_COMPONENTS))
_ROWS = _COMPONENTS[:8].sum(axis=0)  # every row is in one of the cells [label, predicted, predicted]


class PairedMean(PairedMetric[PairedTally]):
    """A mean over rows of a loss; its paired difference is the mean of the rows' differences.

    Formula: mean(d) ± t_{n-1} * sqrt(m2 / (n - 1) / n), with d the challenger's loss minus the champion's.

    Undefined when: the cell has fewer than 2 rows. Where all differences are equal there is no interval; the p-value is then
    1 if they are all 0, else NaN. Of weighted or clustered rows: weighted means, with the linearised standard error and Student's t of the
    effective clusters less 1.

    Attributes
    ----------
    component : str
        Which of `PAIRED_COMPONENTS` is the difference of the loss; "champion_" before it is the champion's loss.
    """

    component: ClassVar[str]

    @abstractmethod
    def moments(self, paired: PairedTally) -> tuple[Moments, Moments]:
        """Return the moments of the champion's loss and of the difference challenger - champion."""

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both means, the standard error of their difference and the p-value of the paired t test."""
        if paired.totals is not None:
            return linearised_estimate(paired.n, paired.totals, self._ratios())
        return mean_estimate(paired.n, *self.moments(paired))

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the t interval of the mean difference; NaN where the standard error is."""
        if paired.totals is not None:
            return t_bounds(estimate, confidence)
        return mean_interval(self.moments(paired)[1], estimate, confidence)

    def _ratios(self) -> Ratios:
        champion, change = (_COMPONENTS[PAIRED_COMPONENTS.index(prefix + self.component)] for prefix in ("champion_", ""))
        return Ratios(champion, change, _ROWS)


def mean_estimate(n: NDArray[np.int64], champion: Moments, difference: Moments) -> Estimate:
    """Return both means of n rows, the standard error of their difference and the p-value of the paired t test."""
    is_defined, varies = n >= 2, (n >= 2) & (difference.m2 > 0)
    degrees = np.where(varies, n - 1, np.nan).astype(np.float64)
    se = np.sqrt(difference.m2 / degrees / n.clip(1))
    p_value = 2.0 * stdtr(degrees, -np.abs(difference.mean) / se)
    p_value[is_defined & ~varies & (difference.mean == 0)] = 1.0
    method = np.where(is_defined, "no interval: all differences are equal", "undefined: fewer than 2 rows").astype(np.object_)
    method[varies] = "paired Student t"
    return Estimate(
        n=n,
        champion=np.where(is_defined, champion.mean, np.nan),
        challenger=np.where(is_defined, champion.mean + difference.mean, np.nan),
        se=se,
        p_value=np.asarray(p_value, dtype=np.float64),
        method=method,
        degrees=degrees,
    )


def mean_interval(difference: Moments, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
    """Return the t interval of the mean difference; NaN where the standard error is."""
    degrees = np.where(np.isfinite(estimate.se), estimate.n - 1, np.nan).astype(np.float64)
    half = stdtrit(degrees, 0.5 + confidence / 2) * estimate.se
    return difference.mean - half, difference.mean + half
