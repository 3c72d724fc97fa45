"""cardinality: whether a column has more different values, or fewer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.drift.sigma import FigureShift, RowsTest
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading, Sample

AS_LONG = 2.0  # a window of twice, or half, the rows of another still compares with it


@dataclass(frozen=True, kw_only=True)
class CardinalityShift(FigureShift):
    """By how much the number of different values has changed.

    Formula: different values of the current rows minus those of the reference. More rows have more different values, so that only windows of about
    as many rows compare: p-value and threshold stand where the reference has five or more windows that hold between half and twice the current
    rows; otherwise the difference is shown and decides nothing. It has no standard error of rows.

    Undefined when: a side has no value. No row at all where the values were not counted.

    Parameters
    ----------
    threshold
        As a share of the mean over the reference's windows; the reading gives it in values.
    """

    def default_name(self) -> str:
        """Return cardinality."""
        return "cardinality"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that every column has different values; of a label, see its shares."""
        return kind != "none" and not is_label

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the numbers of different values; None where they were not counted."""
        return None if pair.reference.n_distinct is None or pair.current.n_distinct is None else super().read(pair)

    def figure(self, pair: ColumnPair, sample: Sample) -> float:
        """Return the number of different values."""
        return math.nan if sample.n_distinct is None or not sample.n_present else sample.n_distinct

    def rows(self, sample: Sample) -> int:
        """Return the rows with a value."""
        return sample.n_present

    def windows_of(self, pair: ColumnPair) -> tuple[Sample, ...]:
        """Return the windows with about as many rows."""
        n = self.rows(pair.current)
        return tuple(w for w in pair.reference_windows if n / AS_LONG <= self.rows(w) <= n * AS_LONG)

    def limit(self, pair: ColumnPair, reference: float) -> float | None:
        """Return the threshold in values; None where no windows compare."""
        known = sum(w.n_distinct is not None for w in self.windows_of(pair))
        return None if self.threshold is None or known < 5 else self.threshold * reference

    def by_rows(self, pair: ColumnPair, value: float) -> RowsTest:
        """Return that there is no such test."""
        return RowsTest(None, "shown only: it has no standard error of rows")
