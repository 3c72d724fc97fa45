"""chi_square of profile evidently: one-sample, as if the reference's shares were known without error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import chisquare

from harness.drift.evidently.bins import value_counts
from harness.drift.evidently.default import EvidentlyChoice
from harness.drift.evidently.statistic import P_VALUE, Comparison
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class EvidentlyChiSquare(EvidentlyChoice):
    """Whether the current values are distributed as the reference's shares say; drifted when p < `threshold`.

    Formula: sum over values of (c - e)² / e with e = r m / n; p of chi-square with one degree of freedom less than values.

    One-sample: the error of the reference's shares is not in it, so p is too small; the homogeneity test of profile harness has it.
    A value that the reference never had makes it infinite, and p 0. Undefined when: a side has no value, or both have one and the same.

    Notes
    -----
    Evidently, legacy/calculations/stattests/chisquare_stattest.py.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b", "c")), side(1, 1, 2), side(2, 1, 1))
    >>> EvidentlyChiSquare().read(pair).value  # (2 - 1)² / 1 + 0 + (1 - 2)² / 2
    1.5
    """

    threshold: float | None = P_VALUE

    own_name: ClassVar[str] = "chi_square"
    is_test: ClassVar[bool] = True

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return the statistic and its p-value."""
        reference, current = value_counts(pair)
        if len(reference) == 1:
            return Comparison(math.nan, math.nan, "one value alone, in both sides")
        scale = float(current.sum()) / float(reference.sum())
        with np.errstate(divide="ignore"):  # a value that the reference never had
            found = chisquare(current, reference * scale)
        n_unseen = int((reference == 0).sum())
        note = f"{n_unseen:,} values that the reference never had" if n_unseen else "one-sample p, not corrected"
        return Comparison(float(found.statistic), float(found.pvalue), note)
