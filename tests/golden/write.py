"""Writes the golden tables: `make golden`, then read the diff."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from harness.cli import main
from tests.sweep.world import share_compiled_kernels, write_model

HERE = Path(__file__).parent
LOG, METRICS, DIFFERENCES = (HERE / name for name in ("log.csv", "metrics.csv", "differences.csv"))
MODELS = {"champion": (1.0, -0.5, 0.0), "challenger": (1.0, -0.5, 0.4)}
FEATURES = ["x0", "x1", "x2"]
BIAS, STEPS = -0.5, 256  # scores in whole steps: the last digit of a sigmoid, which differs between CPUs, is not in the tables


def make_log(n_rows: int = 400) -> pd.DataFrame:
    """The log that is committed: four hundred rows, some outcomes unknown, one small slice, ties in the features."""
    rng = np.random.default_rng(20240101)
    log = pd.DataFrame(np.round(rng.normal(size=(n_rows, 3)), 1), columns=FEATURES)
    log["at"] = pd.date_range("2024-01-01", periods=n_rows, freq="4h").strftime("%Y-%m-%dT%H:%M:%S")
    log["region"] = rng.choice(["north", "south", "rare"], n_rows, p=[0.6, 0.37, 0.03])
    logit = log[FEATURES].to_numpy() @ np.array([1.0, -0.5, 0.4]) - 0.5
    log["y"] = pd.array((rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(int), dtype="Int64")
    log.loc[log.index % 40 == 7, "y"] = pd.NA
    return log


def golden_tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sweep the committed log in an empty folder; return metrics of both variants, and differences."""
    for name, weights in MODELS.items():
        write_model(folder / f"{name}.onnx", weights, BIAS, steps=STEPS)
        _write(
            folder / "conf" / "model" / f"{name}.yaml", {"name": name, "path": str(folder / f"{name}.onnx"), "trained_until": "2024-01-06"}
        )
    replay = {
        "name": "golden",
        "path": str(LOG),
        "task": "binary",
        "label": "y",
        "features": FEATURES,
        "timestamp": "at",
        "slices": {"columns": ["region", {"column": "x0", "edges": [-0.5, 0.5]}]},
        "windows": "1mo",
        "training": {"before": "2024-01-06"},
        "label_maturity": {"age": "0d"},
    }
    _write(folder / "conf" / "replay" / "golden.yaml", replay)
    share_compiled_kernels(folder / "cache")
    places = [f"results_dir={folder / 'results'}", f"cache_dir={folder / 'cache'}", "--config-dir", str(folder / "conf")]
    code = main(
        ["sweep", "name=golden", "replay=golden", "model=champion,challenger", "champion=champion", "measure=none", "review=none", *places]
    )
    if code != 0:
        raise RuntimeError(f"the golden sweep ended with {code}")
    root = folder / "results" / "golden"
    parts = [pd.read_parquet(next(root.glob(f"variants/{name}-*/metrics.parquet"))) for name in MODELS]
    return pd.concat(parts, ignore_index=True), pd.read_parquet(root / "differences.parquet")


def _write(file: Path, data: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(data, sort_keys=False))


def write() -> int:
    """Rewrite the tables; the log is only written where there is none."""
    if not LOG.exists():
        make_log().to_csv(LOG, index=False)
    with tempfile.TemporaryDirectory() as folder:
        metrics, differences = golden_tables(Path(folder))
    for file, frame in ((METRICS, metrics), (DIFFERENCES, differences)):
        frame.to_csv(file, index=False, float_format="%.15g")
    print(f"written: {os.path.relpath(METRICS)}, {os.path.relpath(DIFFERENCES)}; read the diff", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(write())
