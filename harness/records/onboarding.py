"""What a first look at a log finds, and what is proposed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ColumnSummary:
    """One column over the rows that were looked at; `values` are its distinct values where there are few."""

    name: str
    type: str
    kind: str
    n_rows: int
    n_null: int
    n_distinct: int
    values: tuple[Any, ...]
    minimum: Any
    maximum: Any


@dataclass(frozen=True)
class Guess:
    """One guess and the reason for it, as the user reads them."""

    what: str
    value: str
    why: str


@dataclass(frozen=True)
class Proposal:
    """What stands in the files that are proposed, and why."""

    name: str
    label: str
    positive: Any
    timestamp: str | None
    features: tuple[str, ...]
    slices: tuple[str, ...]
    windows: str | None
    reference_from: str | None
    reference_until: str | None
    score: str | None
    id: str | None
    guesses: tuple[Guess, ...]
