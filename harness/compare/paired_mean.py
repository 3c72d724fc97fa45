"""Paired difference of two means over the same rows, by Student's t from the moments."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.records.tally import Moments, PairedTally


class PairedMean(PairedMetric[PairedTally]):
    """A mean over rows of a loss; its paired difference is the mean of the rows' differences.

    Formula: mean(d) ± t_{n-1} * sqrt(m2 / (n - 1) / n), with d the challenger's loss minus the champion's.

    Undefined when: the cell has fewer than 2 rows. Where all differences are equal there is no interval; the p-value is then
    1 if they are all 0, else NaN.
    """

    @abstractmethod
    def moments(self, paired: PairedTally) -> tuple[Moments, Moments]:
        """Return the moments of the champion's loss and of the difference challenger - champion."""

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both means, the standard error of their difference and the p-value of the paired t test."""
        champion, difference = self.moments(paired)
        n = paired.n
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
        )

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the t interval of the mean difference; NaN where the standard error is."""
        mean = self.moments(paired)[1].mean
        degrees = np.where(np.isfinite(estimate.se), estimate.n - 1, np.nan).astype(np.float64)
        half = stdtrit(degrees, 0.5 + confidence / 2) * estimate.se
        return mean - half, mean + half
