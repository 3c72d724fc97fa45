"""Paired difference of shares that have the same denominator for both variants, by Tango's interval."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.linearised_difference import Ratios, linearised_bounds, linearised_estimate, tango_where_unvaried, with_tango
from harness.compare.tango import mcnemar_p_value, tango_interval
from harness.records.tally import PAIRED_COMPONENTS, PairedTally

N_CELLS = 8  # of `PairedTally.cells`, the first components
Table = NDArray[np.int64]


class PairedShare(PairedMetric[PairedTally]):
    """A share of the same rows for both variants: accuracy, recall, false positive rate, selection rate.

    Undefined when: fewer than 2 rows are in the denominator. `se` is sqrt((b + c) / n - (b - c)² / n²) / sqrt(n) from the
    discordant counts b and c, NaN where it would be 0.

    Of weighted or clustered rows: shares of weight, with the linearised standard error and Student's t of the effective clusters less 1;
    where no row is discordant, Tango's interval with the effective clusters in place of rows.
    """

    @abstractmethod
    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return int64 [n_cells, 2, 2]: rows [counted by the champion, counted by the challenger]."""

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both shares, the standard error of their difference and McNemar's p-value (the t test's over clusters)."""
        plain = share_estimate(self.table(paired.cells))
        return plain if paired.totals is None else with_tango(linearised_estimate(plain.n, paired.totals, self._ratios()))

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return Tango's score interval, or Student's t over clusters; NaN where the difference is not defined."""
        if paired.totals is None:
            return share_interval(self.table(paired.cells), confidence)
        low, high = linearised_bounds(paired.totals, self._ratios(), estimate, confidence)
        return tango_where_unvaried(paired.totals, self._ratios(), estimate, (low.clip(-1.0), high.clip(None, 1.0)), confidence)

    def _ratios(self) -> Ratios:
        """Return the coefficients of the shares: as `table` is a sum of cells, what it makes of one row in each."""
        table = np.zeros((len(PAIRED_COMPONENTS), 2, 2), np.int64)
        table[:N_CELLS] = self.table(np.eye(N_CELLS, dtype=np.int64).reshape(-1, 2, 2, 2))
        return Ratios(table[:, 1].sum(axis=1), table[:, 0, 1] - table[:, 1, 0], table.sum(axis=(1, 2)))


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
