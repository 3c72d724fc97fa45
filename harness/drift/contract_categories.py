"""Contract check of a closed set of values, which also names another spelling of a known one."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.drift.contract_rows import CurrentRows, share_text, value_text
from harness.records.contract import ColumnRule, Violation

MAX_SPELLED = 10_000  # values of a reference that is still a vocabulary; beyond it are free texts, whose spellings mean nothing
MIN_SPELLING_SHARE = 0.01  # of rows, where no share of unseen values is agreed: below it are slips of the pen
_N_NAMED = 5


def check_categories(rule: ColumnRule, current: CurrentRows) -> Violation | None:
    """Say whether more rows than agreed hold a value outside the set of the rule, naming the values, and what they look like.

    Numbers are known by their value, however the set writes them.
    """
    assert rule.categories is not None
    at, counted = (_unseen_texts if current.column.kind == "category" else _unseen_numbers)(rule.categories, current)
    if len(at) <= rule.max_unseen_share * current.n:
        return None
    expected = f"one of {_list(rule.categories)}"
    if rule.max_unseen_share:
        expected += f" in all but {share_text(rule.max_unseen_share)} of the rows"
    return _unseen(current, expected, counted, rule.categories, at)


def _unseen_texts(categories: tuple[str, ...], current: CurrentRows) -> tuple[NDArray[np.intp], dict[str, int]]:
    known = set(categories)
    return _rows_with(current, np.array([value not in known for value in current.column.categories], dtype=np.bool_))


def _rows_with(current: CurrentRows, is_meant: NDArray[np.bool_]) -> tuple[NDArray[np.intp], dict[str, int]]:
    """Return the rows whose category is meant, and how often each of these stands there."""
    at = np.flatnonzero(np.concatenate([is_meant, [False]])[current.values])  # code -1, missing, is the last
    counts = np.bincount(current.values[at], minlength=len(is_meant))
    return at, {current.column.categories[code]: int(counts[code]) for code in np.flatnonzero(counts)}


def _unseen_numbers(categories: tuple[str, ...], current: CurrentRows) -> tuple[NDArray[np.intp], dict[str, int]]:
    is_whole = current.values.dtype.kind == "i"
    numbers = [_number_of(text, is_whole) for text in categories]
    with np.errstate(over="ignore"):
        known = np.array([number for number in numbers if number is not None], dtype=current.values.dtype)
    at = np.flatnonzero(~(np.isin(current.values, known) | current.missing))
    values, counts = np.unique(current.values[at], return_counts=True)
    return at, {value_text(current.column, value): int(count) for value, count in zip(values, counts, strict=True)}


def _number_of(text: str, is_whole: bool) -> float | None:
    """Return the number that a text writes; None where it writes none, or none that a column of int64 could hold."""
    try:
        number = int(text) if re.fullmatch(r"[-+]?[0-9]{1,19}", text) else float(text)  # whole ones stay exact
    except ValueError:
        return None
    if not is_whole:
        return number
    return int(number) if number == number // 1 and -(2**63) <= number < 2**63 else None


def check_spelling(current: CurrentRows) -> Violation | None:
    """Say whether current rows write a value of the reference in another way, a training-serving difference; of a category only.

    Undefined, and None, where the reference itself writes a value in two ways, or has more than 10,000 values.
    """
    seen = np.bincount(current.reference_values, minlength=len(current.column.categories)) > 0
    reference = [value for value, s in zip(current.column.categories, seen, strict=True) if s]
    plain = {normal_form(value) for value in reference} if len(reference) <= MAX_SPELLED else set[str]()
    if not plain or len(plain) < len(reference):
        return None
    unknown = [not s and normal_form(v) in plain for v, s in zip(current.column.categories, seen, strict=True)]
    at, counted = _rows_with(current, np.array(unknown, dtype=np.bool_))
    if len(at) <= MIN_SPELLING_SHARE * current.n:
        return None
    return _unseen(current, f"values written as in the reference, as {_list(sorted(reference))}", counted, reference, at)


def _unseen(current: CurrentRows, expected: str, counted: dict[str, int], known: Iterable[str], at: NDArray[np.intp]) -> Violation:
    most = sorted(counted, key=lambda value: (-counted[value], value))
    named = ", ".join(f"'{value}' {counted[value]:,} times" for value in most[:_N_NAMED])
    more = f" and {len(most) - _N_NAMED:,} other values" if len(most) > _N_NAMED else ""
    spelled = {normal_form(value): value for value in known}
    likes = [f"'{v}' looks like '{spelled[normal_form(v)]}'" for v in most if normal_form(v) in spelled][:_N_NAMED]
    return current.violation("categories", expected, named + more, at, more=f"; {', '.join(likes)}" if likes else "")


def normal_form(value: str) -> str:
    """Return what different spellings of one value have in common: case, spaces, width of letters, "1.0" for "1", "true" for "1".

    Examples
    --------
    >>> [normal_form(v) for v in (" UA", "ua", "1.0", "True")]
    ['ua', 'ua', '1', '1']
    """
    plain = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    plain = {"true": "1", "false": "0"}.get(plain, plain)
    try:
        number = float(plain)
    except ValueError:
        return plain
    if not math.isfinite(number) or abs(number) >= 2**53:  # beyond it float64 would make one of two whole numbers
        return plain
    return str(int(number)) if number.is_integer() else repr(number)


def _list(values: Iterable[str]) -> str:
    names = list(values)
    return ", ".join(names[:_N_NAMED]) + (f", … ({len(names) - _N_NAMED} more)" if len(names) > _N_NAMED else "")
