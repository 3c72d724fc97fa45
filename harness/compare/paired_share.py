"""Paired difference of shares that have the same denominator for both variants, by Tango's interval."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.tango import mcnemar_p_value, tango_interval
from harness.records.tally import PairedTally

Table = NDArray[np.int64]


class PairedShare(PairedMetric[PairedTally]):
    """A share of the same rows for both variants: accuracy, recall, false positive rate, selection rate.

    Undefined when: fewer than 2 rows are in the denominator. `se` is sqrt((b + c) / n - (b - c)² / n²) / sqrt(n) from the
    discordant counts b and c, NaN where it would be 0.
    """

    @abstractmethod
    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return int64 [n_cells, 2, 2]: rows [counted by the champion, counted by the challenger]."""

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both shares, the standard error of their difference and McNemar's p-value."""
        table = self.table(paired.cells)
        n = table.sum(axis=(1, 2), dtype=np.int64)
        rows = np.where(n >= 2, n, np.nan).astype(np.float64)
        gained, lost = table[:, 0, 1], table[:, 1, 0]
        difference = (gained - lost) / rows
        se = np.sqrt(np.maximum((gained + lost) / rows - difference * difference, 0.0) / rows)
        return Estimate(
            n=n,
            champion=(table[:, 1, 0] + table[:, 1, 1]) / rows,
            challenger=(table[:, 0, 1] + table[:, 1, 1]) / rows,
            se=np.where(se > 0, se, np.nan),
            p_value=np.where(n >= 2, mcnemar_p_value(gained, lost), np.nan),
            method=np.where(n >= 2, "Tango score; McNemar score test", "undefined: fewer than 2 rows").astype(np.object_),
        )

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return Tango's score interval; NaN where the difference is not defined."""
        table = self.table(paired.cells)
        return tango_interval(table[:, 0, 1], table[:, 1, 0], np.where(estimate.n >= 2, estimate.n, 0), confidence)
