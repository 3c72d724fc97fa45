"""Logs written for a test and opened beside their reference as `harness drift` opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from harness.replay import log_files
from harness.replay.compared import ComparedLog
from harness.replay_schema import read_replay
from harness.slicing.periods import roles_of

DAY_US = 86_400_000_000


def days(*numbers: float | None) -> pa.Array:
    """Return times, days after the epoch; None has none."""
    return pa.array([None if n is None else int(n * DAY_US) for n in numbers], pa.timestamp("us"))


def written(path: Path, columns: dict[str, Any], rows_per_group: int = 1 << 20) -> Path:
    """Write a log, by its suffix as CSV or Parquet, and return where it stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(pa.table(columns), path)
    else:
        pq.write_table(pa.table(columns), path, row_group_size=rows_per_group)
    return path


def compared_log(
    folder: Path,
    columns: dict[str, Any],
    reference_columns: dict[str, Any] | None = None,
    suffix: str = ".parquet",
    label_columns: dict[str, Any] | None = None,
    needs_reference: bool = True,
    rows_per_group: int = 1 << 20,
    **keys: Any,
) -> ComparedLog:
    """Write a log (and another one as its reference, and a label file) and open it; `keys` are those of the configuration."""
    log = written(folder / f"log{suffix}", columns, rows_per_group)
    data: dict[str, Any] = {"name": "log", "path": str(log), "task": "binary", "label": "y" if "y" in columns else None, "features": []}
    if reference_columns is not None:
        data["reference"] = {"path": str(written(folder / f"reference{suffix}", reference_columns, rows_per_group))}
    if label_columns is not None:
        labels = written(folder / "labels.parquet", label_columns)
        data |= {"label": None, "labels": {"path": str(labels), "on": "id", "column": "y"} | keys.pop("source", {})}
    conf = read_replay(data | keys, needs_label=False)
    path = conf.reference.path if conf.reference else None
    reference = log_files.open_log(path, None, "replay.reference.path") if path else None
    opened = log_files.open_replay(conf, None)
    return ComparedLog(opened, conf, reference, roles_of, folder / "cache", needs_reference=needs_reference)
