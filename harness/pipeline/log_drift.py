"""What the columns of a log gave, put together: rows of drift, contract, findings; and written."""

from __future__ import annotations

from collections.abc import Sequence

from harness.drift.column_findings import column_findings
from harness.drift.contract_file import contract_text
from harness.drift.contract_infer import infer_rule
from harness.drift.contract_report import contract_report
from harness.drift.drift_rows import drift_rows
from harness.drift.profile_file import profile_text
from harness.pipeline.column_names import reference_text
from harness.pipeline.column_work import ColumnResult, LogWork, PartResult
from harness.pipeline.columns_on_card import note_of
from harness.records.contract import Contract, ContractReport
from harness.records.drift import DriftRow
from harness.records.log_findings import LogFindings
from harness.records.profile import LogProfile
from harness.report.drift_frame import drift_frame
from harness.runs import folder as files
from harness.runs.findings import CONTRACT, DRIFT, FINDINGS, PROFILE, REFERENCE_PROFILE


def put_together(work: LogWork, parts: Sequence[PartResult]) -> LogFindings:
    """Join what the children found, write it, and return it in brief.

    Written are the contract, the profiles of both sides, and the table of all statistics; the findings last, as the mark that all is there.
    """
    first = parts[0]
    by_name = {result.name: result for part in parts for result in part.columns}
    results = [by_name[name] for name in first.wanted]
    labels = [part.label for part in parts if part.label is not None]
    found = [f for result in (*results, *labels) for f in result.found]
    rows = drift_rows(found, work.drift.profile, work.drift.alpha)
    note = note_of([part.on_card for part in parts if part.on_card is not None], len(results) + len(labels))
    findings = _findings(work, first, results, labels, rows, (note,) if note else ())
    _write(work, findings, results, rows)
    return findings


def _findings(
    work: LogWork,
    first: PartResult,
    results: Sequence[ColumnResult],
    labels: Sequence[ColumnResult],
    rows: Sequence[DriftRow],
    notes: tuple[str, ...],
) -> LogFindings:
    every = [*results, *labels]
    return LogFindings(
        option=work.drift.name,
        profile=work.drift.profile,
        identity=work.identity,
        reference=reference_text(work.replay, work.drift),
        n_reference=work.stored.n_rows if work.stored else first.n_reference,
        n_current=first.n_current,
        left_out=first.left_out,
        columns=column_findings(rows, {r.name: r.changed for r in every}),
        not_compared=tuple((r.name, r.not_compared) for r in every if r.not_compared),
        contract=_report(work, first, results),
        notes=(*first.notes, *notes),
    )


def _report(work: LogWork, first: PartResult, results: Sequence[ColumnResult]) -> ContractReport:
    checked, log = [r.checked for r in results], [c.name for c in work.log.columns]
    known = work.stored.columns if work.stored else tuple(r.reference for r in results if r.reference is not None)
    absent = tuple(infer_rule(profile) for profile in known if profile.name not in log)
    rules = (*(c.rule for c in checked if c.rule is not None), *absent)
    inferred = Contract(rules, f"inferred from the reference, {reference_text(work.replay, work.drift)}", is_inferred=True)
    held = [([*c.violations], [*c.not_checked], c.n_checks) for c in checked if c.rule is not None]
    return contract_report(work.contract or inferred, log, held, first.n_current)


def _write(work: LogWork, findings: LogFindings, results: Sequence[ColumnResult], rows: Sequence[DriftRow]) -> None:
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
