"""hellinger of profile nannyml: how far the roots of a window's shares are from the reference's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.drift.nannyml.shares import shares_beside_reference
from harness.drift.nannyml.statistic import Distance, NannymlStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class NannymlHellinger(NannymlStatistic):
    """How far the roots of the shares of a window are from those of the reference, 0 .. 1.

    Formula: sqrt(sum (sqrt(r) - sqrt(c))²) / sqrt(2).

    Undefined when: a side has no value, or no bins can be cut.

    Notes
    -----
    Hellinger 1909, J. reine angew. Math. 136:210; NannyML, drift/univariate/methods.py.

    Examples
    --------
    >>> from harness.records.drift import Sample
    >>> from harness.records.profile import Bins
    >>> side = lambda *n: Sample(sum(n), 0, 0, *[np.nan] * 4, np.array([*n, 0]))
    >>> pair = ColumnPair("x", "category", Bins(categories=("a", "b")), side(4, 0), side(1, 3))
    >>> round(NannymlHellinger().read(pair).value, 6)  # sqrt((1 - 1/2)² + 3/4) / sqrt(2)
    0.707107
    """

    own_name: ClassVar[str] = "hellinger"
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number", "category")

    def fit(self, pair: ColumnPair) -> Distance | str:
        """Return the distance from the reference's shares."""
        beside = shares_beside_reference(pair)
        return beside if isinstance(beside, str) else lambda sample: _distance(*beside(sample))


def _distance(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.sum((np.sqrt(reference) - np.sqrt(current)) ** 2)) / np.sqrt(2))
