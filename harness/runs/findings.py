"""What comparing a log with its reference left in the results folder, read again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.errors import ResultsError
from harness.records.contract import ColumnRule, Contract, ContractReport, NotChecked, Violation
from harness.records.log_findings import ColumnFinding, LogFindings
from harness.runs import folder

CONTRACT, PROFILE, REFERENCE_PROFILE = "contract.json", "profile.json", "reference_profile.json"
DRIFT, FINDINGS = "drift.parquet", "findings.json"


def read_findings(path: Path) -> LogFindings | None:
    """Read the findings of a `replay` folder; None where the log was not compared with anything.

    Raises
    ------
    ResultsError
        When they cannot be read.
    """
    if not (path / FINDINGS).is_file():
        return None
    data = folder.read_json(path / FINDINGS)
    try:
        report = data.pop("contract")
        contract = report["contract"]
        rules = tuple(ColumnRule(**_tuples(rule)) for rule in contract["rules"])
        return LogFindings(
            **data
            | {
                "left_out": tuple((why, n) for why, n in data["left_out"]),
                "not_compared": tuple((name, why) for name, why in data["not_compared"]),
                "notes": tuple(data["notes"]),
                "columns": tuple(ColumnFinding(**c | {"value": _number(c["value"])}) for c in data["columns"]),
            },
            contract=ContractReport(
                contract=Contract(rules, contract["source"], contract["is_inferred"]),
                violations=tuple(Violation(**_tuples(v)) for v in report["violations"]),
                not_checked=tuple(NotChecked(**n) for n in report["not_checked"]),
                n_checks=report["n_checks"],
                not_named=tuple(report["not_named"]),
            ),
        )
    except (KeyError, TypeError, ValueError) as trouble:
        raise ResultsError(f"results: {path / FINDINGS} is damaged ({trouble}); run the command again") from trouble


def remove_findings(path: Path) -> None:
    """Remove what an earlier comparison left, its mark first."""
    for name in (FINDINGS, CONTRACT, PROFILE, REFERENCE_PROFILE, DRIFT):
        (path / name).unlink(missing_ok=True)


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
