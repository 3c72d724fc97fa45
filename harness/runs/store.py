"""What stands in a variant's folder: read and written whole, `run.json` last."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import ResultsError
from harness.records.measurement import Measurement, OperatingPoint, Percentile
from harness.records.metric import MetricValues
from harness.records.run import OK, Identity, RunRecord
from harness.records.slice_search import WorstSlicesNote
from harness.records.tally import Grid
from harness.runs import folder
from harness.runs.identity import slug

SCORES, TALLIES, PAIRED, REFERENCE, UNLABELLED, METRICS, CONFUSION, WORST_SLICES, RUN, MEASUREMENT, CONFIG, LOG = (
    "scores.arrow",
    "tallies.arrow",
    "paired.arrow",
    "reference.arrow",
    "unlabelled.arrow",
    "metrics.parquet",
    "confusion.parquet",
    "worst_slices.parquet",
    "run.json",
    "measurement.json",
    "config.yaml",
    "run.log",
)

RAW_SCORES = ".scores.raw"  # while a variant is being scored


def variant_folder(root: Path, variant: str, identity: Identity) -> Path:
    """Return the folder of one variant under one identity."""
    return root / "variants" / f"{slug(variant)}-{identity.quality[:8]}"


def read_run(path: Path) -> RunRecord | None:
    """Read `run.json` of a variant's folder; None when it is not there or not readable."""
    try:
        data = folder.read_json(path / RUN)
        threshold = None if data["threshold"] is None else float(data["threshold"])
        metrics = tuple(data["metrics"])
        return RunRecord(**{**data, "identity": Identity(**data["identity"]), "threshold": threshold, "metrics": metrics})
    except (ResultsError, TypeError, KeyError, ValueError):
        return None


def remove_results(path: Path) -> None:
    """Remove what an earlier attempt left in a variant's folder, the mark that it has ended first; its measurement stays."""
    for name in (RUN, TALLIES, PAIRED, REFERENCE, UNLABELLED, METRICS, CONFUSION, WORST_SLICES, SCORES):
        (path / name).unlink(missing_ok=True)


def finished(path: Path, identity: Identity, paired: bool) -> bool:
    """Say whether the folder holds a whole ok result under this identity."""
    run = read_run(path)
    if run is None or run.status != OK or run.identity != identity:
        return False
    return all((path / name).is_file() for name in (SCORES, TALLIES, METRICS, *([PAIRED, UNLABELLED] if paired else [])))


def kept_scores(root: Path, identity: Identity, besides: Path) -> Path | None:
    """Return a score file of another result with the same scores identity, or None."""
    for other in sorted((root / "variants").glob("*")):
        run = read_run(other) if other != besides else None
        if run is not None and run.status == OK and run.identity.scores == identity.scores and (other / SCORES).is_file():
            return other / SCORES
    return None


def link(source: Path, target: Path) -> None:
    """Give `target` the content of `source`: a hard link where the file system has them, else a copy."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        folder.write_whole(target, lambda file: _copy(source, file))


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def keep_scores(path: Path, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep the scores of all prepared rows, float32 [n] or [n, n_classes], in place of the raw ones; return them mapped."""
    folder.write_columns(path / SCORES, {"score": scores})
    (path / RAW_SCORES).unlink(missing_ok=True)
    return read_scores(path / SCORES)


def read_scores(file: Path) -> NDArray[np.float32]:
    """Map the kept scores of one score file."""
    return folder.read_columns(file)["score"]


def read_measurement(path: Path) -> Measurement | None:
    """Read the measurement of a variant's folder; None when there is none."""
    file = path / MEASUREMENT
    if not file.is_file():
        return None
    data = folder.read_json(file)
    points = tuple(_point(p) for p in data.pop("points"))
    return Measurement(**{**data, "points": points})


def _point(data: dict[str, Any]) -> OperatingPoint:
    latency = tuple(Percentile(**p) for p in data["latency"])
    return OperatingPoint(**{**data, "latency": latency, "trial_rows_per_s": tuple(data["trial_rows_per_s"])})


def read_metrics(path: Path, grid: Grid, names: Sequence[str], confidence: float) -> tuple[MetricValues, ...] | None:
    """Read stored metric values over all cells; None when one of `names` is not there at this confidence."""
    frame = folder.read_parquet(path / METRICS)
    if not set(names) <= set(frame["metric"]) or not (frame["confidence"] == confidence).all():
        return None
    cells = pd.MultiIndex.from_arrays(
        [np.repeat(grid.slice_by, grid.n_windows), np.repeat(grid.slice_value, grid.n_windows), np.tile(grid.windows, grid.n_slices)]
    )
    found = []
    for name in names:
        own = frame[frame["metric"] == name].set_index(["slice_by", "slice_value", "window"]).reindex(cells)
        texts = [
            own[c].astype(object).where(own[c].notna(), blank).to_numpy() for c, blank in (("ci_method", ""), ("undefined_reason", None))
        ]
        numbers = [own[c].to_numpy(np.float64) for c in ("value", "ci_low", "ci_high")]
        found.append(MetricValues(name, *numbers, *texts))
    return tuple(found)


def read_worst_slices(path: Path, variant: str) -> WorstSlicesNote | None:
    """Read the search for the worst slices of a variant's folder in brief; None when there was none."""
    file = path / WORST_SLICES
    if not file.is_file():
        return None
    frame = folder.read_parquet(file)
    if frame.empty:
        return WorstSlicesNote(variant, "", 0, 0, 0, 0, ())
    first = frame.iloc[0]
    figures = frame[frame["is_confirmed"]][["slice_by", "slice_value", "n", "difference", "ci_low", "ci_high"]].itertuples(index=False)
    confirmed = tuple((f"{by}={value}", int(n), float(d), float(low), float(high)) for by, value, n, d, low, high in figures)
    halves = int(first["n_search_half"]), int(first["n_confirm_half"])
    return WorstSlicesNote(variant, str(first["loss"]), *halves, int(first["n_slices"]), len(frame), confirmed)


def write_run(path: Path, run: RunRecord) -> None:
    """Write `run.json`: the mark that this variant has ended."""
    folder.write_json(path / RUN, dataclasses.asdict(run))
