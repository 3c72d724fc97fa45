"""A log of requests, its configuration, and `harness drift` over them, in a folder of a test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from tests.sweep.world import share_compiled_kernels

N_DAYS, PER_DAY = 120, 20
REFERENCE_DAYS = 42  # six weeks: the fewest that statistics by windows of the reference take is five
FIRST_CURRENT = "2025-02-17"  # a Monday, as the first day of the log is
WINDOWS = [f"{day:%Y-%m-%d}" for day in pd.date_range(FIRST_CURRENT, "2025-05-05", freq="7D")]


def requests(seed: int = 11) -> pd.DataFrame:
    """Return twenty requests a day of 120 days from Monday, 6 January 2025, in which nothing changes."""
    rng = np.random.default_rng(seed)
    n = N_DAYS * PER_DAY
    amount = rng.gamma(4.0, 10.0, n)
    at = pd.Timestamp("2025-01-06") + pd.to_timedelta(
        np.repeat(np.arange(N_DAYS), PER_DAY) * 86_400 + np.sort(rng.integers(0, 86_400, n)) % 86_400, unit="s"
    )
    return pd.DataFrame(
        {
            "at": np.sort(at.to_numpy()).astype("datetime64[us]"),
            "request_id": [f"r{i:05d}" for i in range(n)],
            "amount": amount,
            "n_items": rng.integers(1, 40, n),
            "country": rng.choice(["DE", "FR", "IT"], n, p=[0.5, 0.3, 0.2]),
            "channel": rng.choice(["app", "web"], n),
            "is_new": rng.random(n) < 0.3,
            "late": pd.array((rng.random(n) < 0.2).astype(int), "Int8"),
        }
    )


def is_current(frame: pd.DataFrame) -> pd.Series:
    """Say which rows are judged."""
    return frame["at"] >= FIRST_CURRENT


def write(path: Path, log: pd.DataFrame | pa.Table | Mapping[str, Any]) -> Path:
    """Write a log, by its suffix as CSV or Parquet."""
    table = pa.Table.from_pandas(log, preserve_index=False) if isinstance(log, pd.DataFrame) else pa.table(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path


@dataclass(frozen=True)
class DriftWorld:
    """One folder with a log, a configuration and results."""

    root: Path

    @property
    def results(self) -> Path:
        """Where `harness drift` writes."""
        return self.root / "results" / "requests" / "replay"

    def log(self, log: pd.DataFrame | pa.Table | Mapping[str, Any], name: str = "log.parquet") -> Path:
        """Write the log, or another file of the world."""
        return write(self.root / name, log)

    def conf(self, **changes: Any) -> None:
        """Write the replay option, with some keys changed."""
        data = {
            "name": "requests",
            "path": str(self.root / "log.parquet"),
            "task": "binary",
            "label": "late",
            "positive": 1,
            "features": ["amount"],
            "timestamp": "at",
            "id": "request_id",
            "slices": {"columns": ["country"]},
            "windows": "1w",
            "reference": {"until": FIRST_CURRENT},
            "label_maturity": {"age": "0d"},
        }
        file = self.root / "conf" / "replay" / "requests.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(data | changes, sort_keys=False))

    def args(self, *overrides: str) -> list[str]:
        """Return the arguments of `harness drift` here."""
        folders = [f"results_dir={self.root / 'results'}", f"cache_dir={self.root / 'cache'}"]
        return ["drift", "--config-dir", str(self.root / "conf"), "replay=requests", "name=requests", *folders, *overrides]

    def json(self, name: str) -> dict[str, Any]:
        """Return what a JSON file of the results says."""
        return dict(json.loads((self.results / name).read_text()))

    def columns(self) -> dict[str, dict[str, Any]]:
        """Return the findings by column."""
        return {c["column"]: c for c in self.json("findings.json")["columns"]}

    def drift(self) -> pd.DataFrame:
        """Return the table of all statistics."""
        return pd.read_parquet(self.results / "drift.parquet")

    def violations(self) -> list[dict[str, Any]]:
        """Return what breaks the contract."""
        return list(self.json("findings.json")["contract"]["violations"])


def make_world(root: Path, log: pd.DataFrame | pa.Table | None = None, **conf: Any) -> DriftWorld:
    """Write a world of `log`, or of requests in which nothing changes."""
    world = DriftWorld(root)
    world.log(requests() if log is None else log)
    world.conf(**conf)
    share_compiled_kernels(root / "cache")
    return world
