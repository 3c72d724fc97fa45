"""What a gate is: evidence in, one result per challenger out."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields

from harness.errors import one_of
from harness.records.evidence import Evidence, GateResult


@dataclass(frozen=True)
class Waiver:
    """Who lets a challenger through a gate that it did not pass, why, and since when.

    Parameters
    ----------
    by
        Name of the person who answers for it.
    reason
        Why, in a sentence.
    date
        Day on which it was given, ISO 8601, as "2026-03-01".
    variant
        The one challenger it is for; None: whichever is judged.

    Raises
    ------
    ValueError
        When one of the first three is missing, or the day is no day.
    """

    by: str
    reason: str
    date: str
    variant: str | None = None

    def __post_init__(self) -> None:
        for name in ("by", "reason", "date"):
            if not str(getattr(self, name)).strip():
                raise ValueError(f"waiver.{name}: found nothing; a waiver needs by (a name), reason and date")
        try:
            dt.date.fromisoformat(str(self.date))
        except ValueError as trouble:
            raise ValueError(f"waiver.date: found {self.date!r}, wanted a day such as 2026-03-01") from trouble
        object.__setattr__(self, "date", str(self.date))


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """Base of the entries under `gates:` in `conf/review/`; a subclass is a frozen dataclass that checks its own fields.

    Parameters
    ----------
    name
        Name in the results; by default the subclass's own.
    waiver
        `Waiver`, or its fields as a mapping: what did not pass is then reported as WAIVED.
    """

    name: str = ""
    waiver: Waiver | Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.default_name())
        if isinstance(self.waiver, Mapping):
            object.__setattr__(self, "waiver", _read_waiver(self.waiver))
        self.check()

    @abstractmethod
    def default_name(self) -> str:
        """Return the name of a gate that was given none."""

    def check(self) -> None:  # noqa: B027 (a gate without fields has nothing to check)
        """Refuse fields that cannot be judged by, with a ValueError."""

    @abstractmethod
    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Return one result per challenger, in their order; all at once, because their number is corrected for."""


def _read_waiver(given: Mapping[str, object]) -> Waiver:
    known = [f.name for f in fields(Waiver)]
    wrong = [str(key) for key in given if key not in known]
    missing = [key for key in known[:3] if given.get(key) is None]
    if wrong or missing:
        raise ValueError(f"waiver: found {one_of(given) or 'nothing'}, wanted by, reason and date (and variant, where it is for one only)")
    variant = given.get("variant")
    return Waiver(str(given["by"]), str(given["reason"]), str(given["date"]), None if variant is None else str(variant))
