"""Ask whether the log keeps its contract."""

from __future__ import annotations

from dataclasses import dataclass

from harness.gates.data_gate import DataGate
from harness.records.contract import ContractReport
from harness.records.data_evidence import DataEvidence
from harness.records.evidence import FAIL, PASS, UNDECIDED, GateResult

_MAX_DETAILS = 10


@dataclass(frozen=True, kw_only=True)
class ContractKept(DataGate):
    """Ask whether the log keeps its contract, the one of `replay.contract` or the one inferred from the reference.

    FAIL when a promise is broken; the sentence is the first one's, `details` have up to ten. UNDECIDED when none is and a check could not run, or there
    was nothing to check. PASS when all ran and all are kept.
    """

    def default_name(self) -> str:
        """Return contract."""
        return "contract"

    def limit_text(self) -> str:
        """Return that none may be broken."""
        return "no promise broken, every check run"

    def was_measured(self, data: DataEvidence) -> bool:
        """Say whether a contract was held against the rows."""
        return data.contract is not None

    def judge_data(self, data: DataEvidence) -> GateResult:
        """Judge the rows."""
        report = data.contract
        if report is None:
            return self.result(UNDECIDED, None, f"no contract was checked: {data.contract_reason or 'no reason was recorded'}")
        status, sentence = _say(report)
        sentences = [v.sentence for v in report.violations] or [
            f"{n.column}: {n.check} not checked: {n.reason}" for n in report.not_checked
        ]
        more = (f"and {len(sentences) - _MAX_DETAILS} more",) if len(sentences) > _MAX_DETAILS else ()
        return self.result(status, float(len(report.violations)), sentence, (*sentences[:_MAX_DETAILS], *more))


def _say(report: ContractReport) -> tuple[str, str]:
    violations, not_checked = report.violations, report.not_checked
    if violations:
        columns = len({v.column for v in violations})
        in_columns = f"in {columns} column{'s' * (columns > 1)}"
        return FAIL, f"{len(violations)} promise{'s' * (len(violations) > 1)} broken {in_columns}; the first: {violations[0].sentence}"
    if not_checked:
        first = not_checked[0]
        return UNDECIDED, (
            f"{len(not_checked)} check{'s' * (len(not_checked) > 1)} could not run; the first: {first.column}, {first.check}: {first.reason}"
        )
    if not report.n_checks:
        return UNDECIDED, "the contract has nothing to check; name columns in it"
    return PASS, f"all {report.n_checks:,} checks of {len(report.contract.rules):,} columns kept"
