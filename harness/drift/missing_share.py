"""missing_share: whether more rows, or fewer, are without a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.day_test import BY_ROWS, Counts, DayTested, day_test
from harness.drift.sigma import FigureShift, RowsTest
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample
from harness.stats.two_proportions import two_proportion_p


@dataclass(frozen=True, kw_only=True)
class MissingShare(FigureShift, DayTested):
    """By how much the share of rows without a value has changed.

    Formula: missing rows / rows of the current side minus that of the reference. p-value: N-sigma against five or more windows of the reference;
    else the difference resampled by days, or else the two-proportion score test.

    Undefined when: a side has no rows. No p-value where no row of either side is missing, or every one.

    Parameters
    ----------
    threshold
        Absolute: .05 is five rows in a hundred.
    """

    def default_name(self) -> str:
        """Return missing_share."""
        return "missing_share"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that every column but the label has it: labels that are missing yet are no drift."""
        return kind != "none" and not is_label

    def figure(self, pair: ColumnPair, sample: Sample) -> float:
        """Return the share."""
        return sample.n_missing / sample.n_rows if sample.n_rows else math.nan

    def rows(self, sample: Sample) -> int:
        """Return all rows."""
        return sample.n_rows

    def limit(self, pair: ColumnPair, reference: float) -> float | None:
        """Return the threshold."""
        return self.threshold

    def by_rows(self, pair: ColumnPair, value: float) -> RowsTest:
        """Test by days, or two proportions."""
        by_rows = two_shares(pair.reference.n_missing, pair.reference.n_rows, pair.current.n_missing, pair.current.n_rows)
        if pair.days is not None and by_rows.p_value is not None:
            p_value, how = day_test(pair.days, lambda counts: counts.astype(np.float64), last_share_difference, self.n_resamples, self.seed)
            return RowsTest(p_value, how)
        return by_rows


def last_share_difference(reference: Counts, current: Counts) -> NDArray[np.float64]:
    """Return how far the shares of the last bin are apart, of counts [..., n_bins].

    Examples
    --------
    >>> float(last_share_difference(np.array([3.0, 1.0]), np.array([2.0, 2.0])))
    0.25
    """
    return np.asarray(np.abs(reference[..., -1] / reference.sum(axis=-1) - current[..., -1] / current.sum(axis=-1)), np.float64)


def two_shares(successes: int, trials: int, other_successes: int, other_trials: int) -> RowsTest:
    """Return the two-proportion score test of a share of either side."""
    counts = (np.array([count], np.int64) for count in (successes, trials, other_successes, other_trials))
    p_value = float(two_proportion_p(*counts)[0])
    if math.isnan(p_value):
        return RowsTest(None, "no test: all rows of both sides are alike")
    return RowsTest(p_value, f"p of two proportions, {BY_ROWS}")
