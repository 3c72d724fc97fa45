"""selection_rate: which share of rows is predicted positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class SelectionRate(Proportion):
    """Which share of rows is predicted positive.

    Formula: (TP + FP) / n.

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "selection_rate"
    title: ClassVar[str] = "which share of rows is predicted positive"
    direction: ClassVar[Direction] = "none"
    no_trials: ClassVar[str] = "no rows"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, :, 1].sum(axis=1, dtype=np.int64), tally.n
