"""Rows without a label: what they could do to a pair at worst, and how they differ from the labelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.compare.missing_bounds import missing_bounds
from harness.compare.unlabelled_sums import UnlabelledSums
from harness.pipeline.stored_variant import StoredVariant
from harness.records.missing_bounds import MissingBounds
from harness.records.money import GainEvidence
from harness.records.replay import PreparedReplay
from harness.records.tally import Grid, PairedTally
from harness.replay.prepared import read_as_of_us, read_immature_labels
from harness.report.missing_frames import label_age_frame, missing_labels_frame
from harness.runs import folder as files
from harness.slicing.account import KNOWN_LATE, TOO_YOUNG, UNKNOWN
from harness.slicing.missing_labels import labels_by_age, missing_by_slice


def write_missing_labels(root: Path, prepared: PreparedReplay) -> None:
    """Write how the rows without a label differ from the labelled ones, by slice and by age; nothing where every row has one."""
    paths = [root / "replay" / name for name in ("missing_labels.parquet", "label_age.parquet")]
    for path in paths:
        path.unlink(missing_ok=True)
    left_out = dict(prepared.account.left_out)
    is_unlabelled = any(left_out.get(reason, 0) for reason in (KNOWN_LATE, UNKNOWN))
    if is_unlabelled:
        files.write_parquet(paths[0], missing_labels_frame(missing_by_slice(prepared)))
    if is_unlabelled or left_out.get(TOO_YOUNG, 0):
        ages = labels_by_age(prepared, read_immature_labels(prepared.folder), read_as_of_us(prepared.folder))
        if ages is not None and (ages.n_labelled < ages.n).any():
            files.write_parquet(paths[1], label_age_frame(ages))


def missing_gain_of(
    v: StoredVariant, gain: Any, vs_champion_per_1k: float | None, evidence: GainEvidence | None = None
) -> tuple[float, float]:
    """Return by how much the rows of a pair without a label could lower and raise its gain over the champion, per 1,000 predictions."""
    rows = v.unlabelled
    if gain is None or vs_champion_per_1k is None or not isinstance(rows, UnlabelledSums) or not isinstance(v.paired, PairedTally):
        return 0.0, 0.0
    low, high = gain.difference_range(v.paired, int(rows.gained[0]), int(rows.lost[0]), int(rows.alike[0]), evidence)
    return low - vs_champion_per_1k, high - vs_champion_per_1k


def n_unlabelled_of(v: StoredVariant) -> int:
    """Return how many rows of a pair have no label."""
    return 0 if v.unlabelled is None else int((v.unlabelled.n if isinstance(v.unlabelled, UnlabelledSums) else v.unlabelled)[0])


def missing_of(v: StoredVariant, metrics: Sequence[str], grid: Grid) -> tuple[MissingBounds, ...]:
    """Return the bounds of a pair's differences over all labels that the unlabelled rows may have; empty without a pair."""
    if v.unlabelled is None or v.paired is None:
        return ()
    if isinstance(v.unlabelled, UnlabelledSums) and isinstance(v.paired, PairedTally):
        return missing_bounds(metrics, v.paired, grid.n_windows, v.unlabelled)
    n_unlabelled = v.unlabelled.n if isinstance(v.unlabelled, UnlabelledSums) else v.unlabelled
    n_rows = v.paired.n[:: grid.n_windows] + n_unlabelled
    unknown = np.full(grid.n_slices, np.nan)
    return tuple(MissingBounds(metric, unknown, unknown, n_rows, n_unlabelled, False) for metric in metrics)
