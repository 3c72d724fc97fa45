"""One scored variant, as its folder holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.compare.unlabelled_sums import UnlabelledSums
from harness.errors import ConfigError, ResultsError
from harness.meters.not_measured import not_measured
from harness.pipeline.gain_tallies import read_value_moments
from harness.pipeline.reduction import KINDS, Paired, Tally
from harness.records.comparison import LossChange
from harness.records.conf import SweepConf, VariantConf
from harness.records.drift import DriftRow, Parity
from harness.records.measurement import Measurement
from harness.records.metric import MetricValues
from harness.records.money import ValueMoments
from harness.records.needs import Needs
from harness.records.run import RunRecord
from harness.records.slice_search import WorstSlicesNote
from harness.records.tally import ALL
from harness.report.drift_frame import drift_rows_of
from harness.runs import folder as files
from harness.runs import store
from harness.runs.manifest import StoredReplay
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
    parity: Parity | None = None  # of the champion, where the log holds what production gave
    loss_change: LossChange | None = None  # since the reference
    drift: tuple[DriftRow, ...] = ()  # of its scores and its loss, over all rows and by window
    moments: ValueMoments | None = None  # of what a business rule reads of its judged rows
    paired_moments: ValueMoments | None = None
    unlabelled_moments: ValueMoments | None = None

    @property
    def label(self) -> str:
        """The variant's full name."""
        return self.conf.label


def load_variant(root: Path, name: str, conf: SweepConf, variant: VariantConf, replay: StoredReplay, has_champion: bool) -> StoredVariant:
    """Read one variant; metrics that were not stored are computed from its tally. Without a champion that was scored no pair is read."""
    path = root / name
    run = store.read_run(path)
    if run is None:
        raise ResultsError(f"results: {path / store.RUN} is missing or damaged; run the sweep again")
    kind, paired_kind = KINDS[conf.replay.task]
    tally = from_columns(kind, files.read_columns(path / store.TALLIES))
    # Whoever was scored after the champion was is paired with it: without the file a comparison would be lost in silence.
    is_paired = has_champion and variant.label != conf.champion
    paired = from_columns(paired_kind, files.read_columns(path / store.PAIRED)) if is_paired else None
    is_stored = {repr(m) for m in conf.metrics} <= set(run.metrics) and run.seed == conf.seed
    values = store.read_metrics(path, replay.grid, [m.name for m in conf.metrics], conf.confidence) if is_stored else None
    if values is None:
        for metric in conf.metrics:
            if lacking := lacks(metric.needs(), tally):
                raise ConfigError(
                    f"metrics: '{metric.name}' needs {lacking}, and that was not kept; run harness sweep with it, which reuses the scores"
                )
        values = tuple(m.compute(tally, conf.confidence, conf.seed) for m in conf.metrics)
    skipped = not_measured(variant.label, "none", "measure=none")
    measurement = skipped if conf.measure.protocol == "none" else store.read_measurement(path)
    reference_file = path / store.REFERENCE
    reference = from_columns(kind, files.read_columns(reference_file)) if reference_file.is_file() else None
    return StoredVariant(
        variant,
        run,
        tally,
        paired,
        values,
        measurement,
        reference,
        store.read_worst_slices(path, variant.label),
        _unlabelled(path) if is_paired else None,
        store.read_parity(path),
        store.read_loss_change(path, variant.label),
        _drift(path / store.DRIFT),
        read_value_moments(path / store.VALUES),
        read_value_moments(path / store.PAIRED_VALUES) if is_paired else None,
        read_value_moments(path / store.UNLABELLED_VALUES) if is_paired else None,
    )


def lacks(needs: Needs, tally: Tally) -> str | None:
    """Say what a metric needs that a stored tally does not hold, or None."""
    held = {
        "the order of the scores": not needs.ranks or getattr(tally, "ranks", None) or getattr(tally, "auc", None),
        "bins of the scores": not needs.binned_auc or getattr(tally, "binned_auc", None),
        "a walk over the ordered scores": not needs.curve or getattr(tally, "curve", None),
        "a fit on the rows": not needs.calibration or getattr(tally, "calibration", None) or getattr(tally, "totals", None),
        "the AUC of every class": not needs.auc_by_class or getattr(tally, "auc_macro", None),
    }
    return next((what for what, there in held.items() if not there), None) or _other_parameter(needs, tally)


def _other_parameter(needs: Needs, tally: Tally) -> str | None:
    curve = getattr(tally, "curve", None)
    kept = (
        ("max_fpr", needs.max_fpr, None if curve is None else curve.max_fpr),
        ("top_share", needs.top_share, None if curve is None else curve.top_share),
        ("k", needs.top_k, getattr(tally, "top_k", None)),
    )
    for name, wanted, found in kept:
        if wanted is not None and found is not None and wanted != found[0]:
            return f"{name}={wanted:g} where the sweep had {found[0]:g}"
    return None


def _drift(file: Path) -> tuple[DriftRow, ...]:
    if not file.is_file():
        return ()
    frame = files.read_parquet(file)
    return drift_rows_of(frame[(frame["slice_by"] == ALL) & (frame["slice_value"] == ALL)])


def _unlabelled(path: Path) -> UnlabelledSums | NDArray[np.int64]:
    columns = files.read_columns(path / store.UNLABELLED)
    return columns["n"] if "n" in columns else from_columns(UnlabelledSums, columns)
