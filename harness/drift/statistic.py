"""What a drift statistic is: two sides of a column in, one reading out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading


@dataclass(frozen=True, kw_only=True)
class DriftStatistic(ABC):
    """Base of the entries under `statistics:` in `conf/drift/`; a subclass is a frozen dataclass that checks its own fields.

    Parameters
    ----------
    name
        Name in the results, of a subclass its own by default.
    threshold
        Effect from which a column has drifted; None: shown, and never a reason.
    in_slices, in_windows
        Whether it is computed for every slice and for every window, or for all rows alone.
    """

    name: str = ""
    threshold: float | None = None
    in_slices: bool = True
    in_windows: bool = True

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.default_name())
        self.check()

    @abstractmethod
    def default_name(self) -> str:
        """Return the name of a statistic that was given none."""

    def check(self) -> None:
        """Refuse fields that cannot be used, with a ValueError."""
        if self.threshold is not None and not self.threshold >= 0.0:
            raise ValueError(f"threshold: found {self.threshold!r}, wanted a number of at least 0, or null")

    @abstractmethod
    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say whether columns of this kind have such a statistic."""

    @abstractmethod
    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the two sides; None where the pair lacks what it needs for a row of its own (too few reference windows, say)."""
