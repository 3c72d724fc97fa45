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
