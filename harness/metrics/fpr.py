"""fpr: of the negative rows, which share is predicted positive (false positive rate)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Fpr(Proportion):
    """Of the negative rows, which share is predicted positive (false positive rate).

    Formula: FP / (FP + TN).

    Undefined when: the cell has fewer than 2 rows, or no negative rows.
    """

    name: ClassVar[str] = "fpr"
    title: ClassVar[str] = "of the negative rows, which share is predicted positive (false positive rate)"
    direction: ClassVar[Direction] = "lower"
    no_trials: ClassVar[str] = "no negative rows"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, 0, 1], confusion[:, 0, :].sum(axis=1, dtype=np.int64)
