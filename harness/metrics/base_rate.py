"""base_rate: which share of rows is positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.metric import Direction
from harness.metrics.proportion import Counts, Proportion
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class BaseRate(Proportion):
    """Which share of rows is positive.

    Formula: (TP + FN) / n.

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "base_rate"
    title: ClassVar[str] = "which share of rows is positive"
    direction: ClassVar[Direction] = "none"
    no_trials: ClassVar[str] = "no rows"

    def counts(self, tally: BinaryTally) -> Counts:
        """Return the counts of the formula's numerator and denominator, int64 [n_cells] each."""
        return tally.n_positive, tally.n
