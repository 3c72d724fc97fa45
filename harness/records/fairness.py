"""How alike the decisions of one variant are across the slices of a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FairnessRow:
    """One measure over the slices of one slice column, all windows together.

    Args:
        slice_by: the slice column or cross.
        measure: demographic_parity_, equal_opportunity_ or equalized_odds_, with difference or ratio.
        rate: the rate that was compared: selection_rate, recall or fpr; of equalized odds the one that is less alike.
        value: highest - lowest, or lowest / highest; NaN where it is not defined, and then `undefined_reason` says why.
        ci_low, ci_high: its interval; NaN where there is none, and then `ci_method` says why.
        lowest, highest: the slices with the lowest and the highest rate, "" where the value is not defined.
        lowest_rate, highest_rate: their rates.
        n_slices: slices compared.
        n_left_out: slices with rows, but fewer than the minimum in the rate's denominator.
    """

    slice_by: str
    measure: str
    rate: str
    value: float
    ci_low: float
    ci_high: float
    ci_method: str
    lowest: str
    highest: str
    lowest_rate: float
    highest_rate: float
    n_slices: int
    n_left_out: int
    undefined_reason: str | None


@dataclass(frozen=True)
class ToOverall:
    """One rate of every slice against the rest of its column's rows, all windows together; arrays are [n_compared].

    Args:
        rate: selection_rate, recall or fpr.
        slice_id: int64, number of the slice in the grid; "all" is not among them.
        n, n_rest: int64, rows in the rate's denominator.
        value, rest_value, difference: float64, slice, rest, and slice - rest; NaN where not defined, and then `undefined_reason` (object, str
            or None) says why.
        ci_low, ci_high: float64; NaN where there is no interval, and then `ci_method` (object, str) is "" or says why.
    """

    rate: str
    slice_id: NDArray[np.int64]
    n: NDArray[np.int64]
    n_rest: NDArray[np.int64]
    value: NDArray[np.float64]
    rest_value: NDArray[np.float64]
    difference: NDArray[np.float64]
    ci_low: NDArray[np.float64]
    ci_high: NDArray[np.float64]
    ci_method: NDArray[np.object_]
    undefined_reason: NDArray[np.object_]


@dataclass(frozen=True)
class Fairness:
    """Both views of one variant: between the slices of every column, and every slice to the rest of its column."""

    min_n: int
    confidence: float
    between: tuple[FairnessRow, ...]
    to_overall: tuple[ToOverall, ...]
