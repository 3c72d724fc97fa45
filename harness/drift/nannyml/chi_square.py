"""chi_square of profile nannyml: two-sample homogeneity of categories, by its p-value alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from scipy.stats import chi2_contingency

from harness.drift.nannyml.statistic import missing_reason
from harness.drift.statistic import DriftStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading

P_VALUE = 0.05


@dataclass(frozen=True, kw_only=True)
class NannymlChiSquare(DriftStatistic):
    """Whether the categories of both sides can be of one distribution; a window drifted when p < `threshold`, windows of the reference aside.

    Formula: sum (o - e)² / e over categories and sides; of two categories with Yates' correction, as SciPy's chi2_contingency.

    Undefined when: a side has no value.

    Parameters
    ----------
    threshold
        The p-value under which a window has drifted, without correction over columns; null: shown, and never a reason.

    Notes
    -----
    NannyML, drift/univariate/methods.py, `Chi2Statistic`, which overrides the bound that it is given.

    Examples
    --------
    >>> import numpy as np
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> NannymlChiSquare().read(ColumnPair("x", "category", Bins(categories=("a", "b")), side(3, 1), side(1, 3))).value  # 4 (1 - 1/2)² / 2
    0.5
    """

    threshold: float | None = P_VALUE

    own_name: ClassVar[str] = "chi_square"

    def default_name(self) -> str:
        """Return chi_square."""
        return self.own_name

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say whether the column is a category."""
        return kind == "category"

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the counts of both sides."""
        reason = missing_reason(pair, pair.reference, "reference") or missing_reason(pair, pair.current, "current")
        value, p_value = (math.nan, None) if reason else _test(pair)
        return Reading(
            value=value,
            threshold=None,
            p_value=p_value,
            exceeds=None if p_value is None or self.threshold is None else p_value < self.threshold,
            n_reference=pair.reference.n_present,
            n_current=pair.current.n_present,
            decides_alone=True,
            note=reason or "two-sample p, not corrected",
        )


def _test(pair: ColumnPair) -> tuple[float, float]:
    sides = [pair.reference.counts[:-1], pair.current.counts[:-1]]  # the last bin is missing
    is_there = sides[0] + sides[1] > 0
    found = chi2_contingency([side[is_there] for side in sides])
    return float(found.statistic), float(found.pvalue)
