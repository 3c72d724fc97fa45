"""npv: of the rows predicted negative, which share is negative (negative predictive value)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Npv(Proportion):
    """Of the rows predicted negative, which share is negative (negative predictive value).

    Formula: TN / (TN + FN).

    Undefined when: the cell has fewer than 2 rows, or no row is predicted negative.
    """

    name: ClassVar[str] = "npv"
    title: ClassVar[str] = "of the rows predicted negative, which share is negative (negative predictive value)"
    direction: ClassVar[Direction] = "higher"
    no_trials: ClassVar[str] = "no row is predicted negative"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, 0, 0], confusion[:, :, 0].sum(axis=1, dtype=np.int64)
