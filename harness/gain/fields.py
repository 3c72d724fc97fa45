"""How the fields of a business rule are read from a configuration: numbers, amounts that a column holds, and baseline policies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import did_you_mean, one_of


@dataclass(frozen=True)
class Amount:
    """A value that is not the same for all rows: `times` what the log holds in `column`."""

    column: str
    times: float = 1.0


@dataclass(frozen=True)
class PolicyColumn:
    """A baseline policy whose decisions, or predictions, the log holds in `column`."""

    column: str

    def __str__(self) -> str:
        """Return how a table names it."""
        return f"column {self.column}"


def read_number(name: str, value: object, wanted: str = "a finite number, the value of one such row; a loss is negative") -> float:
    """Return a finite number.

    Raises
    ------
    ValueError
        When it is none.

    >>> read_number("true_positive", 2)
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: found {value!r}, wanted {wanted}")
    return float(value)


def read_value(name: str, value: object) -> float | Amount:
    """Return what one such row is worth: a number, or an amount from the mapping {column: NAME, times: FACTOR}.

    Raises
    ------
    ValueError
        When it is neither.

    >>> read_value("false_negative", {"column": "amount", "times": -1})
    Amount(column='amount', times=-1.0)
    """
    if isinstance(value, Amount):
        return value
    if not isinstance(value, Mapping):
        return read_number(name, value)
    _known_keys(name, value, ("column", "times"))
    return Amount(_column_of(name, value), read_number(f"{name}.times", value.get("times", 1.0), "a finite factor; a loss is negative"))


def read_baseline(value: object, choices: Sequence[str]) -> str | PolicyColumn:
    """Return one of the named policies, or the policy whose column {column: NAME} says.

    Raises
    ------
    ValueError
        When it is neither.

    >>> str(read_baseline({"column": "old_rule"}, ("none", "all", "champion")))
    'column old_rule'
    """
    if isinstance(value, PolicyColumn) or (isinstance(value, str) and value in choices):
        return value
    if isinstance(value, Mapping):
        _known_keys("baseline", value, ("column",))
        return PolicyColumn(_column_of("baseline", value))
    raise ValueError(
        f"baseline: found {value!r}, wanted one of {', '.join(choices)}, or {{column: NAME}}{did_you_mean(str(value), choices)}"
    )


def check_currency(value: object) -> None:
    """Raise ValueError where a currency is missing."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"currency: found {value!r}, wanted a currency code; write currency: USD")


def _known_keys(name: str, value: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for key in value:
        if key not in known:
            raise ValueError(f"{name}.{key}: unknown key; keys are: {one_of(known)}{did_you_mean(str(key), known)}")


def _column_of(name: str, value: Mapping[Any, Any]) -> str:
    column = value.get("column")
    if not isinstance(column, str) or not column:
        raise ValueError(f"{name}.column: found {column!r}, wanted the name of a column of the log")
    return column
