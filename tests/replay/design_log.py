"""Logs of every kind of label, with weights and clusters, taken through preparation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.pipeline.prepare import prepare
from harness.records.replay import PreparedReplay
from harness.replay import log_files
from harness.replay.contract import check_columns
from harness.replay_schema import read_replay

DAY_US = 86_400_000_000


def days(*numbers: float) -> pa.Array:
    """Return times, days after the epoch."""
    return pa.array([int(n * DAY_US) for n in numbers], pa.timestamp("us"))


def prepared_of(folder: Path, columns: dict[str, Any], label_columns: dict[str, Any] | None = None, **keys: Any) -> PreparedReplay:
    """Write a log (and a label file) and prepare it as a sweep does; `keys` are those of the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "log.parquet")
    data: dict[str, Any] = {"name": "log", "path": str(folder / "log.parquet"), "task": "binary", "label": "y", "features": []}
    if label_columns is not None:
        pq.write_table(pa.table(label_columns), folder / "labels.parquet")
        source = {"path": str(folder / "labels.parquet"), "on": "id", "column": "y"}
        data |= {"label": None, "labels": source | keys.pop("source", {})}
    return prepare_keys(folder, data | keys)


def prepare_keys(folder: Path, data: dict[str, Any]) -> PreparedReplay:
    """Prepare what stands in `folder` under these keys of the configuration."""
    conf = read_replay(data)
    log = log_files.open_replay(conf, None)
    check_columns(log, conf)
    return prepare(log, conf, [], folder / "cache", "code", lambda done, total: None)


def known(values: Any) -> list[Any]:
    """Return labels as a list, None where not known."""
    return [None if v == -1 or v != v else v for v in np.asarray(values).tolist()]
