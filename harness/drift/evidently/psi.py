"""psi of profile evidently: population stability index, on its bins and with its zeros."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.drift.evidently.bins import shares, without_zeros
from harness.drift.evidently.jensen_shannon import NO_BINS
from harness.drift.evidently.statistic import Comparison, EvidentlyStatistic
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class EvidentlyPsi(EvidentlyStatistic):
    """How much shares changed, weighted by the logarithm of their ratio; drifted from `threshold` on. Never Evidently's default.

    Formula: sum over bins of (r - c) ln(r / c), empty bins filled (see `without_zeros`), nothing scaled afterwards.

    Undefined when: a side has no value, or no bins can be cut.

    Notes
    -----
    Evidently, legacy/calculations/stattests/psi.py.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b")), side(3, 1), side(1, 3))
    >>> EvidentlyPsi().read(pair).value == math.log(3)  # 1/2 ln 3 + 1/2 ln 3
    True
    """

    own_name: ClassVar[str] = "psi"

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return the index."""
        found = shares(pair)
        if found is None:
            return Comparison(math.nan, note=NO_BINS)
        reference, current = (without_zeros(share) for share in found)
        return Comparison(float(np.sum((reference - current) * np.log(reference / current))))
