"""The tables that a sweep has made of its scores on a card, against those that the CPU's kernels make of the very same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from harness.config import compose_sweep
from harness.pipeline.reduction import judged_rows, paired_of, tally_of
from harness.records.conf import SweepConf, VariantConf
from harness.records.needs import combined
from harness.records.replay import PreparedReplay
from harness.records.run import OK
from harness.replay.prepared import open_prepared
from harness.runs import folder as files
from harness.runs import store
from harness.runs.manifest import read_manifest
from harness.tallies.stored import to_columns
from tests.gpu_card.cells import Compared, Tolerance, compare

SAME = Tolerance(rtol=1e-9, atol=1e-12)  # docs/decisions/022: sums in another order; counts and rank sums are equal


def compare_tables(root: Path) -> list[Compared]:
    """Compare the tallies of every variant of a sweep, alone and paired with the champion, with those that the CPU makes of its scores."""
    manifest = read_manifest(root)
    conf = compose_sweep(manifest.overrides, manifest.conf_dirs)
    prepared = open_prepared(Path(manifest.prepared_folder))
    of = {variant.label: variant for variant in conf.variants}
    champion = next((m for m in manifest.members if m.variant == manifest.champion), None)
    found = []
    for member in manifest.members:
        if member.status == OK:
            against = None if champion is None or champion is member else (of[champion.variant], root / champion.folder)
            found += _of_variant(of[member.variant], root / member.folder, against, conf, prepared)
    return found


def _of_variant(
    variant: VariantConf, folder: Path, champion: tuple[VariantConf, Path] | None, conf: SweepConf, prepared: PreparedReplay
) -> list[Compared]:
    task, needs = conf.replay.task, combined(metric.needs() for metric in conf.metrics)
    scores, threshold = _scores(folder)
    rows = judged_rows(task, prepared, (variant,))
    found = [_compared(variant.label, folder / store.TALLIES, to_columns(tally_of(scores, rows, threshold, needs)))]
    if champion is not None:
        champion_scores, champion_threshold = _scores(champion[1])
        both = judged_rows(task, prepared, (variant, champion[0]))
        paired = paired_of(champion_scores, scores, both, champion_threshold, threshold, needs)
        found.append(_compared(variant.label, folder / store.PAIRED, to_columns(paired)))
    return found


def _scores(folder: Path) -> tuple[np.ndarray, float | None]:
    record = store.read_run(folder)
    if record is None:
        raise ValueError(f"{folder / store.RUN} cannot be read")
    return store.read_scores(folder / store.SCORES), record.threshold


def _compared(variant: str, file: Path, recomputed: dict[str, np.ndarray]) -> Compared:
    return compare(f"{variant}/{file.name}", frame_of(recomputed), frame_of(files.read_columns(file)), (), SAME)


def frame_of(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return columns [n_cells] or [n_cells, k] as one frame, a column for each of k."""
    flat = {name: values for name, values in columns.items() if values.ndim == 1}
    for name, values in columns.items():
        if values.ndim > 1:
            wide = values.reshape(len(values), -1)
            flat |= {f"{name}.{i}": wide[:, i] for i in range(wide.shape[1])}
    return pd.DataFrame(flat)
