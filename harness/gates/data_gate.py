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
    """Base of gates that read the rows and no challenger: `harness drift` applies them to a log alone, a review to each challenger.

    Parameters
    ----------
    required
        False: where nothing was measured for any challenger, a review has no result of this gate, neither PASS nor UNDECIDED; that it was not measured,
        and why, stands in the review's heading. `harness drift`, which is asked for nothing else, says UNDECIDED all the same.
    """

    required: bool = True

    def __post_init__(self) -> None:
        """Refuse what is neither true nor false, then what the gate itself refuses."""
        if not isinstance(self.required, bool):
            raise ValueError(f"required: found {self.required!r}, wanted true or false")
        super().__post_init__()

    @abstractmethod
    def judge_data(self, data: DataEvidence) -> GateResult:
        """Return the result, of variant "log"."""

    @abstractmethod
    def was_measured(self, data: DataEvidence) -> bool:
        """Say whether there is anything to judge by."""

    @abstractmethod
    def limit_text(self) -> str:
        """Return the limit as a reader sees it."""

    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Give every challenger the result of the rows that it was judged on; none where nothing was measured and nothing had to be."""
        if not self.required and not any(e.data is not None and self.was_measured(_own(e, e.data)) for e in evidence):
            return ()
        return tuple(replace(self._of(e), variant=e.variant) for e in evidence)

    def result(
        self, status: str, value: float | None, sentence: str, details: tuple[str, ...] = (), limit_value: float | None = None
    ) -> GateResult:
        """Return a result of this gate."""
        return GateResult(self.name, LOG, status, value, self.limit_text(), sentence, details, limit_value)

    def _of(self, e: Evidence) -> GateResult:
        if e.data is None:
            return self.result(UNDECIDED, None, "contract and drift of the rows were not looked at; use another drift option than none")
        return self.judge_data(_own(e, e.data))


def _own(e: Evidence, data: DataEvidence) -> DataEvidence:
    """Return the data without other variants' predictions, and with the names of windows."""
    rows = tuple(row for row in data.drift if row.variant in (None, e.variant))
    return replace(data, drift=rows, windows=data.windows or e.grid.windows)
