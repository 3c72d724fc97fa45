"""What stands in a variant's folder: read and written whole, `run.json` last."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import ResultsError
from harness.records.comparison import LossChange
from harness.records.drift import Parity
from harness.records.measurement import Measurement
from harness.records.metric import MetricValues
from harness.records.run import OK, Identity, RunRecord
from harness.records.slice_search import WorstSlicesNote
from harness.records.tally import Grid
from harness.runs import folder
from harness.runs.decode import decode
from harness.runs.identity import slug

SCORES, TALLIES, PAIRED, REFERENCE, UNLABELLED, METRICS, CONFUSION, WORST_SLICES, DRIFT, PARITY, RUN, MEASUREMENT, CONFIG, LOG = (
    "scores.arrow",
    "tallies.arrow",
    "paired.arrow",
    "reference.arrow",
    "unlabelled.arrow",
    "metrics.parquet",
    "confusion.parquet",
    "worst_slices.parquet",
    "drift.parquet",
    "parity.json",
    "run.json",
    "measurement.json",
    "config.yaml",
    "run.log",
)

VALUES, PAIRED_VALUES, UNLABELLED_VALUES = "value_moments.arrow", "paired_value_moments.arrow", "unlabelled_value_moments.arrow"
PAIRS = "pairs.arrow"  # of a sweep, under replay/
RAW_SCORES = ".scores.raw"  # while a variant is being scored

_CELL = ("slice_by", "slice_value", "window")
_NUMBERS = ("value", "ci_low", "ci_high")
_TEXTS = {"ci_method": "", "undefined_reason": None}  # and what stands for none


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
    values = (VALUES, PAIRED_VALUES, UNLABELLED_VALUES)
    for name in (RUN, TALLIES, PAIRED, REFERENCE, UNLABELLED, *values, METRICS, CONFUSION, WORST_SLICES, DRIFT, PARITY, SCORES):
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
    return decode(Measurement, folder.read_json(file))


def read_metrics(path: Path, grid: Grid, names: Sequence[str], confidence: float) -> tuple[MetricValues, ...] | None:
    """Read stored metric values over all cells; None when one of `names` is not there at this confidence."""
    frame = folder.read_parquet(path / METRICS, columns=["metric", *_CELL, "confidence", *_NUMBERS, *_TEXTS])
    if not set(names) <= set(frame["metric"].unique()) or not (frame["confidence"] == confidence).all():
        return None
    blocks = _blocks_of_grid(frame, grid)
    found = []
    for name in names:
        own = _looked_up(frame[frame["metric"] == name], grid) if blocks is None else blocks[name]
        texts = [own[c].astype(object).where(own[c].notna(), blank).to_numpy() for c, blank in _TEXTS.items()]
        found.append(MetricValues(name, *(own[c].to_numpy(np.float64) for c in _NUMBERS), *texts))
    return tuple(found)


def _cells_of(grid: Grid) -> list[NDArray[np.object_]]:
    """Return slice_by, slice_value and window of every cell, object [n_cells]."""
    slices = (np.repeat(np.array(names, np.object_), grid.n_windows) for names in (grid.slice_by, grid.slice_value))
    return [*slices, np.tile(np.array(grid.windows, np.object_), grid.n_slices)]


def _blocks_of_grid(frame: pd.DataFrame, grid: Grid) -> dict[str, pd.DataFrame] | None:
    """Return the rows of each metric where all metrics hold the cells of the grid in its order, as they are written; else None."""
    n_blocks, rest = divmod(len(frame), max(grid.n_cells, 1))
    if rest:
        return None
    shape = (n_blocks, grid.n_cells)
    metric = frame["metric"].to_numpy(np.object_).reshape(shape)
    if not (metric == metric[:, :1]).all():
        return None
    for column, cells in zip(_CELL, _cells_of(grid), strict=True):
        if not (frame[column].to_numpy(np.object_).reshape(shape) == cells).all():
            return None
    return {name: frame.iloc[k * grid.n_cells : (k + 1) * grid.n_cells] for k, name in enumerate(metric[:, 0])}


def _looked_up(frame: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Return the rows of one metric in the order of the grid, without figures where a cell is not there."""
    return frame.set_index(list(_CELL)).reindex(pd.MultiIndex.from_arrays(_cells_of(grid)))


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


def read_parity(path: Path) -> Parity | None:
    """Read whether the champion gave what production gave; None where that was not measured."""
    if not (path / PARITY).is_file():
        return None
    data = folder.read_json(path / PARITY)
    counts = {name: np.array(data[name], np.int64) for name in ("n_compared", "n_beyond")}
    greatest = np.nan if data["greatest"] is None else float(data["greatest"])
    return Parity(**data | counts | {"greatest": greatest, "by_version": tuple((v, n, k) for v, n, k in data["by_version"])})


def read_loss_change(path: Path, variant: str) -> LossChange | None:
    """Read how a variant's loss changed since the reference, over all rows; None where that was not measured."""
    if not (path / DRIFT).is_file():
        return None
    frame = folder.read_parquet(path / DRIFT, columns=["kind", "column", "statistic", *_CELL, "value", "drifted"])
    own = frame[(frame["kind"] == "residual") & (frame["slice_by"] == "all") & (frame["window"] == "all")]
    if not (own["statistic"] == "residual").any():  # a row that says why there is none
        return None
    loss = str(own["column"].iloc[0])
    parts = own[own["column"] == loss].set_index("statistic")
    drifted = parts["drifted"]["residual"]
    change, *of_it = (float(parts["value"][name]) for name in ("loss_change", "covariate", "outside_support", "residual"))
    return LossChange(variant, loss, change, of_it[0], of_it[1], of_it[2], None if pd.isna(drifted) else bool(drifted))


def write_run(path: Path, run: RunRecord) -> None:
    """Write `run.json`: the mark that this variant has ended."""
    folder.write_json(path / RUN, dataclasses.asdict(run))
