"""What a business rule is: it turns tallies into gain per 1,000 predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.records.metric import MetricValues
from harness.records.money import GainEvidence, GainRow
from harness.records.tally import Grid, PairedTally


class GainRule(ABC):
    """Base of the options in `conf/gain/`; a subclass is a frozen dataclass that checks its own fields.

    Attributes
    ----------
    tasks
        Which labels it is for.
    about
        What it does to them, for a message: "values decisions".
    takes_weights
        Whether it is known for weighted and for clustered rows.
    values_decisions
        Whether a single decision has a value, so that a threshold can be searched for.
    currency, baseline, note
        Fields of every rule: what the gain is counted in, against which policy, and where its figures come from.
    """

    tasks: ClassVar[tuple[str, ...]]
    about: ClassVar[str]
    takes_weights: ClassVar[bool] = False
    values_decisions: ClassVar[bool] = False
    currency: str
    baseline: Any
    note: str

    @abstractmethod
    def gain(self, given: GainEvidence, confidence: float = 0.95) -> GainRow:
        """Return what the variant brings per 1,000 predictions over all rows, and its difference to the champion.

        `confidence` is that of the intervals in `given.metrics` and `given.differences`. The champion's difference to itself is zero by
        definition.

        Raises
        ------
        ConfigError
            When what the rule reads was not kept.
        """

    @abstractmethod
    def by_cell(self, given: GainEvidence, confidence: float = 0.95) -> MetricValues | None:
        """Return the gain per 1,000 predictions of every cell with its interval, as the metric `gain_per_1k`; None where it is not measured.

        Raises
        ------
        ConfigError
            When what the rule reads was not kept.
        """

    @abstractmethod
    def difference_range(
        self, paired: PairedTally, n_gained: int, n_lost: int, n_alike: int, given: GainEvidence | None = None
    ) -> tuple[float, float]:
        """Return the lowest and highest difference to the champion per 1,000 predictions over all labels that further rows may have.

        Infinite where no bound is known, so that no certainty rests on it.

        Parameters
        ----------
        paired
            Champion and variant on the labelled rows; cell 0 is all rows.
        n_gained, n_lost, n_alike
            Rows without a label that only the variant predicts positive, only the champion, and both or neither.
        given
            What the gain was computed from; a rule whose values are not the same for all rows knows no bound without it.
        """

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """Return the value figures by name: what the ranking of variants may hang on."""

    @abstractmethod
    def with_figure(self, name: str, value: float) -> GainRule:
        """Return the rule with another value for one of `figures`.

        Raises
        ------
        ValueError
            When there is no such figure, or the value is refused.
        """

    @abstractmethod
    def error_cost_per_row(self, given: GainEvidence) -> float | None:
        """Return what one more wrong decision, or one more unit of error, costs on average on these rows, in `currency`.

        None where there is no such figure.
        """

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the log that the values of a row hang on, then the policy's."""
        return ()

    def policy_column(self) -> str | None:
        """Return the column of the log that holds what the baseline policy decided, or predicted; None where it is no column."""
        return None

    def check(self, directions: Mapping[str, str], slice_by: tuple[str, ...]) -> None:
        """Refuse a rule that does not go with the rest of a configuration.

        Parameters
        ----------
        directions
            Of every metric that is computed, by name: higher, lower or none.
        slice_by
            The columns and crosses that the replay is sliced by.

        Raises
        ------
        ConfigError
            Naming the key.
        """
        del directions, slice_by

    def check_slices(self, grid: Grid) -> None:
        """Refuse a rule that names a slice which is not there.

        Raises
        ------
        ConfigError
            Naming the slices that are.
        """
        del grid

    def override_ids(self, slice_ids: NDArray[Any], grid: Grid) -> NDArray[np.intp] | None:
        """Return of each row (ids of its slices [n_rows, n_columns]) which values it has: 0 those of all rows; None where all have these."""
        del slice_ids, grid
        return None

    def turns(
        self, labels: NDArray[np.integer], amounts: NDArray[np.float64] | None = None, override_ids: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Return what flagging each row rather than not is worth, float64 [n_rows]; only where `values_decisions`.

        Parameters
        ----------
        labels
            integers [n_rows], 0 or 1.
        amounts
            float64 [n_rows, at least as many as there are amount columns], in the order of `columns`; None where there are none.
        override_ids
            As `override_ids` returns it.
        """
        raise NotImplementedError(f"{type(self).__name__} gives no value to a single decision")
