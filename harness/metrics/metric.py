"""The base class of a metric: what it is called, how it is read, and one formula over all cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally

Direction = Literal["higher", "lower", "none"]


class Metric(ABC):
    """One metric of binary scores, computed for every cell at once from what the reduction left.

    Attributes
    ----------
    name : str
        Name in the tables, also the name of its conf option.
    title : str
        What the metric answers, in a few words.
    unit : str
        Unit of `value`, `ci_low` and `ci_high`.
    direction : {"higher", "lower", "none"}
        Which way is better; "none" where neither is.
    lowest, highest : float
        Range of the value.
    needs_ranks : bool
        Whether the ordered part of the tally must have been filled.
    interval : str
        How the interval is computed.
    source : str
        Where definition and interval come from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    direction: ClassVar[Direction]
    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 1.0
    needs_ranks: ClassVar[bool] = False
    interval: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return value and interval of every cell.

        Parameters
        ----------
        tally : BinaryTally
            Tallies of n_cells cells.
        confidence : float
            Two-sided level of the interval, above 0 and below 1.
        seed : int
            Seed of random draws; metrics with a closed interval ignore it.

        Returns
        -------
        MetricValues
            Arrays [n_cells]; NaN with a reason where the metric is not defined.
        """
