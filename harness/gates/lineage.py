"""Ask whether it is known what was judged, on which rows, and that it had never seen them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.gates.gate import Gate
from harness.records.evidence import FAIL, PASS, UNDECIDED, Evidence, GateResult, Lineage


@dataclass(frozen=True, kw_only=True)
class KnownLineage(Gate):
    """Ask whether it is known what was judged, on which rows, and that it had never seen them.

    PASS when the model's hash, the replay's fingerprint, the end of training and the time of the judged rows are known, no judged row lies
    in the training period, and the replay is whole. FAIL when judged rows were trained on. UNDECIDED when something is unknown, or the replay was cut by `limit`.
    """

    def default_name(self) -> str:
        """Return lineage."""
        return "lineage"

    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Judge each challenger."""
        return tuple(self._result(e.variant, e.lineage) for e in evidence)

    def _result(self, variant: str, known: Lineage) -> GateResult:
        unknown = _unknown(known)
        if known.n_judged_in_training:
            status, sentence = FAIL, f"{known.n_judged_in_training:,} judged rows lie in the model's training period"
        elif unknown:
            status, sentence = UNDECIDED, "; ".join(unknown)
        else:
            status, sentence = PASS, f"trained until {known.trained_until}, judged on rows from {known.first_judged}; all hashes known"
        value, limit = (
            float(known.n_judged_in_training),
            "0 judged rows in training, hashes, end of training and time of rows known, whole replay",
        )
        return GateResult(self.name, variant, status, value, limit, sentence, _details(known))


def _unknown(known: Lineage) -> list[str]:
    model = (
        "scores come from the log, so which model file made them is not known" if known.is_logged else "the model file's hash is not known"
    )
    checks = (
        (known.model_sha256 is None, model),
        (not known.replay_fingerprint, "the replay's fingerprint is not known"),
        (known.trained_until is None, "the end of training is not known; set model.trained_until"),
        (not known.champion_is_known, "the end of the champion's training is not known; set its trained_until"),
        (
            known.first_judged is None,
            "the log has no time column, so which rows the model was trained on is not known; set replay.timestamp",
        ),
        (known.limited, "the replay was limited to its first rows (replay.limit), and such a result can never pass"),
    )
    return [text for holds, text in checks if holds]


def _details(known: Lineage) -> tuple[str, ...]:
    commit = known.git_commit or "unknown"
    return (
        f"model sha256: {known.model_sha256 or 'unknown'}",
        f"replay fingerprint: {known.replay_fingerprint or 'unknown'}",
        f"trained until: {known.trained_until or 'unknown'}; first judged row: {known.first_judged or 'unknown'}",
        f"git commit: {commit}{' with uncommitted changes' if known.git_dirty else ''}",
    )
