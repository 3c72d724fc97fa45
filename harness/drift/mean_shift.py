"""mean: whether the mean of a column has moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.drift.readings import left_out, unit_of
from harness.drift.sigma import FigureShift, RowsTest, error_test
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample


@dataclass(frozen=True, kw_only=True)
class MeanShift(FigureShift):
    """By how much the mean of the finite values has moved, in the unit of the column, seconds of a time.

    Formula: mean of the current rows minus that of the reference. p-value: N-sigma against five or more windows of the reference; else Welch's t,
    difference / sqrt(s² / n + s'² / m). Counts by day hold no values: the latter always treats rows as independent.

    Undefined when: a side has no finite value. No p-value where a side has one value and no windows; where neither side varies, any difference
    decides by itself.

    Parameters
    ----------
    threshold
        In standard deviations of the reference; the reading gives it in the unit of the value.

    Notes
    -----
    Welch 1947, Biometrika 34:28.
    """

    def default_name(self) -> str:
        """Return mean."""
        return "mean"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that numbers and times have a mean."""
        return kind in ("number", "time")

    def figure(self, pair: ColumnPair, sample: Sample) -> float:
        """Return the mean."""
        return sample.mean / unit_of(pair)

    def rows(self, sample: Sample) -> int:
        """Return the number of finite values."""
        return sample.n_present - sample.n_infinite

    def limit(self, pair: ColumnPair, reference: float) -> float | None:
        """Return the threshold in the unit of the value."""
        return None if self.threshold is None else self.threshold * pair.reference.std / unit_of(pair)

    def remark(self, pair: ColumnPair) -> str:
        """Say what is left out."""
        return left_out(pair)

    def by_rows(self, pair: ColumnPair, value: float) -> RowsTest:
        """Return Welch's test."""
        sides = [(s.std**2 / unit_of(pair) ** 2 / self.rows(s), self.rows(s)) for s in (pair.reference, pair.current) if self.rows(s) > 1]
        if len(sides) < 2:
            return RowsTest(None, "no test: fewer than two values on a side")
        variance = sum(own for own, _ in sides)
        if not variance > 0.0:
            return RowsTest(*error_test(value, 0.0), decides_alone=True)
        degrees = variance**2 / sum(own**2 / (n - 1) for own, n in sides)
        return RowsTest(*error_test(value, math.sqrt(variance), degrees))
