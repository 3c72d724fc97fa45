"""total_variation: the share of rows that would have to change their category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.categories import CategoryStatistic
from harness.drift.day_test import Counts


@dataclass(frozen=True, kw_only=True)
class TotalVariation(CategoryStatistic):
    """Which share of the current rows would have to change their category to have the shares of the reference, 0 .. 1.

    Formula: sum over categories of |r - c| / 2, r and c the shares of either side.

    Undefined when: a side has no rows.

    Notes
    -----
    Levin & Peres, Markov Chains and Mixing Times, 2nd edition 2017, proposition 4.2.
    """

    def default_name(self) -> str:
        """Return total_variation."""
        return "total_variation"

    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return the distance of counts [..., n_categories].

        Examples
        --------
        One of four rows has changed its category.

        >>> float(TotalVariation().of_counts(np.array([2.0, 2.0]), np.array([3.0, 1.0])))
        0.25
        """
        r, c = (side / side.sum(axis=-1, keepdims=True) for side in (reference, current))
        return np.asarray(np.abs(r - c).sum(axis=-1) / 2.0, np.float64)
