"""kl of profile evidently: divergence of the reference from the current shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from scipy.stats import entropy

from harness.drift.evidently.bins import shares, without_zeros
from harness.drift.evidently.jensen_shannon import NO_BINS
from harness.drift.evidently.statistic import Comparison, EvidentlyStatistic
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class EvidentlyKl(EvidentlyStatistic):
    """How many nats more it takes to write the reference in the code of the current rows; drifted from `threshold` on. Never the default.

    Formula: sum over bins of r ln(r / c), empty bins filled (see `without_zeros`), then both scaled to add up to 1, as SciPy's entropy does.

    Undefined when: a side has no value, or no bins can be cut.

    Notes
    -----
    Kullback & Leibler 1951, Ann. Math. Statist. 22:79; Evidently, legacy/calculations/stattests/kl_div.py.

    Examples
    --------
    >>> import numpy as np
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b")), side(3, 1), side(1, 3))
    >>> round(EvidentlyKl().read(pair).value, 6)  # 3/4 ln 3 - 1/4 ln 3
    0.549306
    """

    own_name: ClassVar[str] = "kl"

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return the divergence."""
        found = shares(pair)
        if found is None:
            return Comparison(math.nan, note=NO_BINS)
        reference, current = (without_zeros(share) for share in found)
        return Comparison(float(entropy(reference, current)))
