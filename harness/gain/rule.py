"""What a business rule is: it turns tallies into gain per 1,000 predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod

from harness.records.money import GainRow
from harness.records.tally import BinaryTally, PairedTally


class GainRule(ABC):
    """Base of the options in `conf/gain/`; a subclass is a frozen dataclass that checks its own fields."""

    @abstractmethod
    def gain(self, variant: str, tally: BinaryTally, paired: PairedTally | None, *, is_champion: bool = False) -> GainRow:
        """Return what the variant brings per 1,000 predictions over all rows, and its difference to the champion.

        Parameters
        ----------
        variant
            Name of the variant.
        tally
            Its tally; cell 0 is all rows.
        paired
            Champion and variant on the same rows; None for the champion itself, or when there is none.
        is_champion
            Whether the variant is the champion: its difference to the champion is zero by definition.
        """

    @abstractmethod
    def difference_range(self, paired: PairedTally, n_gained: int, n_lost: int, n_alike: int) -> tuple[float, float]:
        """Return the lowest and highest difference to the champion per 1,000 predictions over all labels that further rows may have.

        Parameters
        ----------
        paired
            Champion and variant on the labelled rows; cell 0 is all rows.
        n_gained, n_lost, n_alike
            Rows without a label that only the variant predicts positive, only the champion, and both or neither.
        """
