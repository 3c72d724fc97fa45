"""What a log promises of its columns, and where it broke the promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnRule:
    """What one column must be; None asks nothing.

    Args:
        column: its name.
        type: as the schema writes it ("int64"), or its kind (number, time, category).
        required: whether it must be there.
        max_missing_share: share of rows that may be without a value; 0.0 is "not nullable".
        minimum, maximum: bounds that every value keeps, both inclusive.
        categories: the values it may have.
        max_unseen_share: share of rows that may hold another one.
        is_unique: no value stands twice.
        is_monotone: never falls from one row to the next.
        may_be_constant: False: it must not stay at one value in a window.
        check_unit: whether a change of its unit is looked for.
        check_stays: whether one value, or nulls, that appear in some window and stay to the last are looked for.
    """

    column: str
    type: str | None = None
    required: bool = True
    max_missing_share: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None
    max_unseen_share: float = 0.0
    is_unique: bool = False
    is_monotone: bool = False
    may_be_constant: bool = True
    check_unit: bool = True
    check_stays: bool = True


@dataclass(frozen=True)
class Contract:
    """Rules of a log's columns; `source` is a file, or how it was inferred."""

    rules: tuple[ColumnRule, ...]
    source: str
    is_inferred: bool


@dataclass(frozen=True)
class Violation:
    """One promise that a column broke.

    Args:
        check: presence | type | missing | range | categories | unique | monotone | constant | nulls | unit.
        n_rows: current rows that break it.
        window: the first window in which it is broken; None where there are no windows, or it has no rows (a type).
        rows: numbers of up to three such rows in the log, from 0.
        examples: their values, as text.
        sentence: all of it for a reader.
    """

    column: str
    check: str
    expected: str
    found: str
    n_rows: int
    window: str | None
    rows: tuple[int, ...]
    examples: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class NotChecked:
    """A check that could not run, and why: the contract is then UNDECIDED."""

    column: str
    check: str
    reason: str


@dataclass(frozen=True)
class ContractReport:
    """A contract held against a log; `not_named` are the log's columns that it has no rule for."""

    contract: Contract
    violations: tuple[Violation, ...]
    not_checked: tuple[NotChecked, ...]
    n_checks: int
    not_named: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnitChange:
    """A column that seems to be written in another unit: current = factor * reference + offset.

    Args:
        name: of a known factor ("100 (a share written in percent)"), else "a factor 3.7".
        ks_raw, ks_rescaled: distance of the distributions before and after the current values are converted back.
        window: the first window in which it is so; None without windows.
    """

    column: str
    factor: float
    offset: float
    name: str
    ks_raw: float
    ks_rescaled: float
    window: str | None
