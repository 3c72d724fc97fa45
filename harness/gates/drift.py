"""Ask whether the rows are still like the reference: how many columns drifted, and whether one of those that matter did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from harness.errors import did_you_mean, one_of
from harness.gates.data_gate import DataGate
from harness.records.data_evidence import DataEvidence
from harness.records.drift import DriftKind, DriftRow
from harness.records.evidence import FAIL, PASS, UNDECIDED, GateResult
from harness.records.tally import ALL

_MAX_DETAILS = 10


@dataclass(frozen=True, kw_only=True)
class DriftWithin(DataGate):
    """Ask whether the rows are still like the reference.

    A column drifted when any of the statistics says so, over all rows. FAIL when the share of columns that drifted reaches `max_drifted_share`, or a
    named column drifted. UNDECIDED when nothing could be compared, or a named column or statistic was not. Else PASS.

    Parameters
    ----------
    max_drifted_share
        Share of the compared columns, above 0 to 1, at which it fails; None: no such limit.
    columns
        Names of columns none of which may drift.
    statistics
        Names of the statistics that count; none named: all that can say drifted or not.
    kinds
        covariate, label, prediction, residual, parity: what counts.
    windows
        all: all current rows together; any: every single window as well.
    """

    max_drifted_share: float | None = None
    columns: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("covariate",)
    windows: str = "all"

    def default_name(self) -> str:
        """Return drift."""
        return "drift"

    def check(self) -> None:
        """Refuse limits that mean nothing."""
        share = self.max_drifted_share
        if share is not None and (isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1):
            raise ValueError(f"max_drifted_share: found {share!r}, wanted a share above 0 and at most 1, or null")
        if share is None and not self.columns:
            raise ValueError("found neither max_drifted_share nor columns, wanted a limit; give one of the two")
        for key in ("columns", "statistics", "kinds"):
            if not isinstance(getattr(self, key), tuple) or not all(isinstance(name, str) for name in getattr(self, key)):
                raise ValueError(f"{key}: found {getattr(self, key)!r}, wanted a list of names")
        kinds = get_args(DriftKind)
        if wrong := [kind for kind in self.kinds if kind not in kinds]:
            raise ValueError(f"kinds: found {wrong[0]!r}, wanted some of {one_of(kinds)}{did_you_mean(wrong[0], kinds)}")
        if not self.kinds:
            raise ValueError("kinds: found none, wanted some; leave the key out for covariate")
        if self.windows not in ("all", "any"):
            raise ValueError(f"windows: found {self.windows!r}, wanted all or any")

    def limit_text(self) -> str:
        """Return both limits."""
        share = "" if self.max_drifted_share is None else f"fewer than {self.max_drifted_share:.4g} of the columns drifted"
        return "; ".join(part for part in (share, f"no drift of {one_of(self.columns)}" if self.columns else "") if part)

    def was_measured(self, data: DataEvidence) -> bool:
        """Say whether any column was compared."""
        return bool(data.drift)

    def judge_data(self, data: DataEvidence) -> GateResult:
        """Judge the rows."""
        rows = [row for row in data.drift if self._counts(row)]
        compared = {(row.variant, row.column) for row in rows}
        drifted = {(row.variant, row.column): row for row in reversed(rows) if row.drifted}
        share = len(drifted) / len(compared) if compared else None
        status, sentence = self._say(data, compared, drifted)
        details = tuple(_detail(row) for _, row in zip(range(_MAX_DETAILS), reversed(drifted.values()), strict=False))
        return self.result(status, share, sentence, details)

    def _counts(self, row: DriftRow) -> bool:
        if row.kind not in self.kinds or row.drifted is None or row.slice_by != ALL:
            return False
        return (not self.statistics or row.statistic in self.statistics) and (self.windows == "any" or row.window == ALL)

    def _say(
        self, data: DataEvidence, compared: set[tuple[str | None, str]], drifted: dict[tuple[str | None, str], DriftRow]
    ) -> tuple[str, str]:
        hit = sorted({column for _, column in drifted if column in self.columns})
        figure = f"{len(drifted)} of {len(compared)} columns drifted"
        if hit:
            return FAIL, f"{one_of(hit)} drifted, of {one_of(self.columns)}; {figure}"
        if compared and self.max_drifted_share is not None and len(drifted) >= self.max_drifted_share * len(compared):
            return FAIL, f"{figure}: {one_of(dict.fromkeys(column for _, column in reversed(drifted)), 10)}"
        return self._undecided(data, {column for _, column in compared}) or (PASS, figure)

    def _undecided(self, data: DataEvidence, compared: set[str]) -> tuple[str, str] | None:
        known = list(dict.fromkeys(row.statistic for row in data.drift))
        if unknown := [name for name in self.statistics if known and name not in known]:
            near = did_you_mean(unknown[0], known)
            return UNDECIDED, f"no statistic '{unknown[0]}' was computed; statistics are: {one_of(known)}{near}"
        if not compared:
            why = "no row says drifted or not" if data.drift else data.drift_reason or "no reason was recorded"
            return UNDECIDED, f"no column could be compared: {why}"
        if absent := [name for name in self.columns if name not in compared]:
            near = did_you_mean(absent[0], compared)
            return UNDECIDED, f"column '{absent[0]}' was not compared; compared were: {one_of(sorted(compared))}{near}"
        return None


def _detail(row: DriftRow) -> str:
    limit = "" if row.threshold is None else f", threshold {row.threshold:.4g}"
    p = "" if row.p_value_corrected is None else f", corrected p {row.p_value_corrected:.3g}"
    window = "" if row.window == ALL else f", window {row.window}"
    of = f" of {row.variant}" if row.variant is not None else ""
    return f"{row.column}{of}: {row.statistic} {row.value:.4g}{limit}{p}{window}"
