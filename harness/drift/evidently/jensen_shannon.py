"""jensen_shannon of profile evidently: how far two histograms are apart, in nats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import jensenshannon

from harness.drift.evidently.bins import shares
from harness.drift.evidently.default import EvidentlyChoice
from harness.drift.evidently.statistic import Comparison
from harness.records.drift import ColumnPair

NO_BINS = "values too close together, or too far apart, for bins"


@dataclass(frozen=True, kw_only=True)
class EvidentlyJensenShannon(EvidentlyChoice):
    """How far two histograms are apart, 0 .. sqrt(ln 2); drifted from `threshold` on.

    Formula: sqrt((KL(r, a) + KL(c, a)) / 2), a = (r + c) / 2, natural logarithm; r and c shares by value, or in Sturges' bins.

    Undefined when: a side has no value, or no bins can be cut.

    Notes
    -----
    Lin 1991, IEEE Trans. Inf. Theory 37:145; Evidently, legacy/calculations/stattests/jensenshannon.py.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b")), side(4, 0), side(0, 4))
    >>> round(EvidentlyJensenShannon(by_default=False).read(pair).value, 6)  # nothing in common: sqrt(ln 2)
    0.832555
    """

    own_name: ClassVar[str] = "jensen_shannon"

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return the distance."""
        found = shares(pair)
        if found is None:
            return Comparison(math.nan, note=NO_BINS)
        with np.errstate(invalid="ignore"):  # of nearly equal sides the sum may round to just under 0
            distance = float(jensenshannon(*found))
        return Comparison(0.0 if math.isnan(distance) else distance)
