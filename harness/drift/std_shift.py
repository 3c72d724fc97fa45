"""std: whether the standard deviation of a column has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.drift.readings import left_out, unit_of
from harness.drift.sigma import FigureShift, RowsTest, error_test
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample


@dataclass(frozen=True, kw_only=True)
class StdShift(FigureShift):
    """By how much the standard deviation of the finite values has changed, in the unit of the column, seconds of a time.

    Formula: s of the current rows minus s of the reference, ddof 1. p-value: N-sigma against five or more windows of the reference; else against
    the standard error sqrt((m4 - m2²)(1/n + 1/m)) / (s + s'), m2 and m4 the second and fourth central moments, each pooled over both sides:
    pooled as they are without drift, since a fourth moment of one heavy-tailed side is far off (lognormal with sigma 1, 2,000 rows against 200:
    the side's own moments alarm in .16 of undrifted worlds at level .05, the pooled ones in .06). Rows are treated as independent. Where only a
    profile is known, its fourth moment is taken to be that of a normal column.

    Undefined when: a side has fewer than two finite values. Where the error is 0, any difference decides by itself.

    Parameters
    ----------
    threshold
        As a share of the reference's standard deviation; the reading gives it in the unit of the value.

    Notes
    -----
    Variance of a sample variance: Cramér, Mathematical Methods of Statistics, 1946, section 27.4; a pooled fourth moment: Layard 1973, JASA 68:195.
    """

    def default_name(self) -> str:
        """Return std."""
        return "std"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that numbers and times have a standard deviation."""
        return kind in ("number", "time")

    def figure(self, pair: ColumnPair, sample: Sample) -> float:
        """Return the standard deviation."""
        return sample.std / unit_of(pair) if self.rows(sample) > 1 else math.nan

    def rows(self, sample: Sample) -> int:
        """Return the number of finite values."""
        return sample.n_present - sample.n_infinite

    def limit(self, pair: ColumnPair, reference: float) -> float | None:
        """Return the threshold in the unit of the value."""
        return None if self.threshold is None else self.threshold * reference

    def remark(self, pair: ColumnPair) -> str:
        """Say what is left out."""
        return left_out(pair)

    def by_rows(self, pair: ColumnPair, value: float) -> RowsTest:
        """Compare with the standard error of the pooled fourth moment."""
        sides = [(self.rows(s), s) for s in (pair.reference, pair.current)]
        n_rows = sum(n for n, _ in sides)
        second = sum((n - 1) * s.std**2 for n, s in sides) / n_rows
        fourth = sum(n * (3.0 * s.std**4 if s.fourth_moment is None else s.fourth_moment) for n, s in sides) / n_rows
        spread = max(fourth - second**2, 0.0) * sum(1.0 / n for n, _ in sides)
        both = sum(s.std for _, s in sides)
        error = math.sqrt(spread) / both / unit_of(pair) if both > 0.0 else 0.0
        p_value, how = error_test(value, error)
        assumed = "" if all(s.fourth_moment is not None for _, s in sides) else ", fourth moment of a normal column"
        return RowsTest(p_value, how + assumed, decides_alone=p_value is None)
