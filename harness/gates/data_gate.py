"""What a gate on the rows is: the same for every challenger, and there without any."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

from harness.gates.gate import Gate
from harness.records.data_evidence import DataEvidence
from harness.records.evidence import UNDECIDED, Evidence, GateResult

LOG = "log"  # what stands where the name of a variant would


@dataclass(frozen=True, kw_only=True)
class DataGate(Gate):
    """Base of gates that read the rows and no challenger: `harness drift` applies them to a log alone, a review to each challenger."""

    @abstractmethod
    def judge_data(self, data: DataEvidence) -> GateResult:
        """Return the result, of variant "log"."""

    @abstractmethod
    def limit_text(self) -> str:
        """Return the limit as a reader sees it."""

    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Give every challenger the result of the rows that it was judged on."""
        return tuple(replace(self._of(e), variant=e.variant) for e in evidence)

    def result(
        self, status: str, value: float | None, sentence: str, details: tuple[str, ...] = (), limit_value: float | None = None
    ) -> GateResult:
        """Return a result of this gate."""
        return GateResult(self.name, LOG, status, value, self.limit_text(), sentence, details, limit_value)

    def _of(self, e: Evidence) -> GateResult:
        if e.data is None:
            return self.result(UNDECIDED, None, "contract and drift of the rows were not looked at; use another drift option than none")
        rows = tuple(row for row in e.data.drift if row.variant in (None, e.variant))
        return self.judge_data(replace(e.data, drift=rows, windows=e.data.windows or e.grid.windows))
