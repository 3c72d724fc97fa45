"""The arrivals of a log, from its rows to the results folder and back: what costs are computed from without the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.cost.arrivals import arrivals_columns, arrivals_from_columns
from harness.cost.slice_traffic import slice_traffic
from harness.cost.traffic import traffic_from
from harness.errors import ResultsError
from harness.records.conf import SweepConf
from harness.records.money import SliceTraffic, Traffic
from harness.records.replay import JUDGED, PreparedReplay
from harness.runs import folder as files
from harness.runs.manifest import TRAFFIC, write_replay

ARRIVALS, PARTS = "arrivals.arrow", "slice_traffic.parquet"
_US_PER_HOUR = 3_600_000_000


def traffic_of(conf: SweepConf, prepared: PreparedReplay) -> Traffic | None:
    """Count the requests of the judged rows; None where the log has no time column."""
    if prepared.timestamps_us is None:
        return None
    return traffic_from(prepared.timestamps_us[(prepared.roles & JUDGED) > 0], conf.replay.rows_per_request, None)


def write_traffic(root: Path, conf: SweepConf, prepared: PreparedReplay) -> None:
    """Keep what the tables need of the replay: names of cells, the row account, and its arrivals, four bytes each, also by slice and hour."""
    folder, traffic = root / "replay", traffic_of(conf, prepared)
    columns = None if traffic is None else arrivals_columns(traffic)
    write_replay(root, prepared.grid, prepared.account, prepared.notes, traffic, columns.n_arrivals if columns else None)
    if columns is None or prepared.timestamps_us is None:
        for name in (ARRIVALS, PARTS):
            (folder / name).unlink(missing_ok=True)
        return
    files.write_columns(folder / ARRIVALS, {"us_in_minute": columns.us_in_minute})
    rows = (prepared.roles & JUDGED) > 0
    versions = prepared.production_version_ids
    parts = slice_traffic(
        prepared.timestamps_us[rows],
        prepared.slice_ids[rows],
        prepared.grid,
        conf.replay.rows_per_request,
        None if versions is None else versions[rows],
        prepared.production_versions,
    )
    files.write_parquet(folder / PARTS, _frame(parts))


def _frame(parts: SliceTraffic) -> pd.DataFrame:
    names = pd.Series(parts.part_by, dtype="str"), pd.Series(parts.part_value, dtype="str")
    by, value = (name.astype("category").iloc[parts.part_id].reset_index(drop=True) for name in names)
    hour = pd.Series((parts.hour * _US_PER_HOUR).astype("datetime64[us]"))
    return pd.DataFrame({"hour": hour, "slice_by": by, "slice_value": value, "requests": parts.requests})


def with_arrivals(folder: Path, traffic: Traffic) -> Traffic:
    """Read the arrivals that belong to stored minutes.

    Raises
    ------
    ResultsError
        When they were not kept, or belong to another log.
    """
    counts = files.read_columns(folder / TRAFFIC)
    if not (folder / ARRIVALS).is_file() or "n_arrivals" not in counts:
        raise ResultsError(
            f"results: {folder} holds no arrivals, which price.slo_ms replays; run the sweep again, or leave price.slo_ms null"
        )
    stored = files.read_columns(folder / ARRIVALS)
    try:
        arrivals_us = arrivals_from_columns(traffic.minute, np.asarray(counts["n_arrivals"]), np.asarray(stored["us_in_minute"]))
    except ValueError as trouble:
        raise ResultsError(f"results: {folder / ARRIVALS} is damaged ({trouble}); run the sweep again") from trouble
    return replace(traffic, arrivals_us=arrivals_us)


def read_slice_traffic(folder: Path) -> SliceTraffic | None:
    """Read the requests of every part by hour; None where they were not kept."""
    if not (folder / PARTS).is_file():
        return None
    frame = files.read_parquet(folder / PARTS)
    ids, names = pd.factorize(pd.MultiIndex.from_frame(frame[["slice_by", "slice_value"]].astype("str")))
    hour = frame["hour"].to_numpy("datetime64[us]").astype(np.int64) // _US_PER_HOUR
    by, value = (tuple(str(name[i]) for name in names) for i in (0, 1))
    return SliceTraffic(hour, ids.astype(np.int32), frame["requests"].to_numpy(np.float64), by, value)
