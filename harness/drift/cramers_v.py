"""cramers_v: chi-square of the categories as an effect that does not grow with the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.categories import CategoryStatistic
from harness.drift.day_test import Counts
from harness.drift.homogeneity import chi_square_of


@dataclass(frozen=True, kw_only=True)
class CramersV(CategoryStatistic):
    """How strongly the category depends on the side, 0 .. 1.

    Formula: sqrt(chi-square / N), N the rows of both sides; of two sides the divisor min(2, B) - 1 is 1, so that it is Cohen's w.

    Undefined when: a side has no rows, or both sides have one and the same category.

    Notes
    -----
    Cramér, Mathematical Methods of Statistics, 1946, section 21.9; Cohen, Statistical Power Analysis, 2nd edition 1988, section 7.2. Without
    the correction of bias: with few rows its mean without drift is about sqrt((B - 1) / N).
    """

    def default_name(self) -> str:
        """Return cramers_v."""
        return "cramers_v"

    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return V of counts [..., n_categories].

        Examples
        --------
        Chi-square is 2, of eight rows.

        >>> float(CramersV().of_counts(np.array([3.0, 1.0]), np.array([1.0, 3.0])))
        0.5
        """
        n_rows = (reference + current).sum(axis=-1)
        is_defined = np.count_nonzero(reference + current, axis=-1) > 1
        return np.asarray(np.where(is_defined, np.sqrt(chi_square_of(reference, current) / n_rows), np.nan), np.float64)
