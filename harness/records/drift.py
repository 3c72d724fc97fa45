"""Two sides of one column as a drift statistic reads them, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.records.column import ColumnKind
from harness.records.profile import Bins

DriftKind = Literal["covariate", "label", "prediction", "residual", "parity"]


@dataclass(frozen=True)
class TwoSample:
    """What ordering two samples together gives.

    Args:
        ks: greatest distance of the two distribution functions, 0 .. 1; NaN where a side is empty.
        ks_at: the value at which it stands.
        wasserstein: area between the two distribution functions, in the unit of the values.
        n_reference, n_current: finite values of either side.
    """

    ks: float
    ks_at: float
    wasserstein: float
    n_reference: int
    n_current: int


@dataclass(frozen=True)
class Sample:
    """One side of one column in one cell.

    Args:
        n_rows, n_missing, n_infinite: rows; those without a value; those that are infinite.
        minimum, maximum, mean, std: of the finite values (std with ddof 1); NaN where undefined; NaN for a category.
        counts: int64 [n_bins] in the bins of the pair, missing last.
        n_distinct: of the values that are there; None where it was not counted.
        values: gives the finite values [n], in the order of the log; None for a category, or where only a profile is known.
    """

    n_rows: int
    n_missing: int
    n_infinite: int
    minimum: float
    maximum: float
    mean: float
    std: float
    counts: NDArray[np.int64]
    n_distinct: float | None = None
    values: Callable[[], NDArray[Any]] | None = None

    @property
    def n_present(self) -> int:
        """Rows with a value, infinite ones among them."""
        return self.n_rows - self.n_missing

    @cached_property
    def fourth_moment(self) -> float | None:
        """Mean fourth power of the finite values about their mean, found once; None where the values are not known, NaN where there are none."""
        if self.values is None:
            return None
        values = self.values()
        if not len(values):
            return float("nan")
        total = 0.0
        for start in range(0, len(values), 65_536):  # pieces that stay in the cache
            piece = values[start : start + 65_536].astype(np.float64) - self.mean
            piece *= piece
            piece *= piece
            total += float(piece.sum())
        return total / len(values)


@dataclass(frozen=True)
class DayCounts:
    """The same comparison day by day, for tests that resample days; a row is a day.

    Args:
        reference, current: int64 [n_days, n_bins].
    """

    reference: NDArray[np.int64]
    current: NDArray[np.int64]


@dataclass(frozen=True)
class ColumnPair:
    """Reference and current rows of one column in one cell (a slice, a window), in common bins.

    Args:
        column, kind: of the column.
        bins: common to both sides.
        reference, current: the sides.
        reference_windows: the reference cut into windows as the current rows are; empty where that was not done (slices), or for a cell that is no window.
        days: where a test by days is asked for and possible, else None.
        order: orders the finite values of both sides together; None for a category or where values are not known.
        is_label: the column is the label; a binary one has the categories "0" and "1", and others are as their type says.
    """

    column: str
    kind: ColumnKind
    bins: Bins
    reference: Sample
    current: Sample
    reference_windows: tuple[Sample, ...] = ()
    days: DayCounts | None = None
    order: Callable[[], TwoSample] | None = None
    is_label: bool = False

    @cached_property
    def ordered(self) -> TwoSample | None:
        """The two samples in order, found once however many statistics ask."""
        return None if self.order is None else self.order()


@dataclass(frozen=True)
class Reading:
    """What one statistic says of one pair.

    Args:
        value: NaN where undefined, with `note` saying why.
        threshold: of the effect at which the column has drifted; None where the statistic has none here.
        p_value: of no drift, 0 .. 1; None where there is no test.
        exceeds: whether the effect is beyond the threshold; None where it has none or is undefined.
        decides_alone: drifted is what `exceeds` says, without any p-value.
        note: how the p-value was found, what is undefined, null mean and 95 % point: one short line.
        n_reference, n_current: rows that the value is of.
    """

    value: float
    threshold: float | None
    p_value: float | None
    exceeds: bool | None
    n_reference: int
    n_current: int
    decides_alone: bool = False
    note: str = ""


@dataclass(frozen=True)
class DriftRow:
    """One line of drift.parquet; `variant` None for inputs and labels."""

    variant: str | None
    column: str
    kind: DriftKind
    statistic: str
    profile: str
    slice_by: str
    slice_value: str
    window: str
    n_reference: int
    n_current: int
    value: float
    threshold: float | None
    p_value: float | None
    p_value_corrected: float | None
    drifted: bool | None
    note: str = ""


@dataclass(frozen=True)
class LossParts:
    """How much the loss changed from the reference to the current rows, in three parts that add up, for one slice column.

    Args:
        slice_by: the column whose values the calibration curve may differ by; "all" for one curve.
        loss: its name.
        n_reference, n_current, n_outside: rows; current ones whose score or category the reference never had.
        reference_loss, current_loss: mean losses.
        covariate, outside_support, residual: the parts; their sum is current_loss - reference_loss.
        residual_se, p_value: of the residual, two-sample; None where they cannot be estimated.
        reason: why parts are NaN or the residual has no test; None where nothing is missing.
        window: of the current rows.
        n_invalid_score: labelled rows of both sides whose score could not be read; they are in neither.
    """

    slice_by: str
    loss: str
    n_reference: int
    n_current: int
    n_outside: int
    reference_loss: float
    current_loss: float
    covariate: float
    outside_support: float
    residual: float
    residual_se: float | None
    p_value: float | None
    reason: str | None = None
    window: str = "all"
    n_invalid_score: int = 0


@dataclass(frozen=True)
class Parity:
    """Whether the champion gives on the logged features what production gave; windows as in the grid, window 0 all.

    Args:
        tolerance: greatest absolute difference of two scores that are the same.
        n_compared, n_beyond: int64 [n_windows].
        n_without: rows of the judged period without a logged score.
        greatest: largest absolute difference.
        by_version: (version that served, rows compared, rows beyond), where the log names it.
    """

    variant: str
    tolerance: float
    n_compared: NDArray[np.int64]
    n_beyond: NDArray[np.int64]
    n_without: int
    greatest: float
    by_version: tuple[tuple[str, int, int], ...] = ()
