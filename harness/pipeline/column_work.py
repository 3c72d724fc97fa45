"""Columns of a log against its reference, one after the other: profiles, drift, contract; in a child process of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.drift.cell_groups import CellGroups
from harness.drift.column_on_card import ColumnOnCard
from harness.drift.column_tables import ColumnTables, PairMaker, tabulate
from harness.drift.contract_check import check_column
from harness.drift.contract_infer import infer_rule
from harness.drift.contract_rows import present_values
from harness.drift.contract_values import all_differ, never_falls, rises
from harness.drift.corrected import Found
from harness.drift.profiles import profile_of
from harness.drift.row_index import RowIndex
from harness.drift.stored_reference import StoredReference
from harness.drift.what_changed import what_changed
from harness.pipeline.column_names import compared_names
from harness.pipeline.columns_on_card import LogOnCard, is_memory
from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, Column, ComparedRows
from harness.records.conf import DriftConf, ReplayConf
from harness.records.contract import ColumnRule, Contract, NotChecked, Violation
from harness.records.drift import ColumnPair, DriftKind, Reading
from harness.records.drift_cells import DriftCells
from harness.records.profile import ColumnProfile, LogProfile
from harness.records.replay import LogFiles
from harness.records.tally import ALL
from harness.replay.compared import ComparedLog
from harness.slicing.drift_cells import drift_cells
from harness.slicing.periods import roles_of
from harness.workers.child import Channel


@dataclass(frozen=True)
class LogWork:
    """What comparing a log with its reference needs; `contract` None: inferred from the reference.

    `cards` names the card of each child that has one, as `CUDA_VISIBLE_DEVICES` takes it; children beyond them have none.
    """

    log: LogFiles
    reference: LogFiles | None
    replay: ReplayConf
    drift: DriftConf
    contract: Contract | None
    stored: LogProfile | None
    cache_dir: Path
    folder: Path
    identity: str
    cards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """What one column's rule was found to be, and what breaks it."""

    rule: ColumnRule | None
    violations: tuple[Violation, ...]
    not_checked: tuple[NotChecked, ...]
    n_checks: int


@dataclass(frozen=True)
class ColumnResult:
    """What was found of one column; `changed` in words, `not_compared` says why where it was not."""

    name: str
    reference: ColumnProfile | None
    current: ColumnProfile
    found: tuple[Found, ...]
    changed: str
    not_compared: str | None
    checked: Checked


@dataclass(frozen=True)
class PartResult:
    """What one child found: its columns, by name; the label, where it was that child's; and what all children see alike.

    `on_card`: columns that it reduced on its card, and those for which that had not the memory; None where it had no card.
    """

    columns: tuple[ColumnResult, ...]
    label: ColumnResult | None
    wanted: tuple[str, ...]
    names: tuple[str, ...]
    n_reference: int
    n_current: int
    left_out: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    on_card: tuple[int, int] | None = None


def compare_columns(channel: Channel, work: LogWork, part: int, n_parts: int) -> PartResult:
    """Compare every `n_parts`-th column of the log with its reference, beginning with number `part`; the last part has the label too.

    A child with a card counts, measures and orders the columns there; what reads values otherwise stays on the host.
    """
    needs_reference = work.stored is None and work.contract is None
    compared = ComparedLog(work.log, work.replay, work.reference, roles_of, work.cache_dir, needs_reference=needs_reference)
    rows = compared.rows()
    channel.progress(0)
    story = _Story(work, compared, rows, has_card=part < len(work.cards))
    wanted, results = story.wanted(), []
    for name in wanted[part::n_parts]:
        results.append(story.column(name))
        channel.progress(len(results))
    label = story.label() if part == n_parts - 1 else None
    on_card = None if story.card is None else (story.card.n_there, story.card.n_did_not_fit)
    sides = (rows.n_reference, rows.n_current, rows.left_out, rows.notes)
    return PartResult(tuple(results), label, tuple(wanted), compared.names(), *sides, on_card)


class _Story:
    """One log and its reference while its columns pass by."""

    def __init__(self, work: LogWork, compared: ComparedLog, rows: ComparedRows, *, has_card: bool = False) -> None:
        self.work, self.compared, self.rows = work, compared, rows
        sliced = {s.column: compared.column(s.column) for s in work.replay.slice_columns}
        self.cells: DriftCells = drift_cells(rows, work.replay, sliced)
        self.index, self.groups = RowIndex(rows, self.cells), CellGroups(self.cells)
        self.card = LogOnCard(self.cells) if has_card else None
        self.names = compared_names(compared.names(), work.replay, work.drift)
        self.stored = {profile.name: profile for profile in (work.stored.columns if work.stored else ())}
        self.statistics = tuple(_resampled_for(s, len(self.names), work.drift.alpha) for s in work.drift.statistics)

    def wanted(self) -> list[str]:
        """Return the columns that are looked at, in the order of the log."""
        ruled = [r.column for r in self.work.contract.rules] if self.work.contract else []
        every = self.compared.names()
        return [n for n in every if n in self.names or n in ruled or (self.work.contract is None and n in self._kept_by_contract())]

    def _kept_by_contract(self) -> tuple[str | None, ...]:
        """Return columns that have a contract though nobody compares them: a time may not go backwards, an id not repeat."""
        return (self.work.replay.timestamp, self.work.replay.id)

    def column(self, name: str) -> ColumnResult:
        """Return what was found of one column."""
        return self._result(self.compared.column(name), "covariate", name in self.names)

    def label(self) -> ColumnResult | None:
        """Return what was found of the label; None where there is none."""
        column = self.compared.labels()
        return None if column is None else self._result(column, "label", True)

    def _result(self, column: Column, kind: DriftKind, is_compared: bool) -> ColumnResult:
        """Reduce a column on the card, and on the host where there is none or it has not the memory."""
        if self.card is not None:
            try:
                there = self.card.column(column)
                found = self._reduced(column, kind, is_compared, there)
            except Exception as trouble:  # libraries of a card have no common class for memory that ran out
                if not is_memory(trouble):
                    raise
                self.card.n_did_not_fit += 1
            else:
                self.card.n_there += there is not None
                return found
        return self._reduced(column, kind, is_compared, None)

    def _reduced(self, column: Column, kind: DriftKind, is_compared: bool, there: ColumnOnCard | None) -> ColumnResult:
        stored = self.stored.get(column.name)
        stored = stored if stored is not None and stored.kind == column.kind else None
        bins = stored.bins if stored is not None else None
        tables = tabulate(column, self.index, self.groups, bins, self.work.drift.max_categories, there=there)
        current = profile_of(column, tables, self.index, self.groups, CURRENT_SIDE, there)
        has_rows = (
            self.rows.n_reference > 0 and self.work.stored is None
        )  # beside a stored profile the period says only which rows are current
        reference = profile_of(column, tables, self.index, self.groups, REFERENCE_SIDE, there) if has_rows else stored
        found: tuple[Found, ...] = ()
        changed = ""
        if is_compared and reference is not None and column.kind != "none":
            found, changed = self._found(column, tables, reference, current, kind, there)
        checked = self._checked(column, reference, current) if kind == "covariate" else Checked(None, (), (), 0)
        return ColumnResult(column.name, reference, current, found, changed, self._why_not(column, is_compared), checked)

    def _why_not(self, column: Column, is_compared: bool) -> str | None:
        if not is_compared:
            return None
        if column.kind == "none":
            return column.note
        stored = self.stored.get(column.name)
        if self.work.stored is not None and (stored is None or stored.kind != column.kind):
            return f"'{column.name}' is {'not in the profile' if stored is None else f'a {stored.kind} in the profile and a {column.kind} here'}"
        return None

    def _found(
        self,
        column: Column,
        tables: ColumnTables,
        reference: ColumnProfile,
        current: ColumnProfile,
        kind: DriftKind,
        there: ColumnOnCard | None,
    ) -> tuple[tuple[Found, ...], str]:
        statistics = self.statistics
        maker = PairMaker(
            column,
            tables,
            self.index,
            self.groups,
            (reference.cardinality.n_distinct, current.cardinality.n_distinct),
            days=self.work.drift.resample == "days",
            stored=StoredReference(reference) if self.work.stored else None,
            there=there,
        )
        found: list[Found] = []
        changed = ""
        for slice_by, slice_value, window, pair in maker.pairs(
            slices=any(s.in_slices for s in statistics), windows=any(s.in_windows for s in statistics)
        ):
            pair = replace(pair, is_label=True) if kind == "label" else pair
            if (slice_by, window) == (ALL, ALL):
                changed = what_changed(pair)
            found += [(kind, column.name, slice_by, slice_value, window, *r) for r in self._readings(pair, slice_by, window)]
        return tuple(found), changed

    def _readings(self, pair: ColumnPair, slice_by: str, window: str) -> Iterator[tuple[str, Reading]]:
        for statistic in self.statistics:
            is_wanted = statistic.in_windows if window != ALL else statistic.in_slices if slice_by != ALL else True
            if is_wanted and statistic.applies_to(pair.kind, pair.is_label):
                reading = statistic.read(pair)
                if reading is not None:
                    yield statistic.name, reading

    def _checked(self, column: Column, reference: ColumnProfile | None, current: ColumnProfile) -> Checked:
        rule = self._rule(column, reference) if column.type else None  # a column that the log lacks is absent, and nothing more
        if rule is None:
            return Checked(None, (), (), 0)
        violations, not_checked, n_checks = check_column(rule, column, self.rows, self.cells, reference, current)
        return Checked(rule, tuple(violations), tuple(not_checked), n_checks)

    def _rule(self, column: Column, reference: ColumnProfile | None) -> ColumnRule | None:
        if self.work.contract is not None:
            return next((r for r in self.work.contract.rules if r.column == column.name), None)
        stored = self.stored.get(column.name)
        if reference is None:  # or of another kind
            return None if stored is None else infer_rule(stored)
        if stored is None and not column.reference_type:
            return None  # the reference has no such column
        is_id, is_time = column.name == self.work.replay.id, column.name == self.work.replay.timestamp
        if column.name in self.stored or column.kind == "none" or not self.rows.n_reference:
            return infer_rule(reference, goes_on=is_id or (is_time and column.kind == "number"))
        present = present_values(column, self.index.sides[REFERENCE_SIDE])
        return infer_rule(
            reference,
            is_monotone=is_time and never_falls(present),
            is_unique=is_id and all_differ(present),
            goes_on=is_id or (column.kind == "number" and (is_time or rises(present))),
        )


def _resampled_for(statistic: Any, n_columns: int, alpha: float) -> Any:
    """Return a statistic that deals out days often enough for its least p-value, times the number of columns, to be below alpha."""
    if not hasattr(statistic, "n_resamples") or alpha <= 0.0:
        return statistic
    return replace(statistic, n_resamples=max(statistic.n_resamples, math.ceil(n_columns / alpha)))
