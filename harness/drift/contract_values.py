"""Contract checks of single values and of their order: missing, range, unique, monotone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.contract_rows import CurrentRows, number_text, share_texts, time_text
from harness.records.contract import ColumnRule, Violation
from harness.records.profile import ColumnProfile

_PIECE = 1 << 16  # values at a time: what falls mostly does so early
_MIN_RISING = 100  # rows: fewer are in order by luck
_HINTED, _MIN_HINTED = (100.0, 1000.0), 100  # factors of shares and thousandths; values outside that are enough to speak of


def check_missing(rule: ColumnRule, current: CurrentRows) -> Violation | None:
    """Say whether more rows are without a value than the rule allows; the window is the first whose own share is above it."""
    assert rule.max_missing_share is not None
    at = np.flatnonzero(current.missing)
    share = len(at) / current.n
    if share <= rule.max_missing_share:
        return None
    limit = rule.max_missing_share
    found, allowed = share_texts(share, limit)
    expected = f"at most {allowed} of the rows without a value" if limit else "a value in every row"
    return current.violation("missing", expected, f"{found} of the rows without one", at, _first_above(current, at, limit))


def _first_above(current: CurrentRows, at: NDArray[np.intp], limit: float) -> str | None:
    if not current.has_windows:
        return None
    n_rows = current.count_by_window(np.arange(current.n))
    above = current.count_by_window(at) > limit * n_rows
    return current.cells.windows[int(np.argmax(above))] if above.any() else None


def has_range(rule: ColumnRule, reference: ColumnProfile | None) -> bool:
    """Say whether there is a range to check: bounds of the rule, or a reference without infinite values."""
    return rule.minimum is not None or rule.maximum is not None or (reference is not None and not _has_infinite(reference))


def _has_infinite(reference: ColumnProfile) -> bool:
    return bool(reference.moments.n_infinite[0])


def check_range(rule: ColumnRule, current: CurrentRows, reference: ColumnProfile | None) -> Violation | None:
    """Say whether values lie outside the rule's bounds; infinite ones always do where the reference had none.

    Bounds are compared in the column's own type: a float32 column that holds 0.1 keeps a maximum of 0.1.
    """
    values = current.values
    outside = _below(values, rule.minimum) | _above(values, rule.maximum)
    if values.dtype.kind == "f" and reference is not None and not _has_infinite(reference):
        outside |= np.isinf(values)
    at = np.flatnonzero(outside & ~current.missing)
    if not len(at):
        return None
    beyond = values[at]
    text = time_text if current.column.kind == "time" else number_text
    low, high = text(beyond.min()), text(beyond.max())
    return current.violation(
        "range", _range_text(rule, text), low if low == high else f"{low} to {high}", at, more=_hint(beyond, reference)
    )


def _hint(beyond: NDArray[Any], reference: ColumnProfile | None) -> str:
    """Say, without claiming another unit, that values outside would lie in the reference's range if divided, as percents among shares do."""
    if reference is None or reference.kind != "number" or len(beyond) < _MIN_HINTED:
        return ""
    low, high = float(reference.moments.minimum[0]), float(reference.moments.maximum[0])
    finite = beyond[np.isfinite(beyond)].astype(np.float64)
    for factor in _HINTED:
        back = finite / factor
        inside = back[(back >= low) & (back <= high)]
        if len(inside) >= 0.99 * len(beyond) and inside.max() - inside.min() >= 0.3 * (high - low) > 0.0:
            return f"; divided by {factor:g}, {len(inside):,} of them lie in the reference's range, {low:.6g} to {high:.6g}"
    return ""


def _range_text(rule: ColumnRule, text: Any) -> str:
    if rule.minimum is not None and rule.maximum is not None:
        return f"values from {text(rule.minimum)} to {text(rule.maximum)}"
    if rule.minimum is not None:
        return f"finite values of at least {text(rule.minimum)}"
    return "finite values, as in the reference" if rule.maximum is None else f"finite values of at most {text(rule.maximum)}"


def _below(values: NDArray[Any], bound: float | None) -> NDArray[np.bool_]:
    if bound is None:
        return np.zeros(len(values), dtype=np.bool_)
    if values.dtype.kind != "f":
        return np.asarray(values < math.ceil(bound))  # as whole numbers: float64 would round both beyond 2**53
    with np.errstate(over="ignore"):
        limit = values.dtype.type(bound)
    return np.asarray((values < limit) | (values == -np.inf))  # a bound beyond the type rounds to infinite, which nothing passes


def _above(values: NDArray[Any], bound: float | None) -> NDArray[np.bool_]:
    if bound is None:
        return np.zeros(len(values), dtype=np.bool_)
    if values.dtype.kind != "f":
        return np.asarray(values > math.floor(bound))
    with np.errstate(over="ignore"):
        limit = values.dtype.type(bound)
    return np.asarray((values > limit) | (values == np.inf))


def check_unique(current: CurrentRows) -> Violation | None:
    """Say whether a value stands more than once; a row counts when an earlier one has its value."""
    present = np.flatnonzero(~current.missing)
    at = present[_repeats(current.values[present])]
    return current.violation("unique", "no value twice", f"{len(at):,} that stood before", at) if len(at) else None


def _repeats(values: NDArray[Any]) -> NDArray[np.intp]:
    """Return the places, ascending, of the values that repeat an earlier one."""
    if all_differ(values):
        return np.zeros(0, dtype=np.intp)
    order = np.argsort(values)
    in_order = values[order]
    starts = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1]]))
    repeats = np.ones(len(values), dtype=np.bool_)
    repeats[np.minimum.reduceat(order, starts)] = False  # the first row of each value
    return np.flatnonzero(repeats)


def all_differ(values: NDArray[Any]) -> bool:
    """Say whether no value [n] stands twice; missing ones must have been taken out.

    Examples
    --------
    >>> all_differ(np.array([7, 1, 3, 2])), all_differ(np.array([7, 1, 3, 7]))
    (True, False)
    """
    in_order = np.sort(values)
    return not bool((in_order[1:] == in_order[:-1]).any())


def check_monotone(current: CurrentRows) -> Violation | None:
    """Say whether a value is below that of the row before; rows without a value are passed over."""
    present = np.flatnonzero(~current.missing)
    values = current.values[present]
    falls = np.flatnonzero(values[1:] < values[:-1]) + 1
    at = present[falls]
    if not len(at):
        return None
    before = current.text_at(int(present[falls[0] - 1]))
    return current.violation("monotone", "no value below that of the row before", f"{current.text_at(int(at[0]))} after {before}", at)


def never_falls(values: NDArray[Any]) -> bool:
    """Say whether values [n] never fall from one to the next; missing ones (NaN) must have been taken out.

    Examples
    --------
    >>> never_falls(np.array([1, 1, 3, 7]))
    True
    """
    pieces = (values[i : i + _PIECE + 1] for i in range(0, len(values), _PIECE))
    return not any(bool((piece[1:] < piece[:-1]).any()) for piece in pieces)


def rises(values: NDArray[Any]) -> bool:
    """Say whether values [n] of 100 rows or more differ and never fall from one to the next, as counters and numbers of months do; none may be missing.

    Examples
    --------
    >>> rises(np.repeat([3, 4], 50)), rises(np.repeat([4, 3], 50)), rises(np.repeat(3, 100)), rises(np.array([3, 4]))
    (True, False, False, False)
    """
    return len(values) >= _MIN_RISING and bool(values[0] < values[-1]) and never_falls(values)
