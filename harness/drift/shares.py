"""What the statistics of binned shares have in common: the counts they read, the test of those counts, the reading."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.day_test import BY_ROWS, Counts, DayTested, day_test
from harness.drift.homogeneity import homogeneity
from harness.drift.readings import nobody, reading, undefined
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading


@dataclass(frozen=True, kw_only=True)
class SharesStatistic(DayTested):
    """Base of the statistics that compare the shares of two sides in common bins.

    The value is of all bins, missing among them; of a label only rows that have one are compared. The p-value is that of Pearson's test of
    homogeneity on the same bins, which asks what they all ask: have both sides the same shares? To first order chi-square and, over
    1/n + 1/m, PSI, 8 times the Jensen-Shannon divergence and 8 Hellinger² are one statistic, but only Pearson's keeps its level where bins
    hold few rows: with 50 equal categories and 400 rows a side, PSI referred to chi-square alarms in .12 of undrifted worlds at level .05,
    Jensen-Shannon in .08, Hellinger in .10, Pearson in .05. Where the pair has counts by day, the statistic itself is resampled by days.
    """

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that every column with values has shares."""
        return kind != "none"

    @abstractmethod
    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return the statistic of counts, float64 [..., n_bins] of either side, neither of them empty."""

    def remark(self, pair: ColumnPair, reference: Counts, current: Counts) -> str:
        """Return what the note says besides how the p-value was found."""
        return ""

    def read(self, pair: ColumnPair) -> Reading:
        """Compare the shares of both sides; undefined where a side has no rows."""
        reference, current = compared(pair, pair.reference.counts), compared(pair, pair.current.counts)
        n, m = int(reference.sum()), int(current.sum())
        if not n or not m:
            return undefined(self.threshold, n, m, nobody(n))
        value = float(self.of_counts(reference, current))
        if math.isnan(value):
            return undefined(self.threshold, n, m, "one category on both sides")
        p_value, how = self._test(pair, reference, current)
        return reading(value, self.threshold, p_value, n, m, self.remark(pair, reference, current), how)

    def _test(self, pair: ColumnPair, reference: Counts, current: Counts) -> tuple[float | None, str]:
        found = homogeneity(joined(pair, reference), joined(pair, current))
        if pair.days is None or found.p_value is None:
            return found.p_value, found.how if found.p_value is None else f"{found.how}, {BY_ROWS}"
        return day_test(pair.days, lambda counts: joined(pair, compared(pair, counts)), self.of_counts, self.n_resamples, self.seed)


def compared(pair: ColumnPair, counts: NDArray[np.int64]) -> Counts:
    """Return the counts [..., n_bins] that are compared: a row without a label is on neither side."""
    taken = counts.astype(np.float64)
    if pair.is_label:
        taken[..., -1] = 0.0
    return taken


def joined(pair: ColumnPair, counts: Counts) -> Counts:
    """Return counts [..., n_bins] as they are tested: of a number the two outer bins are counted with their neighbours.

    No reference row is below the reference's minimum or above its maximum, by definition: a test that took these bins for any others would
    find drift in a single current row out there. A column with one inner bin keeps all three.
    """
    if len(pair.bins.edges) <= 2:
        return counts
    tested = np.concatenate([counts[..., 1:-2], counts[..., -1:]], axis=-1)
    tested[..., 0] += counts[..., 0]
    tested[..., -2] += counts[..., -2]
    return tested
