"""accuracy: which share of rows is decided rightly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Accuracy(Proportion):
    """Which share of rows is decided rightly.

    Formula: (TP + TN) / n.

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "which share of rows is decided rightly"
    direction: ClassVar[Direction] = "higher"
    no_trials: ClassVar[str] = "no rows"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        confusion = tally.confusion
        return confusion[:, 0, 0] + confusion[:, 1, 1], tally.n
