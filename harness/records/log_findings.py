"""What comparing a log with its reference leaves for tables, pages and gates."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.contract import ContractReport
from harness.records.drift import DriftKind


@dataclass(frozen=True)
class ColumnFinding:
    """One column over all rows, by the statistic that has moved furthest beyond its threshold.

    Args:
        drifted: whether any statistic says so; None where none could.
        statistic, value, threshold, p_value_corrected: of that statistic.
        changed: what has changed, in words.
        first_window: the first window of the current rows in which any statistic of the column says drifted; None without windows or without any.
        n_windows_drifted, n_windows: of the current rows.
        worst_slice: of the slices in which any statistic says drifted, the one that moved furthest, as "country=US"; None without any.
        n_slices_drifted, n_slices: of all slice columns together.
    """

    column: str
    kind: DriftKind
    drifted: bool | None
    statistic: str
    value: float
    threshold: float | None
    p_value_corrected: float | None
    changed: str
    first_window: str | None
    n_windows_drifted: int
    n_windows: int
    worst_slice: str | None = None
    n_slices_drifted: int = 0
    n_slices: int = 0


@dataclass(frozen=True)
class LogFindings:
    """A log held against its reference and its contract.

    Args:
        option, profile: of the configuration, and whose conventions.
        identity: digest of all that the result depends on.
        reference: what the reference is, in words.
        left_out: (reason, rows) on neither side.
        columns: every compared column, those that drifted first, the furthest first.
        not_compared: (column, why).
        contract: the report.
        notes: what a reader must know.
    """

    option: str
    profile: str
    identity: str
    reference: str
    n_reference: int
    n_current: int
    left_out: tuple[tuple[str, int], ...]
    columns: tuple[ColumnFinding, ...]
    not_compared: tuple[tuple[str, str], ...]
    contract: ContractReport
    notes: tuple[str, ...] = ()

    @property
    def drifted(self) -> tuple[ColumnFinding, ...]:
        """The columns that have drifted."""
        return tuple(c for c in self.columns if c.drifted)
