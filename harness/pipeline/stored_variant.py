"""One scored variant, as its folder holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.compare.unlabelled_sums import UnlabelledSums
from harness.meters.not_measured import not_measured
from harness.pipeline.reduction import KINDS, Paired, Tally
from harness.records.conf import SweepConf, VariantConf
from harness.records.measurement import Measurement
from harness.records.metric import MetricValues
from harness.records.run import RunRecord
from harness.records.slice_search import WorstSlicesNote
from harness.runs import folder as files
from harness.runs import store
from harness.runs.manifest import ReplayProfile
from harness.tallies.stored import from_columns


@dataclass(frozen=True)
class StoredVariant:
    """One variant that was scored, as its folder holds it."""

    conf: VariantConf
    run: RunRecord
    tally: Tally
    paired: Paired | None
    values: tuple[MetricValues, ...]
    measurement: Measurement | None
    reference: Tally | None = None  # of the reference rows, all in one cell
    worst_slices: WorstSlicesNote | None = None
    unlabelled: UnlabelledSums | NDArray[np.int64] | None = None  # sums over the pair's rows without a label, or their number by slice

    @property
    def label(self) -> str:
        """The variant's full name."""
        return self.conf.label


def load_variant(root: Path, name: str, conf: SweepConf, variant: VariantConf, replay: ReplayProfile, has_champion: bool) -> StoredVariant:
    """Read one variant; metrics that were not stored are computed from its tally. Without a champion that was scored no pair is read."""
    path = root / name
    run = store.read_run(path)
    assert run is not None
    kind, paired_kind = KINDS[conf.replay.task]
    tally = from_columns(kind, files.read_columns(path / store.TALLIES))
    paired_file = path / store.PAIRED
    paired = from_columns(paired_kind, files.read_columns(paired_file)) if paired_file.is_file() and has_champion else None
    is_stored = {repr(m) for m in conf.metrics} <= set(run.metrics) and run.seed == conf.seed
    values = store.read_metrics(path, replay.grid, [m.name for m in conf.metrics], conf.confidence) if is_stored else None
    if values is None:
        values = tuple(m.compute(tally, conf.confidence, conf.seed) for m in conf.metrics)
    skipped = not_measured(variant.label, "none", "measure=none")
    measurement = skipped if conf.measure.protocol == "none" else store.read_measurement(path)
    reference_file = path / store.REFERENCE
    reference = from_columns(kind, files.read_columns(reference_file)) if reference_file.is_file() else None
    return StoredVariant(
        variant, run, tally, paired, values, measurement, reference, store.read_worst_slices(path, variant.label), _unlabelled(path)
    )


def _unlabelled(path: Path) -> UnlabelledSums | NDArray[np.int64] | None:
    file = path / store.UNLABELLED
    if not file.is_file():
        return None
    columns = files.read_columns(file)
    return columns["n"] if "n" in columns else from_columns(UnlabelledSums, columns)
