"""What the statistics of profile evidently share: which rows they read, and how one of them decides."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.drift.reference_fits import fitted
from harness.drift.statistic import DriftStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading, Sample

DISTANCE = 0.1  # default_threshold of Evidently's distances
P_VALUE = 0.05  # and of its tests


@dataclass(frozen=True)
class Comparison:
    """What one comparison found: its value, its p-value where it is a test, and what a reader must know."""

    value: float
    p_value: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class EvidentlyStatistic(DriftStatistic):
    """Base of the statistics that follow Evidently 0.7.

    Missing and infinite values of a column are left out of that column. A distance drifted when it is at least its threshold, a test when
    its p-value is under it; p-values are not corrected over columns. A side without values is undefined (Evidently stops there).

    Parameters
    ----------
    threshold
        Distance from which a column has drifted, or of a test the p-value under which it has; null: shown, and never a reason.
    """

    threshold: float | None = DISTANCE

    own_name: ClassVar[str]
    is_test: ClassVar[bool] = False
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number", "category")

    def default_name(self) -> str:
        """Return the name of the comparison."""
        return self.own_name

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say whether columns of this kind have such a comparison; times have none."""
        return kind in self.kinds

    @abstractmethod
    def compare(self, pair: ColumnPair) -> Comparison:
        """Compare two sides that both have values."""

    def decides(self, found: Comparison, threshold: float) -> bool:
        """Say whether what was found is drift."""
        return found.value >= threshold if found.p_value is None else found.p_value < threshold

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the two sides by Evidently's convention."""
        n_reference, n_current = n_compared(pair.reference), n_compared(pair.current)
        reason = _undefined(pair, n_reference, n_current)
        found = Comparison(math.nan, note=reason) if reason else self.compare(pair)
        p_value = found.p_value if found.p_value is not None and not math.isnan(found.p_value) else None
        is_defined = not math.isnan(found.value) if not self.is_test else p_value is not None
        return Reading(
            value=found.value,
            threshold=None if self.is_test else self.threshold,
            p_value=p_value,
            exceeds=self.decides(found, self.threshold) if is_defined and self.threshold is not None else None,
            n_reference=n_reference,
            n_current=n_current,
            decides_alone=True,
            note="; ".join(part for part in (found.note, *_left_out(pair)) if part),
        )


def n_compared(sample: Sample) -> int:
    """Return the rows of a side that are compared: neither missing nor infinite."""
    return sample.n_present - sample.n_infinite


def values_of(sample: Sample) -> NDArray[Any]:
    """Return the finite values of a side that is known to have them."""
    assert sample.values is not None
    return sample.values()


def has_more_values_than(values: NDArray[Any], limit: int) -> bool:
    """Say whether there are more than `limit` different values, without ordering all of them.

    Examples
    --------
    >>> has_more_values_than(np.array([1.0, 2.0, 2.0, 3.0]), 2), has_more_values_than(np.array([1.0, 2.0, 2.0, 3.0]), 3)
    (True, False)
    """
    if len(np.unique(values[:4096])) > limit:  # the head alone often tells
        return True
    for _ in range(limit):
        if not len(values):
            return False
        values = values[values != values[0]]
    return len(values) > 0


def reference_has_more_values_than(pair: ColumnPair, limit: int) -> bool:
    """Say the same of the reference of a pair, found once for all its windows."""
    return fitted(("more values than", limit), pair, lambda own: has_more_values_than(values_of(own.reference), limit))


def _undefined(pair: ColumnPair, n_reference: int, n_current: int) -> str:
    if not n_reference or not n_current:
        return f"no {'reference' if not n_reference else 'current'} row has a value"
    if pair.kind == "number" and (pair.reference.values is None or pair.current.values is None):
        return "needs the values of both sides, and a stored profile has counts alone"
    return ""


def _left_out(pair: ColumnPair) -> tuple[str, ...]:
    n_infinite = pair.reference.n_infinite + pair.current.n_infinite
    is_cut = pair.kind == "category" and pair.bins.categories[-1:] == ("other",)
    return (
        f"{n_infinite:,} infinite values left out" if n_infinite else "",
        "rare values are counted together as other; raise drift.max_categories to count each" if is_cut else "",
    )
