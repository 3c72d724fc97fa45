"""fnr: of the positive rows, which share is predicted negative (false negative rate)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Fnr(Proportion):
    """Of the positive rows, which share is predicted negative (false negative rate).

    Formula: FN / (TP + FN).

    Undefined when: the cell has fewer than 2 rows, or no positive rows.
    """

    name: ClassVar[str] = "fnr"
    title: ClassVar[str] = "of the positive rows, which share is predicted negative (false negative rate)"
    direction: ClassVar[Direction] = "lower"
    no_trials: ClassVar[str] = "no positive rows"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, 1, 0], tally.n_positive
