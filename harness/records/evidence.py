"""What gates read, and what they say."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.data_evidence import DataEvidence
from harness.records.measurement import Measurement
from harness.records.metric import Differences
from harness.records.missing_bounds import MissingBounds
from harness.records.money import CostRow, GainRow
from harness.records.tally import Grid

PASS, FAIL, UNDECIDED, WAIVED = "PASS", "FAIL", "UNDECIDED", "WAIVED"


@dataclass(frozen=True)
class Lineage:
    """Where a variant and its rows come from; an unknown is None and leaves the lineage gate UNDECIDED."""

    model_sha256: str | None
    replay_fingerprint: str
    trained_until: str | None
    first_judged: str | None
    n_judged_in_training: int
    git_commit: str | None
    git_dirty: bool | None
    limited: bool
    is_logged: bool
    champion_is_known: bool = True  # whether the end of the champion's training is


@dataclass(frozen=True)
class Evidence:
    """Everything known of one challenger when gates are applied; None where it does not exist."""

    variant: str
    champion: str | None
    grid: Grid
    differences: tuple[Differences, ...]
    measurement: Measurement | None
    cost: CostRow | None
    champion_cost: CostRow | None
    gain: GainRow | None
    net_per_1k: float | None
    net_per_1k_ci_low: float | None
    net_per_1k_ci_high: float | None
    net_vs_champion: float | None
    net_vs_champion_low: float | None
    net_vs_champion_high: float | None
    lineage: Lineage
    confidence: float
    champion_measurement: Measurement | None = None
    missing_gain: tuple[float, float] = (0.0, 0.0)  # by how much rows without a label could lower and raise net_vs_champion
    n_unlabelled: int = 0  # rows of the pair without a label
    missing_bounds: tuple[MissingBounds, ...] = ()  # empty: rows without a label were not looked at
    data: DataEvidence | None = None  # contract, drift and parity of the rows; None: they were not looked at

    def difference(self, metric: str) -> Differences | None:
        """Return the paired differences of one metric, or None when they were not computed."""
        return next((d for d in self.differences if d.metric == metric), None)


@dataclass(frozen=True)
class GateResult:
    """What one gate says of one challenger: status, the figure it looked at, the limit, and a sentence.

    `limit_value` is the limit as a number, where it is one, and `limit_on` the column of `comparison.csv` that it bounds, whose
    name gives the unit ("latency_single_p99_ms").
    """

    gate: str
    variant: str
    status: str
    value: float | None
    limit: str
    sentence: str
    details: tuple[str, ...] = ()
    limit_value: float | None = None
    limit_on: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict on one challenger: the worst of its gates (FAIL, then UNDECIDED, then PASS)."""

    variant: str
    status: str
    gates: tuple[GateResult, ...]


@dataclass(frozen=True)
class Signoff:
    """One review of one sweep: the verdicts, which challenger decides, and the exit code."""

    review: str
    sweep: str
    champion: str | None
    candidate: str | None
    decided_by: str | None
    status: str
    exit_code: int
    verdicts: tuple[Verdict, ...]
    reason: str
