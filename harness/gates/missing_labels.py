"""Whether labels that are missing could turn what a gate has found on the rows that have one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.gates.named_slices import SliceName, slice_label
from harness.records.evidence import Evidence
from harness.records.metric import Differences
from harness.records.missing_bounds import MissingBounds

BOUNDS, IGNORE = "bounds", "ignore"
CHOICES = (BOUNDS, IGNORE)


@dataclass(frozen=True)
class MissingLabelReading:
    """What is known of the unlabelled rows of one challenger's slices, for one metric.

    Parameters
    ----------
    metric : str
        Of the gate.
    margin : float
        Above 0.
    sign : int
        1 where more of the metric is better, else -1.
    bounds : MissingBounds or None
        Of the metric; None where it has none.
    n_unlabelled, n_rows : int64 [n_slices]
        Of every slice of the grid; empty where nobody looked.
    below, above : float64 [n_slices]
        How far the interval of the labelled rows reaches below and above their difference: the bounds speak of the rows at hand, and sampling
        comes on top (Imbens & Manski 2004, Econometrica 72:1845, section 2, the simple form). 0 where there is no interval.
    slice_id : dict
        Number of every slice by its name.
    """

    metric: str
    margin: float
    sign: int
    bounds: MissingBounds | None
    n_unlabelled: NDArray[np.int64]
    n_rows: NDArray[np.int64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]
    slice_id: dict[SliceName, int]

    def doubt_of_pass(self, name: SliceName) -> str | None:
        """Say why a slice that passes might not, were its labels known; None where they cannot matter."""
        low, _ = self._turned(name)
        if not self._share(name) or low > -self.margin:
            return None
        if np.isnan(low):
            return f"{self._told(name)}, and {self.metric} has no bound for what they could do"
        return f"{self._told(name)}: were they the worst for it, its interval would reach {self.sign * low:+.4g} (margin {self.margin:g})"

    def doubt_of_fail(self, name: SliceName) -> str | None:
        """Say why a slice that fails might not, were its labels known; None where they cannot matter."""
        _, high = self._turned(name)
        if not self._share(name) or high < -self.margin:
            return None
        if np.isnan(high):
            return f"{self._told(name)}, and {self.metric} has no bound for what they could do"
        return f"{self._told(name)}: were they the best for it, its interval would reach {self.sign * high:+.4g} (margin {self.margin:g})"

    def ignored(self, names: tuple[SliceName, ...]) -> tuple[str, ...]:
        """Name the slices whose missing labels the gate was told to take for missing at random."""
        taken = [f"{slice_label(name)} {self._share(name):.1%}" for name in names if self._share(name)]
        return (f"missing_labels: ignore takes labels to be missing at random; rows without one: {', '.join(taken)}",) if taken else ()

    def _share(self, name: SliceName) -> float:
        """Return the share of the slice's rows that have no label; 0 where it has no row, or nobody looked."""
        i = self.slice_id.get(name)
        if i is None or i >= len(self.n_rows) or self.n_rows[i] == 0:
            return 0.0
        return float(self.n_unlabelled[i] / self.n_rows[i])

    def _told(self, name: SliceName) -> str:
        return f"{self._share(name):.1%} of the rows of {slice_label(name)} have no label"

    def _turned(self, name: SliceName) -> tuple[float, float]:
        """Return the bounds, widened by what sampling adds, turned so that more is better; NaN where there are none."""
        i = self.slice_id.get(name)
        if self.bounds is None or i is None:
            return float("nan"), float("nan")
        low, high = float(self.bounds.lower[i] - self.below[i]), float(self.bounds.upper[i] + self.above[i])
        return (low, high) if self.sign > 0 else (-high, -low)


def read_missing_labels(evidence: Evidence, metric: str, margin: float, difference: Differences | None) -> MissingLabelReading:
    """Read what the evidence says of unlabelled rows; without any bounds nobody looked, and nothing is in doubt."""
    known = evidence.missing_bounds
    nothing = np.zeros(0, dtype=np.int64)
    reach = [np.zeros(evidence.grid.n_slices)] * 2
    if difference is not None:
        every = slice(None, None, evidence.grid.n_windows)
        sides = (difference.difference - difference.ci_low, difference.ci_high - difference.difference)
        reach = [np.nan_to_num(side[every]) for side in sides]
    return MissingLabelReading(
        metric=metric,
        margin=margin,
        sign=1 if difference is None or difference.higher_is_better else -1,
        bounds=next((b for b in known if b.metric == metric), None),
        n_unlabelled=known[0].n_unlabelled if known else nothing,
        n_rows=known[0].n_rows if known else nothing,
        below=reach[0],
        above=reach[1],
        slice_id={name: i for i, name in enumerate(zip(evidence.grid.slice_by, evidence.grid.slice_value, strict=True))},
    )
