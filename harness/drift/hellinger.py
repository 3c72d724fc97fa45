"""hellinger: the Hellinger distance of the shares of categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.categories import CategoryStatistic
from harness.drift.day_test import Counts


@dataclass(frozen=True, kw_only=True)
class Hellinger(CategoryStatistic):
    """How far the shares of the categories are apart, 0 .. 1, small shares counting more than in total variation.

    Formula: sqrt(sum over categories of (sqrt(r) - sqrt(c))² / 2), r and c the shares of either side; 0 for equal ones, 1 where no category
    is shared.

    Undefined when: a side has no rows.

    Notes
    -----
    Le Cam & Yang, Asymptotics in Statistics, 2nd edition 2000, section 3.1, with the factor 1/2 that makes 1 the greatest value.
    """

    def default_name(self) -> str:
        """Return hellinger."""
        return "hellinger"

    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return the distance of counts [..., n_categories].

        Examples
        --------
        Shares 1, 0 against 1/4, 3/4: ((1 - 1/2)² + 3/4) / 2 = 1/2.

        >>> round(float(Hellinger().of_counts(np.array([4.0, 0.0]), np.array([1.0, 3.0])) ** 2), 12)
        0.5
        """
        r, c = (np.sqrt(side / side.sum(axis=-1, keepdims=True)) for side in (reference, current))
        return np.asarray(np.sqrt(((r - c) ** 2).sum(axis=-1) / 2.0), np.float64)
