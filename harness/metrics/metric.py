"""The base class of a metric: what it is called, how it is read, and one formula over all cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Literal, TypeVar

from harness.records.metric import MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally

Direction = Literal["higher", "lower", "none"]
Task = Literal["binary", "regression", "multiclass"]
TallyT = TypeVar("TallyT", contravariant=True)


class Metric(ABC, Generic[TallyT]):
    """One metric of one task, computed for every cell at once from what the reduction left.

    Attributes
    ----------
    task : {"binary", "regression", "multiclass"}
        Which labels it is for.
    name : str
        Name in the tables, also the name of its conf option (of another task than binary: after the task, as `multiclass_accuracy`,
        where a binary metric has the name).
    title : str
        What the metric answers, in a few words.
    unit : str
        Unit of `value`, `ci_low` and `ci_high`.
    direction : {"higher", "lower", "none"}
        Which way is better; "none" where neither is.
    lowest, highest : float
        Range of the value.
    takes_weights : bool
        Whether it has a form for weighted and for clustered rows.
    interval : str
        How the interval is computed.
    source : str
        Where definition and interval come from.
    """

    task: ClassVar[Task]
    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    direction: ClassVar[Direction]
    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 1.0
    takes_weights: ClassVar[bool] = False
    interval: ClassVar[str]
    source: ClassVar[str]

    def needs(self) -> Needs:
        """Return the parts of a tally that cost a pass of their own and that this metric reads."""
        return Needs()

    @abstractmethod
    def compute(self, tally: TallyT, confidence: float, seed: int) -> MetricValues:
        """Return value and interval of every cell.

        Parameters
        ----------
        tally : BinaryTally, RegressionTally or MulticlassTally
            That of the task, over n_cells cells.
        confidence : float
            Two-sided level of the interval, above 0 and below 1.
        seed : int
            Seed of random draws; metrics with a closed interval ignore it.

        Returns
        -------
        MetricValues
            Arrays [n_cells]; NaN with a reason where the metric is not defined.
        """


class BinaryMetric(Metric[BinaryTally]):
    """A metric of binary labels and scores from 0 to 1."""

    task: ClassVar[Task] = "binary"
