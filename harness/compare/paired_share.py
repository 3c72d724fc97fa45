"""Paired difference of shares that have the same denominator for both variants, by Tango's interval."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.tango import mcnemar_p_value, tango_interval
from harness.compare.weighted_share import ShareWeights, weighted_share_bounds, weighted_share_estimate
from harness.records.tally import PAIRED_COMPONENTS, PairedTally

N_CELLS = 8  # of `PairedTally.cells`, the first components
Table = NDArray[np.int64]


class PairedShare(PairedMetric[PairedTally]):
    """A share of the same rows for both variants: accuracy, recall, false positive rate, selection rate.

    Undefined when: fewer than 2 rows are in the denominator. `se` is sqrt((b + c) / n - (b - c)² / n²) / sqrt(n) from the
    discordant counts b and c, NaN where it would be 0.

    Of weighted or clustered rows: shares of weight, with the linearised standard error; interval and test are the same score ones of the
    rows that the design effect leaves, with Student's t of the effective clusters less 1 (`weighted_share_bounds`). No interval under 10
    effective clusters in the denominator.
    """

    @abstractmethod
    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return int64 [n_cells, 2, 2]: rows [counted by the champion, counted by the challenger]."""

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both shares, the standard error of their difference and McNemar's p-value."""
        plain = share_estimate(self.table(paired.cells))
        return plain if paired.totals is None else weighted_share_estimate(plain.n, paired.totals, self._weights())

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return Tango's score interval; NaN where the difference is not defined."""
        if paired.totals is None:
            return share_interval(self.table(paired.cells), confidence)
        return weighted_share_bounds(paired.totals, self._weights(), estimate, confidence)

    def _weights(self) -> ShareWeights:
        """Return the coefficients of the shares: as `table` is a sum of cells, what it makes of one row in each."""
        table = np.zeros((len(PAIRED_COMPONENTS), 2, 2), np.int64)
        table[:N_CELLS] = self.table(np.eye(N_CELLS, dtype=np.int64).reshape(-1, 2, 2, 2))
        return ShareWeights(table[:, 0, 1], table[:, 1, 0], table[:, 1, 1], table.sum(axis=(1, 2)))


def share_estimate(table: Table) -> Estimate:
    """Return both shares of a table int64 [n_cells, 2, 2], the standard error of their difference and McNemar's p-value."""
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


def share_interval(table: Table, confidence: NDArray[np.float64]) -> Bounds:
    """Return Tango's score interval of a table int64 [n_cells, 2, 2]; NaN where it has fewer than 2 rows."""
    n = table.sum(axis=(1, 2), dtype=np.int64)
    return tango_interval(table[:, 0, 1], table[:, 1, 0], np.where(n >= 2, n, 0), confidence)
