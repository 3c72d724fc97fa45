"""Holds the current rows of one column against its rule, and against the reference where a rule needs none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.contract_categories import check_categories, check_spelling
from harness.drift.contract_rows import CurrentRows
from harness.drift.contract_values import check_missing, check_monotone, check_range, check_unique, has_range
from harness.drift.stays import check_constant, check_nulls, varies_in_every_window
from harness.drift.unit_change import MIN_RAW_KS, unit_change_by_window
from harness.records.column import Column, ComparedRows
from harness.records.contract import ColumnRule, NotChecked, Violation
from harness.records.drift_cells import DriftCells
from harness.records.profile import QUANTILES, ColumnProfile

KINDS = ("number", "time", "category")
_TEXTS = ("string", "large_string", "string_view")
_Check = tuple[str, Callable[[], Violation | tuple[Violation | None, str | None] | None]]


def check_column(
    rule: ColumnRule,
    column: Column,
    rows: ComparedRows,
    cells: DriftCells,
    reference: ColumnProfile | None,
    current: ColumnProfile | None = None,
) -> tuple[list[Violation], list[NotChecked], int]:
    """Say which promises the current rows of a column break.

    Checked is what the rule asks, and, where there is a reference, what it need not ask: the type, other spellings of its categories, infinite values,
    one value or nulls that appear and stay, another unit. Rows of the reference are never held against the rule.

    Parameters
    ----------
    rule : ColumnRule
        Of this column.
    column : Column
        All rows of both sides.
    rows, cells : ComparedRows, DriftCells
        Sides and windows of the rows.
    reference, current : ColumnProfile or None
        Of either side; None where there is no profile. Where both are in the same bins, these say whether another unit is possible at all.

    Returns
    -------
    list of Violation, list of NotChecked, int
        Broken promises in the order of the checks; checks that the rule asks and that could not run; how many ran. A check that the rule does not
        ask, and that cannot run, is in neither.
    """
    violations, not_checked, n_checks = [], [], 0
    has_reference = reference is not None or rows.n_reference > 0
    if rule.type is not None or has_reference:
        n_checks += 1
        violations += _wrong_type(rule, column, reference, has_reference)
    held = CurrentRows(column, rows, cells)
    asked = _asked(rule)
    reason = _why_none(column, held)
    if reason is not None:
        return violations, [NotChecked(rule.column, check, reason) for check in asked], n_checks
    for check, run in _checks(rule, held, reference, current):
        found = run()
        found, why_not = found if isinstance(found, tuple) else (found, None)
        n_checks += why_not is None
        violations += [found] if found is not None else []
        not_checked += [NotChecked(rule.column, check, why_not)] if why_not is not None else []
    return violations, not_checked, n_checks


def _why_none(column: Column, held: CurrentRows) -> str | None:
    if column.kind == "none":
        return column.note or f"values of type {column.type} cannot be compared"
    return None if held.n else "there are no current rows"


def _asked(rule: ColumnRule) -> tuple[str, ...]:
    """Return the checks of rows that the rule itself asks for."""
    asks = (
        ("missing", rule.max_missing_share is not None),
        ("range", rule.minimum is not None or rule.maximum is not None),
        ("categories", rule.categories is not None),
        ("unique", rule.is_unique),
        ("monotone", rule.is_monotone),
        ("constant", not rule.may_be_constant),
    )
    return tuple(check for check, does in asks if does)


def _checks(rule: ColumnRule, held: CurrentRows, reference: ColumnProfile | None, current: ColumnProfile | None) -> Iterator[_Check]:
    """Yield the checks of rows that can run, and those that the rule asks and that can say why not."""
    column, has_rows = held.column, held.rows.n_reference > 0
    is_category = column.kind == "category"
    if rule.max_missing_share is not None:
        yield "missing", lambda: check_missing(rule, held)
    if rule.check_stays and reference is not None and held.has_windows:
        yield "nulls", lambda: check_nulls(rule, held, reference)
    if rule.minimum is not None or rule.maximum is not None or (column.kind == "number" and has_range(rule, reference)):
        yield "range", lambda: (None, "a category has no range") if is_category else check_range(rule, held, reference)
    if rule.categories is not None:
        yield "categories", lambda: (None, "a time has no categories") if column.kind == "time" else check_categories(rule, held)
    elif is_category and has_rows:
        yield "categories", lambda: check_spelling(held)
    if rule.is_unique:
        yield "unique", lambda: check_unique(held)
    if rule.is_monotone:
        yield "monotone", lambda: (None, "categories have no order") if is_category else check_monotone(held)
    if not rule.may_be_constant or (rule.check_stays and held.has_windows and reference is not None and varies_in_every_window(reference)):
        yield "constant", lambda: check_constant(rule, held, reference) if could_be_constant(current) else None
    if rule.check_unit and column.kind == "number" and not (rule.is_unique or rule.is_monotone):
        values = held.reference_values if has_rows else _values_of(reference)  # numbers of rows grow by factors of their own
        if values is not None:
            is_possible = could_be_apart(reference, current, MIN_RAW_KS)
            yield "unit", lambda: _check_unit(held, values) if is_possible else None


def could_be_apart(reference: ColumnProfile | None, current: ColumnProfile | None, least: float) -> bool:
    """Say whether the KS distance of the reference to all current rows, or to one of their windows, could reach `least`, from the bins alone.

    Within a bin that goes from F and G to F' and G' at its end, no distance is above max(F' - G, G' - F).
    """
    if reference is None or current is None or reference.bins != current.bins or not reference.bins.edges:
        return True
    if reference.moments.n_infinite.any() or current.moments.n_infinite.any():  # they are in bins, and in no distance
        return True
    n_windows = len(current.window_names)
    counts = np.vstack([reference.counts[:1], current.counts[: 1 + n_windows]])[:, :-1].astype(np.float64)
    reached = np.cumsum(counts, axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    before = np.column_stack([np.zeros(len(reached)), reached[:, :-1]])
    bound = np.maximum(reached[0] - before[1:], reached[1:] - before[0]).max(axis=1)
    return bool((bound[counts[1:].sum(axis=1) > 0] >= least).any())


def could_be_constant(current: ColumnProfile | None) -> bool:
    """Say whether the current rows, or those of one of their windows, could hold one value alone, from the profile; True where it does not tell."""
    if current is None or current.kind == "none" or current.moments.n_infinite.any():
        return True
    cells = slice(0, 1 + len(current.window_names))
    if current.kind == "category":
        return bool(((current.counts[cells, :-1] > 0).sum(axis=1) == 1).any())
    return bool((current.moments.minimum[cells] == current.moments.maximum[cells]).any())


def _wrong_type(rule: ColumnRule, column: Column, reference: ColumnProfile | None, has_reference: bool) -> list[Violation]:
    """Hold the type against the rule's and the reference's; texts are one type however they are stored, and a rule that names a kind asks no more."""
    trained = reference.type if reference is not None else column.reference_type
    wanted = rule.type if rule.type is not None else trained
    is_right = wanted == column.kind if wanted in KINDS else _plain_type(wanted) == _plain_type(column.type)
    differs = has_reference and trained != "" and wanted not in KINDS and _plain_type(trained) != _plain_type(column.type)
    if is_right and not differs:
        return []
    expected = f"type {wanted}" if not is_right else f"type {trained}, as in the reference"
    both = f"; the reference has {trained}: what was trained on and what is served differ" if differs else ""
    sentence = f"{rule.column}: expected {expected}, found type {column.type}{both}"
    return [Violation(rule.column, "type", expected, f"type {column.type}", 0, None, (), (), sentence)]


def _plain_type(name: str) -> str:
    encoded = re.match(r"dictionary<values=([^,]+),", name)
    plain = encoded[1] if encoded else name
    return "string" if plain in _TEXTS else plain


def _values_of(reference: ColumnProfile | None) -> NDArray[Any] | None:
    """Return values that stand for a reference of which only the profile is known: between its quantiles, evenly."""
    if reference is None or reference.quantiles is None or not np.isfinite(reference.quantiles).all():
        return None
    n = int(reference.moments.n_rows[0] - reference.moments.n_missing[0])
    return np.asarray(np.interp((np.arange(min(n, 2_000)) + 0.5) / min(n, 2_000), QUANTILES, reference.quantiles))


def _check_unit(held: CurrentRows, reference_values: NDArray[Any]) -> Violation | None:
    present = np.flatnonzero(~held.missing)
    claimed = unit_change_by_window(reference_values, held.values[present], held.window[present], held.cells.windows, held.column.name)
    if claimed is None:
        return None
    change, windows = claimed
    at = present[np.isin(held.window[present], windows)] if windows else present
    formula = f"{change.factor:.6g} x" + (
        f" + {change.offset:.6g}" if change.offset > 0 else f" - {-change.offset:.6g}" if change.offset else ""
    )
    found = f"values as of another unit, {formula}: {change.name}"
    more = f"; converted back, the KS distance falls from {change.ks_raw:.3f} to {change.ks_rescaled:.3f}"
    return held.violation("unit", "values in the reference's unit", found, at, more=more)
