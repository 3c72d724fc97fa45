"""Missing labels by slice and by age, row by row, as the words say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats


def two_proportion_p(x: int, n: int, y: int, m: int) -> float:
    """Pearson's chi-square of the two-by-two table, without a correction."""
    table = np.array([[x, n - x], [y, m - y]])
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return float("nan")
    return float(scipy.stats.chi2_contingency(table, correction=False).pvalue)


def missing_in(rows: Sequence[dict[str, Any]], inside: Sequence[bool]) -> tuple[int, int, float]:
    """Labelled rows of a slice, unlabelled ones, and the p-value against the rest; rows that do not count are left out before."""
    own = [row for row, is_in in zip(rows, inside, strict=True) if is_in]
    rest = [row for row, is_in in zip(rows, inside, strict=True) if not is_in]
    missing, rest_missing = sum(row["y"] is None for row in own), sum(row["y"] is None for row in rest)
    return len(own) - missing, missing, two_proportion_p(missing, len(own), rest_missing, len(rest))


def band_of(age: float, youngest: float, oldest: float, n_bands: int) -> int:
    """The equal stretch in which an age lies; each holds its start, the last one its end too."""
    for band in range(n_bands - 1):
        if age < youngest + (oldest - youngest) * (band + 1) / n_bands:
            return band
    return n_bands - 1
