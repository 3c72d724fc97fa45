"""chi_square: Pearson's two-sample chi-square of the categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.categories import CategoryStatistic
from harness.drift.day_test import Counts
from harness.drift.homogeneity import chi_square_of


@dataclass(frozen=True, kw_only=True)
class ChiSquare(CategoryStatistic):
    """Whether both sides have the same shares of categories: Pearson's chi-square of homogeneity.

    The value is the statistic, sum over categories of (r / n - c / m)² n m / (r + c) of counts r of n and c of m rows. It grows with the
    rows, so that it has no threshold of effect by default and is shown with its p-value; `cramers_v` is the effect that belongs to it.

    Undefined when: a side has no rows. One category on both sides: 0, without a test.

    Notes
    -----
    Agresti, Categorical Data Analysis, 3rd edition 2013, section 3.2; SciPy's `chi2_contingency` of the two rows of counts. Its p-value is
    referred to chi-square where at least 5 rows are expected in every cell, else see `homogeneity`.
    """

    def default_name(self) -> str:
        """Return chi_square."""
        return "chi_square"

    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return chi-square of counts [..., n_categories].

        Examples
        --------
        >>> float(ChiSquare().of_counts(np.array([3.0, 1.0]), np.array([1.0, 3.0])))
        2.0
        """
        return chi_square_of(reference, current)
