"""Public data with figures that others published: where it lies, and a world to sweep it in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from harness.cli import main
from tests.sweep.world import share_compiled_kernels

DATA = Path(os.environ.get("REPLAY_HARNESS_DATA") or Path(__file__).parents[3] / "shared" / "data")
Sweep = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of public data; tests skip without it."""
    if not DATA.is_dir():
        pytest.skip(f"no public data at {DATA}; set REPLAY_HARNESS_DATA to the folder that holds it")
    return DATA


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """Sweep one logged score and return its metrics; `wanted` is the exit code that is asked for."""
    for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    share_compiled_kernels(tmp_path / "cache")

    def run(replay: dict[str, Any], score: str, *overrides: str, wanted: int = 0) -> pd.DataFrame:
        for group, name, conf in (
            ("replay", "public", {"name": "public", "task": "binary", "features": [], **replay}),
            ("model", "published", {"name": "published", "source": "logged", "column": score}),
        ):
            (tmp_path / "conf" / group).mkdir(parents=True, exist_ok=True)
            (tmp_path / "conf" / group / f"{name}.yaml").write_text(yaml.safe_dump(conf, sort_keys=False))
        fixed = ["replay=public", "model=published", "review=none", "measure=none", "cache_dir=cache", "name=public"]
        assert main(["sweep", "--config-dir", "conf", *fixed, *overrides]) == wanted, capsys.readouterr().err
        if wanted:
            return pd.DataFrame()
        return pd.concat([pd.read_parquet(file) for file in tmp_path.glob("results/public/variants/*/metrics.parquet")])

    return run
