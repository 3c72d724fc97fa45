"""What is known of the rows themselves when gates are applied: contract, drift, parity."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.contract import ContractReport
from harness.records.drift import DriftRow, Parity


@dataclass(frozen=True)
class DataEvidence:
    """Contract, drift and replay parity of the judged rows; what was not measured is None, or empty, with a reason.

    Args:
        contract: the contract held against the current rows; None: it was not, `contract_reason` says why.
        drift: rows of every column; empty: nothing was compared, `drift_reason` says why.
        parity: of the champion on the logged features; None: not measured, `parity_reason` says why.
        windows: names of the windows of `parity`, "all" first; empty where they are those of the grid.
    """

    contract: ContractReport | None = None
    drift: tuple[DriftRow, ...] = ()
    parity: Parity | None = None
    contract_reason: str | None = None
    drift_reason: str | None = None
    parity_reason: str | None = None
    windows: tuple[str, ...] = ()
