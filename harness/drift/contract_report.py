"""Puts the checks of all columns together: what is absent, what the contract does not name, what was broken."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import did_you_mean
from harness.records.contract import Contract, ContractReport, NotChecked, Violation

ColumnResult = tuple[list[Violation], list[NotChecked], int]


def contract_report(contract: Contract, log_columns: Sequence[str], results: Sequence[ColumnResult], n_current: int) -> ContractReport:
    """Return the contract held against a log.

    Parameters
    ----------
    contract : Contract
        Its rules.
    log_columns : sequence of str
        Names of all columns of the log, whether they are compared or not.
    results : sequence of (list of Violation, list of NotChecked, int)
        What `check_column` gave for each column of the contract that the log has and whose rows were read.
    n_current : int
        Current rows: all of them lack a column that is absent.

    Returns
    -------
    ContractReport
        Absent columns first, then in the order of `results`; a column that may be absent and is has no violation.
    """
    absent = [rule for rule in contract.rules if rule.column not in log_columns]
    violations = [_absent(rule.column, log_columns, n_current) for rule in absent if rule.required]
    n_checks = sum(rule.required for rule in contract.rules)
    not_checked: list[NotChecked] = []
    for found, without, n in results:
        violations += found
        not_checked += without
        n_checks += n
    named = {rule.column for rule in contract.rules}
    not_named = tuple(name for name in log_columns if name not in named)
    return ContractReport(contract, tuple(violations), tuple(not_checked), n_checks, not_named)


def _absent(column: str, log_columns: Sequence[str], n_current: int) -> Violation:
    near = did_you_mean(column, log_columns)
    sentence = f"{column}: expected the column, found none of that name in the log: {n_current:,} of {n_current:,} current rows{near}"
    return Violation(column, "presence", "the column", "no column of that name", n_current, None, (), (), sentence)
