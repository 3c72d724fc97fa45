"""wasserstein_normed of profile evidently: how far values moved, in standard deviations of the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import wasserstein_distance

from harness.drift.evidently.default import EvidentlyChoice
from harness.drift.evidently.statistic import Comparison, values_of
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair

LEAST_STD = 0.001  # below it Evidently divides by this, so a column of small numbers is measured in thousandths


@dataclass(frozen=True, kw_only=True)
class EvidentlyWasserstein(EvidentlyChoice):
    """How far values moved, on average, in standard deviations of the reference; drifted from `threshold` on.

    Formula: integral of |F - G| / max(s, 0.001), s the reference's standard deviation with ddof 0.

    Undefined when: a side has no value, or values are too far apart for float64.

    Notes
    -----
    Evidently, legacy/calculations/stattests/wasserstein_distance_norm.py. Of float32 values s is of float64 here.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *v: Sample(4, 0, 0, v[0], v[-1], 0, 0, np.zeros(3, np.int64), values=lambda: np.array(v))
    >>> pair = ColumnPair("x", "number", Bins((1.0,)), side(0.0, 0, 2, 2), side(1.0, 1, 3, 3))
    >>> EvidentlyWasserstein(by_default=False).read(pair).value  # every value moved by 1, and the standard deviation is 1
    1.0
    """

    own_name: ClassVar[str] = "wasserstein_normed"
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number",)

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return the distance over the standard deviation."""
        reference = values_of(pair.reference)
        with np.errstate(over="ignore", invalid="ignore"):
            distance = wasserstein_distance(reference, values_of(pair.current)) if pair.ordered is None else pair.ordered.wasserstein
            std = float(np.std(reference, dtype=np.float64))
        if not (math.isfinite(distance) and math.isfinite(std)):
            return Comparison(math.nan, note="values too far apart for float64")
        return Comparison(float(distance / max(std, LEAST_STD)))
