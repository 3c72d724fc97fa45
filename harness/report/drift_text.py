"""A log against its reference in the terminal: contract, the columns that moved furthest, what changed, and since when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.records.evidence import GateResult
from harness.records.log_findings import ColumnFinding, LogFindings
from harness.report.table import PLAIN_BOX

SHOWN = 10
_COLOURS = {"PASS": "green", "FAIL": "red", "UNDECIDED": "yellow"}
_TITLES = ("column", "what changed", "statistic", "value", "limit", "p (BH)", "since", "windows", "slices")
_NARROW, _ON_NARROW = 100, ("column", "what changed", "value", "since")  # columns of a terminal, and what it has room for


def render_findings(name: str, findings: LogFindings, gates: Sequence[GateResult], console: Console) -> None:
    """Print how many rows were compared, whether the contract holds, the ten columns that moved furthest, and the gates."""
    for line in findings_heading(name, findings):
        console.print(Text(line))
    for sentence in contract_sentences(findings):
        console.print(Text(f"  - {sentence}"))
    shown = findings.columns[:SHOWN]
    if shown:
        console.print()
        console.print(_table(shown, [t for t in _TITLES if console.width >= _NARROW or t in _ON_NARROW]))
        hidden = len(findings.columns) - len(shown)
        if hidden:
            console.print(Text(f"{hidden} more columns, none of them further from their limits, are in drift.parquet"))
    console.print()
    for text in _footer(findings, gates):
        console.print(text)


def findings_heading(name: str, findings: LogFindings) -> Iterator[str]:
    """Say what was compared with what, whether the contract holds, and how many columns drifted."""
    left_out = "".join(f", {n:,} {why}" for why, n in findings.left_out if n)
    yield (
        f"{name}: {findings.n_current:,} current rows against {findings.n_reference:,} of the reference ({findings.reference})"
        + (f"; left out: {left_out[2:]}" if left_out else "")
    )
    yield contract_line(findings)
    yield drift_line(findings)


def contract_line(findings: LogFindings) -> str:
    """Say in one line whether the contract is kept."""
    report = findings.contract
    columns = {v.column for v in report.violations}
    kept = "kept" if report.n_checks else "nothing to check"
    state = f"BROKEN by {len(columns)} of {len(report.contract.rules)} columns" if columns else kept
    undecided = f", {len(report.not_checked)} could not run" if report.not_checked else ""
    return f"contract ({report.contract.source}): {state}, {report.n_checks} checks{undecided}"


def drift_line(findings: LogFindings) -> str:
    """Say in one line how many columns drifted, inputs and label apart."""
    inputs = [c for c in findings.columns if c.kind == "covariate"]
    labels = [c for c in findings.columns if c.kind == "label"]
    moved = [c.column for c in inputs if c.drifted]
    text = f"drift ({findings.option}): {len(moved)} of {len(inputs)} inputs drifted" + (
        f" ({', '.join(moved[:5])}{', …' if moved[5:] else ''})" if moved else ""
    )
    for label in labels:
        text += f"; label {_label_text(label)}"
    return text


def _label_text(label: ColumnFinding) -> str:
    state = "drifted" if label.drifted else "did not drift" if label.drifted is not None else "could not be compared"
    changed = f" ({label.changed})" if label.changed else ""
    if not label.n_windows or label.drifted is None:
        return f"{label.column} {state}{changed}"
    joint = "and" if label.drifted else "but" if label.n_windows_drifted else "nor"
    return f"{label.column} {state} over all rows{changed}, {joint} in {label.n_windows_drifted or 'any'} of {label.n_windows} windows"


def contract_sentences(findings: LogFindings) -> list[str]:
    """Return what is broken, and what could not be checked, in sentences."""
    report = findings.contract
    found = [v.sentence for v in report.violations]
    return [*found, *(f"{n.column}: {n.check} could not be checked, {n.reason}" for n in report.not_checked)]


def _table(columns: Sequence[ColumnFinding], titles: Sequence[str]) -> Table:
    table = Table(box=PLAIN_BOX, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in titles:
        folds = title in ("column", "what changed", "slices")
        table.add_column(
            Text(title), justify="left" if folds or title in ("statistic", "since") else "right", overflow="fold", no_wrap=not folds
        )
    for c in columns:
        cells = dict(zip(_TITLES, _cells(c), strict=True))
        table.add_row(*(Text(cells[title], style="red" if title == "column" and c.drifted else "") for title in titles))
    return table


def _cells(c: ColumnFinding) -> tuple[str, ...]:
    return (
        c.column + (" (label)" if c.kind == "label" else "") + ("" if c.drifted else " ." if c.drifted is not None else " ?"),
        c.changed,
        c.statistic,
        "undefined" if math.isnan(c.value) else f"{c.value:.3g}",
        "" if c.threshold is None else f"{c.threshold:.3g}",
        "" if c.p_value_corrected is None else f"{c.p_value_corrected:.2g}",
        c.first_window or "",
        f"{c.n_windows_drifted}/{c.n_windows}" if c.n_windows else "",
        f"{c.n_slices_drifted}/{c.n_slices}" + (f" {c.worst_slice}" if c.worst_slice else "") if c.n_slices else "",
    )


def _footer(findings: LogFindings, gates: Sequence[GateResult]) -> Iterator[Text]:
    yield Text(
        ". not drifted, ? could not be compared; since: the first window that drifted; windows, slices: how many of them did, and the slice that moved furthest"
    )
    for column, why in findings.not_compared:
        yield Text(f"- {column}: not compared, {why}")
    for note in findings.notes:
        yield Text(f"- {note}")
    for gate in gates:
        yield Text.assemble((gate.status, _COLOURS.get(gate.status, "")), f" {gate.gate}: {gate.sentence}")
