"""l_infinity of profile nannyml: the greatest change of the share of any category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.drift.nannyml.statistic import Distance, NannymlStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample


@dataclass(frozen=True, kw_only=True)
class NannymlLInfinity(NannymlStatistic):
    """The greatest change of the share of any category, 0 .. 1, those of one side alone among them.

    Formula: max |r - c|.

    Undefined when: a side has no value.

    Notes
    -----
    NannyML, drift/univariate/methods.py, `LInfinityDistance`.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[np.nan] * 4, np.array([*n, 0]))
    >>> NannymlLInfinity().read(ColumnPair("x", "category", Bins(categories=("a", "b")), side(3, 1), side(1, 3))).value
    0.5
    """

    own_name: ClassVar[str] = "l_infinity"
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("category",)

    def fit(self, pair: ColumnPair) -> Distance | str:
        """Return the greatest distance from the reference's shares."""
        reference = pair.reference.counts[:-1] / np.float64(pair.reference.n_present)  # the last bin is missing

        def distance(sample: Sample) -> float:
            return float(np.max(np.abs(reference - sample.counts[:-1] / np.float64(sample.n_present))))

        return distance
