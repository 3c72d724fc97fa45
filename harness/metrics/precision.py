"""precision: of the rows predicted positive, which share is positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Precision(Proportion):
    """Of the rows predicted positive, which share is positive.

    Formula: TP / (TP + FP).

    Undefined when: the cell has fewer than 2 rows, or no row is predicted positive.
    """

    name: ClassVar[str] = "precision"
    title: ClassVar[str] = "of the rows predicted positive, which share is positive"
    direction: ClassVar[Direction] = "higher"
    no_trials: ClassVar[str] = "no row is predicted positive"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, 1, 1], confusion[:, :, 1].sum(axis=1, dtype=np.int64)
