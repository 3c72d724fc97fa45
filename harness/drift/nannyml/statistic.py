"""What the statistics of profile nannyml share: a bound from the reference's own windows, and rows without a value left out."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.drift.reference_fits import fitted
from harness.drift.statistic import DriftStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading, Sample

N_STD = 3.0  # StandardDeviationThreshold's multiplier; of these statistics NannyML has an upper bound alone
MIN_WINDOWS = 2  # of one the standard deviation says nothing
NO_BINS = "reference values too close together, or too far apart, for bins"

Distance = Callable[[Sample], float]


@dataclass(frozen=True, kw_only=True)
class NannymlStatistic(DriftStatistic):
    """Base of the statistics that follow NannyML 0.13: a window drifted when its distance from the whole reference is above a bound.

    Formula: bound = mean + 3 s of the distances of the reference's own windows from the whole reference, s with ddof 0, at most
    `greatest`.

    No p-value decides. All current rows together are held to the bound of the windows too, which is cautious: they vary less than a window.
    Without a bound: the reference was not cut into windows (a slice), or fewer than two of its windows have a value.

    Parameters
    ----------
    threshold
        A bound of one's own (NannyML's ConstantThreshold); null: from the reference's windows.

    Notes
    -----
    NannyML, thresholds.py `StandardDeviationThreshold`, drift/univariate/calculator.py `DEFAULT_THRESHOLDS`. Missing values are left out.
    Departures: it stops at an infinite reference value where it cuts bins, which here is left out and counted in the note; and it takes the
    distance of a single reference window for a bound.
    """

    own_name: ClassVar[str]
    kinds: ClassVar[tuple[ColumnKind, ...]]
    greatest: ClassVar[float] = math.inf

    def default_name(self) -> str:
        """Return the name of the distance."""
        return self.own_name

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say whether columns of this kind have such a distance; times have none."""
        return kind in self.kinds

    @abstractmethod
    def fit(self, pair: ColumnPair) -> Distance | str:
        """Return the distance of a sample from the reference of this pair, or why there is none.

        The distance outlives the pair: it holds shares or counts, never the pair, and values only of a small reference.
        """

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the current rows with the whole reference, and the distance with the reference's own windows."""
        fit, bound, bound_note = fitted(self, pair, self._fitted)
        reason = fit if isinstance(fit, str) else missing_reason(pair, pair.current, "current")
        value = math.nan if isinstance(fit, str) or reason else fit(pair.current)
        reason = reason or ("" if not math.isnan(value) else "no finite distance")
        return Reading(
            value=value,
            threshold=bound,
            p_value=None,
            exceeds=None if bound is None or math.isnan(value) else value > bound,
            n_reference=pair.reference.n_present - pair.reference.n_infinite,
            n_current=pair.current.n_present,
            decides_alone=True,
            note="; ".join(part for part in (reason, bound_note, self.left_out(pair), _cut(pair)) if part),
        )

    def left_out(self, pair: ColumnPair) -> str:
        """Say how many infinite values are not in the distance."""
        return infinite_note(pair.reference.n_infinite, "reference ")

    def _fitted(self, pair: ColumnPair) -> tuple[Distance | str, float | None, str]:
        reason = missing_reason(pair, pair.reference, "reference")
        fit = reason or self.fit(pair)
        return (fit, *self._bound(pair, fit))

    def _bound(self, pair: ColumnPair, fit: Distance | str) -> tuple[float | None, str]:
        if self.threshold is not None or isinstance(fit, str):
            return self.threshold, ""
        distances = [fit(window) for window in pair.reference_windows if not missing_reason(pair, window, "reference")]
        if len(distances) < MIN_WINDOWS:
            return None, f"no bound: {len(distances)} windows of the reference have a value, and it takes {MIN_WINDOWS}"
        bound = float(np.mean(distances) + N_STD * np.std(distances))
        return min(bound, self.greatest), f"bound of {len(distances)} reference windows"


def missing_reason(pair: ColumnPair, sample: Sample, side: str) -> str:
    """Say why a side cannot be compared, or nothing."""
    if not sample.n_present - (sample.n_infinite if side == "reference" else 0):
        return f"no {side} row has a value"
    if pair.kind == "number" and sample.values is None:
        return "needs the values of both sides, and a stored profile has counts alone"
    return ""


def finite_values(sample: Sample) -> NDArray[Any]:
    """Return the finite values of a side that is known to have them."""
    assert sample.values is not None
    return sample.values()


def first_edge(pair: ColumnPair) -> float:
    """Return the value under which the bins of a pair count a row as below."""
    return pair.bins.edges[0] if pair.bins.edges else math.nan


def values_with_infinite(sample: Sample, edge: float) -> NDArray[Any]:
    """Return the values of a side, those that are minus and plus infinite put at its end.

    Which of them are below is told by the bins: their first one counts what is under the first `edge`, infinite or not.
    """
    values = finite_values(sample)
    if not sample.n_infinite:
        return values
    n_below = int(sample.counts[0]) - int((values < np.float64(edge)).sum())
    ends = np.repeat(np.array([-np.inf, np.inf], values.dtype), [n_below, sample.n_infinite - n_below])
    return np.concatenate([values, ends])


def infinite_note(n_infinite: int, side: str = "") -> str:
    """Say how many infinite values were left out, or nothing."""
    return f"{n_infinite:,} infinite {side}values left out" if n_infinite else ""


def _cut(pair: ColumnPair) -> str:
    is_cut = pair.kind == "category" and pair.bins.categories[-1:] == ("other",)
    return "rare values are counted together as other; raise drift.max_categories to count each" if is_cut else ""
