"""recall: of the positive rows, which share is predicted positive (true positive rate)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Recall(Proportion):
    """Of the positive rows, which share is predicted positive (true positive rate).

    Formula: TP / (TP + FN).

    Undefined when: the cell has fewer than 2 rows, or no positive rows.
    """

    name: ClassVar[str] = "recall"
    title: ClassVar[str] = "of the positive rows, which share is predicted positive (true positive rate)"
    direction: ClassVar[Direction] = "higher"
    no_trials: ClassVar[str] = "no positive rows"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, 1, 1], tally.n_positive
