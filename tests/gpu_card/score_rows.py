"""The scores of one variant on two devices, row by row, and how many rows another device decides otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.records.run import RunRecord
from harness.runs import store
from harness.runs.manifest import Manifest, ManifestMember
from kernels.row_losses import N_BINS
from tests.gpu_card.cells import Tolerance

# Another library adds up float32 in another order. An int8 model quantises its activations as they come: one that falls on the other side of a
# rounding moves by a whole step, as conf/model/mlp_wide_int8.yaml says (0.1 at most between batches).
OF_PRECISION = {"fp32": Tolerance(1e-5, 1e-6), "fp64": Tolerance(1e-9, 1e-12), "fp16": Tolerance(1e-2, 1e-3), "int8": Tolerance(0.0, 0.1)}


@dataclass(frozen=True)
class ScoreRows:
    """How the scores of one variant compare.

    Args:
        trouble: why there is nothing to compare, or what must not be; None where all is well.
        n_beyond: rows that are further apart than the tolerance of its precision.
        n_decided_otherwise: rows on the other side of the threshold, each device with its own.
        n_rebinned: rows in another of the bins of calibration.
    """

    variant: str
    precision: str
    device: str
    trouble: str | None
    n_rows: int = 0
    n_same: int = 0
    largest: float = float("nan")
    n_beyond: int = 0
    n_decided_otherwise: int = 0
    n_rebinned: int = 0
    notes: tuple[str, ...] = ()

    @property
    def is_moved(self) -> bool:
        """Whether any row is decided or binned otherwise, or the model is one whose scores move by whole steps."""
        return self.n_decided_otherwise + self.n_rebinned > 0 or (self.precision == "int8" and self.n_same < self.n_rows)

    @property
    def is_ok(self) -> bool:
        return self.trouble is None and self.n_beyond == 0


def score_rows(roots: tuple[Path, Path], manifests: tuple[Manifest, Manifest], wanted_device: str) -> list[ScoreRows]:
    """Compare every variant of two sweeps, the first one on the CPU."""
    pairs = [(m, next((o for o in manifests[1].members if o.variant == m.variant), None)) for m in manifests[0].members]
    return [_of(roots, ours, theirs, wanted_device) for ours, theirs in pairs]


def _of(roots: tuple[Path, Path], ours: ManifestMember, theirs: ManifestMember | None, wanted_device: str) -> ScoreRows:
    if theirs is None:
        return ScoreRows(ours.variant, "", "", "the sweep of the card does not have it")
    folders = roots[0] / ours.folder, roots[1] / theirs.folder
    records = [store.read_run(folder) for folder in folders]
    for record, member, which in zip(records, (ours, theirs), ("CPU", "card"), strict=True):
        if record is None or record.status != "ok":
            return ScoreRows(ours.variant, "", "", f"{member.status} in the sweep of the {which}: {member.reason or 'no record'}")
    cpu, card = records
    assert cpu is not None
    assert card is not None
    trouble = None
    if card.source == "onnx" and card.device != wanted_device:
        trouble = f"it was asked to run on {wanted_device} and ran on {card.device}"
    scores = [store.read_scores(folder / store.SCORES) for folder in folders]
    if scores[0].shape != scores[1].shape:
        return ScoreRows(cpu.variant, cpu.precision, card.device, f"scores have the shapes {scores[0].shape} and {scores[1].shape}")
    if cpu.precision == "int8" and cpu.batch_rows != card.batch_rows:
        trouble = trouble or f"an int8 model's batches had {cpu.batch_rows:,} and {card.batch_rows:,} rows, so its scores do not compare"
    if cpu.precision != "int8" and not _is_close(cpu, card):
        trouble = trouble or f"its threshold is {cpu.threshold} by the scores of the CPU and {card.threshold} by those of the card"
    log = (folders[1] / store.LOG).read_text(encoding="utf-8", errors="replace")
    notes = tuple(line for line in log.splitlines() if line.startswith("device:"))
    return ScoreRows(cpu.variant, cpu.precision, card.device, trouble, *_counted(scores, cpu, card), notes)


def _is_close(cpu: RunRecord, card: RunRecord) -> bool:
    if cpu.threshold is None or card.threshold is None:
        return cpu.threshold is card.threshold
    tolerance = OF_PRECISION[cpu.precision]
    return abs(cpu.threshold - card.threshold) <= tolerance.atol + tolerance.rtol * abs(cpu.threshold)


def _counted(scores: list[np.ndarray], cpu: RunRecord, card: RunRecord) -> tuple[int, int, float, int, int, int]:
    one, other = (s.astype(np.float64) for s in scores)
    tolerance = OF_PRECISION[cpu.precision]
    apart = np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0.0, np.abs(one - other))
    n_beyond = int((~(apart <= tolerance.atol + tolerance.rtol * np.abs(one))).sum())
    decided = [s >= (np.nan if record.threshold is None else record.threshold) for s, record in zip((one, other), (cpu, card), strict=True)]
    binned = [np.minimum((s * N_BINS).astype(np.int64), N_BINS - 1) for s in (one, other)]
    n_same = int((scores[0].view(np.uint32) == scores[1].view(np.uint32)).sum())
    return (
        len(one),
        n_same,
        float(apart.max(initial=0.0)),
        n_beyond,
        int((decided[0] != decided[1]).sum()),
        int((binned[0] != binned[1]).sum()),
    )
