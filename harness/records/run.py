"""One variant of a sweep: its identities, where its results stand, and how its run ended."""

from __future__ import annotations

from dataclasses import dataclass

PENDING, OK, FAILED, TIMED_OUT, INVALID = "pending", "ok", "failed", "timed_out", "invalid"


@dataclass(frozen=True)
class Identity:
    """Hashes of what a variant's results depend on.

    `scores`: model bytes, replay, inference conf, ONNX Runtime, device. `quality`: scores, metrics, labels, slices,
    threshold rule, the champion, the code of kernels and metrics.
    """

    scores: str
    quality: str


@dataclass(frozen=True)
class RunRecord:
    """`run.json` of one variant.

    `threshold` is the number that decided, whatever rule found it; `n_judged` the rows that were judged,
    `n_in_training` those of the judged period that the variant had learned from. `metrics` and `seed` made the stored values. `card` names the
    one that it was scored on, by model and UUID, or reduced on where its scores were kept; None on the CPU.
    """

    variant: str
    status: str
    reason: str | None
    identity: Identity
    source: str
    precision: str
    device: str
    model_sha256: str | None
    trained_until: str | None
    threshold: float | None
    n_judged: int | None
    n_in_training: int | None
    n_scored: int | None
    inference_s: float | None
    elapsed_s: float | None
    scores_reused: bool
    batch_rows: int
    metrics: tuple[str, ...]
    seed: int
    card: str | None = None
