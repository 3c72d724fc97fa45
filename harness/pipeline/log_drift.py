"""A log against its reference, column after column: profiles, drift, contract; in a child process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from harness.drift.cell_groups import CellGroups
from harness.drift.column_findings import column_findings
from harness.drift.column_tables import ColumnTables, PairMaker, tabulate
from harness.drift.contract_check import check_column
from harness.drift.contract_file import contract_text
from harness.drift.contract_infer import infer_rule
from harness.drift.contract_report import contract_report
from harness.drift.contract_values import never_falls
from harness.drift.corrected import Found
from harness.drift.drift_rows import drift_rows
from harness.drift.profile_file import profile_text
from harness.drift.profiles import profile_of
from harness.drift.row_index import RowIndex
from harness.drift.stored_reference import StoredReference
from harness.drift.what_changed import what_changed
from harness.pipeline.column_names import compared_names, reference_text
from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, Column, ComparedRows
from harness.records.conf import DriftConf, ReplayConf
from harness.records.contract import ColumnRule, Contract, ContractReport, NotChecked, Violation
from harness.records.drift import ColumnPair, DriftKind, DriftRow, Reading
from harness.records.drift_cells import DriftCells
from harness.records.log_findings import LogFindings
from harness.records.profile import ColumnProfile, LogProfile
from harness.records.replay import LogFiles
from harness.records.tally import ALL
from harness.replay.compared import ComparedLog
from harness.report.drift_frame import drift_frame
from harness.runs import folder as files
from harness.runs.findings import CONTRACT, DRIFT, FINDINGS, PROFILE, REFERENCE_PROFILE
from harness.slicing.drift_cells import drift_cells
from harness.slicing.periods import roles_of
from harness.workers.child import Channel

N_THREADS = 2  # columns at a time: one is decoded while the other is counted


@dataclass(frozen=True)
class LogWork:
    """What comparing a log with its reference needs; `contract` None: inferred from the reference."""

    log: LogFiles
    reference: LogFiles | None
    replay: ReplayConf
    drift: DriftConf
    contract: Contract | None
    stored: LogProfile | None
    cache_dir: Path
    folder: Path
    identity: str


@dataclass(frozen=True)
class _Checked:
    """What one column's rule was found to be, and what breaks it."""

    rule: ColumnRule | None
    violations: tuple[Violation, ...]
    not_checked: tuple[NotChecked, ...]
    n_checks: int


@dataclass(frozen=True)
class _ColumnResult:
    name: str
    reference: ColumnProfile | None
    current: ColumnProfile
    found: tuple[Found, ...]
    changed: str
    not_compared: str | None
    checked: _Checked


def compare_log(channel: Channel, work: LogWork) -> LogFindings:
    """Compare every column of the log with its reference, write what was found, and return it in brief.

    Written are the contract, the profiles of both sides, and the table of all statistics; the findings last, as the mark that all is there.
    """
    needs_reference = work.stored is None and work.contract is None
    compared = ComparedLog(work.log, work.replay, work.reference, roles_of, work.cache_dir, needs_reference=needs_reference)
    story = _Story(work, compared, compared.rows())
    channel.progress(0)
    results = [*story.columns(channel.progress)]
    label = story.label()
    found = [f for r in (*results, *([label] if label else [])) for f in r.found]
    rows = drift_rows(found, work.drift.profile, work.drift.alpha)
    channel.progress(len(results))
    findings = story.findings(results, label, rows)
    _write(work, findings, results, rows)
    return findings


class _Story:
    """One log and its reference while columns pass by, two at a time."""

    def __init__(self, work: LogWork, compared: ComparedLog, rows: ComparedRows) -> None:
        self.work, self.compared, self.rows = work, compared, rows
        sliced = {s.column: compared.column(s.column) for s in work.replay.slice_columns}
        self.cells: DriftCells = drift_cells(rows, work.replay, sliced)
        self.index, self.groups = RowIndex(rows, self.cells), CellGroups(self.cells)
        self.names = compared_names(compared.names(), work.replay, work.drift)
        self.stored = {profile.name: profile for profile in (work.stored.columns if work.stored else ())}

    def columns(self, on_column: Callable[[int], None]) -> Iterator[_ColumnResult]:
        """Yield what was found of every column, in the order of the log."""
        ruled = [r.column for r in self.work.contract.rules] if self.work.contract else []
        every = self.compared.names()
        wanted = [n for n in every if n in self.names or n in ruled or (self.work.contract is None and n in self._kept_by_contract())]
        with ThreadPoolExecutor(N_THREADS) as pool:
            for i, result in enumerate(pool.map(self._column, wanted), 1):
                on_column(i)
                yield result

    def _kept_by_contract(self) -> tuple[str | None, ...]:
        """Return columns that have a contract though nobody compares them: a time may not go backwards, an id not repeat."""
        return (self.work.replay.timestamp, self.work.replay.id)

    def _column(self, name: str) -> _ColumnResult:
        return self._result(self.compared.column(name), "covariate", name in self.names)

    def label(self) -> _ColumnResult | None:
        """Return what was found of the label; None where there is none."""
        column = self.compared.labels()
        return None if column is None else self._result(column, "label", True)

    def _result(self, column: Column, kind: DriftKind, is_compared: bool) -> _ColumnResult:
        stored = self.stored.get(column.name)
        stored = stored if stored is not None and stored.kind == column.kind else None
        bins = stored.bins if stored is not None else None
        tables = tabulate(column, self.index, self.groups, bins, self.work.drift.max_categories)
        current = profile_of(column, tables, self.index, self.groups, CURRENT_SIDE)
        reference = stored or (profile_of(column, tables, self.index, self.groups, REFERENCE_SIDE) if self.rows.n_reference else None)
        found: tuple[Found, ...] = ()
        changed = ""
        if is_compared and reference is not None and column.kind != "none":
            found, changed = self._found(column, tables, reference, current, kind)
        checked = self._checked(column, reference, current) if kind == "covariate" else _Checked(None, (), (), 0)
        return _ColumnResult(column.name, reference, current, found, changed, self._why_not(column, is_compared), checked)

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
        self, column: Column, tables: ColumnTables, reference: ColumnProfile, current: ColumnProfile, kind: DriftKind
    ) -> tuple[tuple[Found, ...], str]:
        statistics = self.work.drift.statistics
        maker = PairMaker(
            column,
            tables,
            self.index,
            self.groups,
            (reference.cardinality.n_distinct, current.cardinality.n_distinct),
            days=self.work.drift.resample == "days",
            stored=StoredReference(reference) if self.work.stored else None,
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
        for statistic in self.work.drift.statistics:
            is_wanted = statistic.in_windows if window != ALL else statistic.in_slices if slice_by != ALL else True
            if is_wanted and statistic.applies_to(pair.kind, pair.is_label):
                reading = statistic.read(pair)
                if reading is not None:
                    yield statistic.name, reading

    def _checked(self, column: Column, reference: ColumnProfile | None, current: ColumnProfile) -> _Checked:
        rule = self._rule(column, reference)
        if rule is None:
            return _Checked(None, (), (), 0)
        violations, not_checked, n_checks = check_column(rule, column, self.rows, self.cells, reference, current)
        return _Checked(rule, tuple(violations), tuple(not_checked), n_checks)

    def _rule(self, column: Column, reference: ColumnProfile | None) -> ColumnRule | None:
        if self.work.contract is not None:
            return next((r for r in self.work.contract.rules if r.column == column.name), None)
        if reference is None:
            return None
        times = column.values if column.name == self.work.replay.timestamp and column.name not in self.stored else None
        return infer_rule(reference, times is not None and never_falls(times[self.index.sides[REFERENCE_SIDE]]))

    def findings(self, results: Sequence[_ColumnResult], label: _ColumnResult | None, rows: Sequence[DriftRow]) -> LogFindings:
        """Return what was found in brief."""
        every = [*results, *([label] if label else [])]
        changed = {r.name: r.changed for r in every}
        return LogFindings(
            option=self.work.drift.name,
            profile=self.work.drift.profile,
            identity=self.work.identity,
            reference=reference_text(self.work.replay, self.work.drift),
            n_reference=self.work.stored.n_rows if self.work.stored else self.rows.n_reference,
            n_current=self.rows.n_current,
            left_out=self.rows.left_out,
            columns=column_findings(rows, changed),
            not_compared=tuple((r.name, r.not_compared) for r in every if r.not_compared),
            contract=self._report(results),
            notes=self.rows.notes,
        )

    def _report(self, results: Sequence[_ColumnResult]) -> ContractReport:
        given, checked = self.work.contract, [r.checked for r in results]
        rules = tuple(c.rule for c in checked if c.rule is not None)
        inferred = Contract(rules, f"inferred from the reference, {reference_text(self.work.replay, self.work.drift)}", is_inferred=True)
        held = [([*c.violations], [*c.not_checked], c.n_checks) for c in checked if c.rule is not None]
        return contract_report(given or inferred, self.compared.names(), held, self.rows.n_current)


def _write(work: LogWork, findings: LogFindings, results: Sequence[_ColumnResult], rows: Sequence[DriftRow]) -> None:
    files.write_text(work.folder / CONTRACT, contract_text(findings.contract.contract))
    current = LogProfile(findings.n_current, tuple(r.current for r in results), work.replay.path)
    files.write_text(work.folder / PROFILE, profile_text(current))
    if findings.n_reference and work.stored is None:
        reference = LogProfile(
            findings.n_reference, tuple(r.reference for r in results if r.reference), f"{work.replay.path}, reference {findings.reference}"
        )
        files.write_text(work.folder / REFERENCE_PROFILE, profile_text(reference))
    files.write_parquet(work.folder / DRIFT, drift_frame(rows))
    files.write_json(work.folder / FINDINGS, findings)
