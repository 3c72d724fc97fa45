"""Ask whether the champion gives on the logged features what production gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.gates.data_gate import DataGate
from harness.records.data_evidence import DataEvidence
from harness.records.drift import Parity
from harness.records.evidence import FAIL, PASS, UNDECIDED, GateResult


@dataclass(frozen=True, kw_only=True)
class ReplayParity(DataGate):
    """Ask whether the champion gives on the logged features what production gave, row by row.

    FAIL when the share of compared rows beyond the tolerance is above the limit, naming the worst window; PASS at or under it. UNDECIDED when it was not
    measured, or no row has a logged score. Rows without one are counted and not judged.

    Parameters
    ----------
    max_share
        Share of rows that may be beyond the tolerance, 0 to 1.
    min_n
        Rows that have to be compared; fewer say nothing of the others.
    """

    max_share: float = 0.001
    min_n: int = 30

    def default_name(self) -> str:
        """Return replay_parity."""
        return "replay_parity"

    def check(self) -> None:
        """Refuse a limit that means nothing."""
        share = self.max_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(f"max_share: found {share!r}, wanted a share of rows between 0 and 1")

    def limit_text(self) -> str:
        """Return the limit."""
        return f"at most {self.max_share:.4g} of the rows beyond the tolerance"

    def was_measured(self, data: DataEvidence) -> bool:
        """Say whether the champion's scores were held against logged ones."""
        return data.parity is not None

    def judge_data(self, data: DataEvidence) -> GateResult:
        """Judge the rows."""
        parity = data.parity
        if parity is None:
            return self.result(UNDECIDED, None, f"replay parity was not measured: {data.parity_reason or 'no reason was recorded'}")
        n, n_beyond = int(parity.n_compared[0]), int(parity.n_beyond[0])
        without = f"; {parity.n_without:,} rows without a logged score" if parity.n_without else ""
        if not n:
            return self.result(UNDECIDED, None, f"no row could be compared{without}; name a column of scores in replay.production.score")
        if n < self.min_n:
            return self.result(UNDECIDED, None, f"{n:,} rows could be compared, wanted at least {self.min_n}{without}")
        share = n_beyond / n
        figure = f"{n_beyond:,} of {n:,} rows ({share:.4g}) differ from the logged score by more than {parity.tolerance:g}"
        figure += f", by {parity.greatest:.4g} at most{without}"
        details = tuple(f"version {version}: {beyond:,} of {rows:,} rows" for version, rows, beyond in parity.by_version)
        if share <= self.max_share:
            return self.result(PASS, share, figure, details, limit_value=self.max_share)
        return self.result(FAIL, share, f"{figure}{_worst(parity, data.windows)}", details, limit_value=self.max_share)


def _worst(parity: Parity, names: tuple[str, ...]) -> str:
    n, n_beyond = parity.n_compared[1:], parity.n_beyond[1:]
    if not n.any():
        return ""
    shares = np.divide(n_beyond, n, out=np.full(len(n), -1.0), where=n > 0)
    at = int(np.argmax(shares))
    name = names[at + 1] if len(names) == len(parity.n_compared) else f"number {at + 1}"
    return f"; worst window {name}: {int(n_beyond[at]):,} of {int(n[at]):,}"
