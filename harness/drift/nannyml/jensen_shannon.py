"""jensen_shannon of profile nannyml: how far a window's histogram is from the reference's, base 2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from harness.drift.nannyml.shares import shares_beside_reference
from harness.drift.nannyml.statistic import Distance, NannymlStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class NannymlJensenShannon(NannymlStatistic):
    """How far the shares of a window are from those of the reference, 0 .. 1.

    Formula: sqrt((KL(r, a) + KL(c, a)) / 2), a = (r + c) / 2, logarithm of base 2.

    Undefined when: a side has no value, or no bins can be cut.

    Notes
    -----
    Lin 1991, IEEE Trans. Inf. Theory 37:145; NannyML, drift/univariate/methods.py.

    Examples
    --------
    >>> from harness.records.drift import Sample
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[math.nan] * 4, np.array([*n, 0]))
    >>> from harness.records.profile import Bins
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b")), side(4, 0), side(0, 4))
    >>> NannymlJensenShannon().read(pair).value  # nothing in common
    1.0
    """

    own_name: ClassVar[str] = "jensen_shannon"
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number", "category")

    def fit(self, pair: ColumnPair) -> Distance | str:
        """Return the distance from the reference's shares."""
        beside = shares_beside_reference(pair)
        return beside if isinstance(beside, str) else lambda sample: _distance(*beside(sample))


def _distance(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    with np.errstate(invalid="ignore"):  # of nearly equal sides the sum may round to just under 0
        found = float(jensenshannon(reference, current, base=2))
    return 0.0 if math.isnan(found) else found
