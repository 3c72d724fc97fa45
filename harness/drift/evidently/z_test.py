"""z_test of profile evidently: two shares of a value that is there or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import norm

from harness.drift.evidently.bins import value_counts
from harness.drift.evidently.default import EvidentlyChoice
from harness.drift.evidently.statistic import P_VALUE, Comparison
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class EvidentlyZTest(EvidentlyChoice):
    """Whether one of (at most) two values is as frequent as it was; drifted when p < `threshold`.

    Formula: z = (p_r - p_c) / sqrt(P (1 - P) (1 / n + 1 / m)), P the share in both sides together; p two-sided, normal.

    The value is z of the second value, by size or in the alphabet. One value alone has z 0 and p 1. Undefined when: a side has no value, or
    there are more than two.

    Notes
    -----
    Evidently, legacy/calculations/stattests/z_stattest.py; p as 2 (1 - Φ(|z|)), which rounds to 0 beyond |z| of about 8.3.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b")), side(2, 2), side(4, 0))
    >>> round(EvidentlyZTest().read(pair).value, 6)  # (1/2 - 0) / sqrt(1/4 3/4 (1/4 + 1/4))
    1.632993
    """

    threshold: float | None = P_VALUE

    own_name: ClassVar[str] = "z_test"
    is_test: ClassVar[bool] = True

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return z and its p-value."""
        reference, current = value_counts(pair)
        if len(reference) == 1:
            return Comparison(0.0, 1.0, "one value alone, in both sides")
        if len(reference) > 2:
            return Comparison(math.nan, math.nan, f"{len(reference):,} different values, and it compares two")
        n, m = float(reference.sum()), float(current.sum())
        second = _second(pair)
        share = float(reference[second] + current[second]) / (n + m)
        z = (reference[second] / n - current[second] / m) / np.sqrt(share * (1 - share) * (1 / n + 1 / m))
        return Comparison(float(z), float(2 * (1 - norm.cdf(abs(z)))), "two-proportion p, not corrected")


def _second(pair: ColumnPair) -> int:
    """Return which of the two counted values comes second."""
    if pair.kind == "number":
        return 1
    there = [name for name, r, c in zip(pair.bins.categories, pair.reference.counts, pair.current.counts, strict=False) if r or c]
    return int(there[1] > there[0])
