"""The tables of a committed log are what they were: integers and texts exactly, floats to 1e-9."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.golden.write import BIAS, DIFFERENCES, FEATURES, LOG, METRICS, MODELS, STEPS, golden_tables

TOLERANCE = 1e-9
KEYS = ["variant", "challenger", "metric", "slice_by", "slice_value", "window"]


def changes(found: Any, golden: Any) -> list[str]:
    """Return one line per value that differs, at most twenty of them."""
    if list(found.columns) != list(golden.columns):
        return [f"columns: found {list(found.columns)}, golden {list(golden.columns)}"]
    if len(found) != len(golden):
        return [f"rows: found {len(found)}, golden {len(golden)}"]
    lines = []
    for column in golden.columns:
        a, b = found[column], golden[column]
        if pd.api.types.is_float_dtype(b) and pd.api.types.is_float_dtype(a):
            same = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        else:
            same = ((a == b) | (a.isna() & b.isna())).to_numpy(bool)
        keys = [key for key in KEYS if key in golden.columns]
        lines += [f"{' '.join(map(str, golden.loc[i, keys]))}: {column}: found {a[i]}, golden {b[i]}" for i in np.flatnonzero(~same)]
    return lines[:20] + ([f"and {len(lines) - 20} more"] if len(lines) > 20 else [])


def as_csv(frame: pd.DataFrame, folder: Path) -> Any:
    """Take a table through the file format of the golden ones."""
    frame.to_csv(folder / "found.csv", index=False, float_format="%.15g")
    return read(folder / "found.csv")


def read(file: Path) -> Any:
    return pd.read_csv(file, keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):  # a sweep sets them
            patch.setenv(name, "")
            patch.delenv(name)
        metrics, differences = golden_tables(folder)
    return {"metrics": as_csv(metrics, folder), "differences": as_csv(differences, folder)}


def test_metrics_are_the_golden_ones(tables: dict[str, pd.DataFrame]) -> None:
    assert changes(tables["metrics"], read(METRICS)) == [], "read the lines above; if they are meant: make golden"


def test_differences_are_the_golden_ones(tables: dict[str, pd.DataFrame]) -> None:
    assert changes(tables["differences"], read(DIFFERENCES)) == [], "read the lines above; if they are meant: make golden"


def fine_steps(log: pd.DataFrame, variant: str) -> NDArray[np.float64]:
    """Return the scores in steps, before they are rounded."""
    return np.asarray(STEPS / (1 + np.exp(-(log[FEATURES].to_numpy() @ np.array(MODELS[variant]) + BIAS))))


@pytest.mark.parametrize("variant", MODELS)
def test_no_score_is_so_near_to_a_half_step_that_a_cpu_could_turn_it(variant: str) -> None:
    fine = fine_steps(pd.read_csv(LOG), variant)
    assert np.abs(fine - np.floor(fine) - 0.5).min() > 1e-4


def test_accuracy_of_the_golden_tables_follows_from_the_committed_log() -> None:
    log = pd.read_csv(LOG)
    rows = log[(log["at"] >= "2024-01-06") & log["y"].notna() & (log["region"] == "south")]
    predicted = np.round(fine_steps(rows, "challenger")) >= STEPS / 2
    golden = read(METRICS).set_index(KEYS[:1] + KEYS[2:]).loc[("challenger", "accuracy", "region", "south", "all")]
    assert golden["n"] == len(rows)
    assert golden["value"] == pytest.approx(float((predicted == (rows["y"] == 1)).mean()), abs=1e-12)


@pytest.mark.parametrize(
    ("column", "value", "line"),
    [
        ("value", 0.25, "champion accuracy all all all: value: found"),
        ("n", 1, "champion accuracy all all all: n: found 1, golden"),
        ("ci_method", "guess", "champion accuracy all all all: ci_method: found guess, golden"),
    ],
)
def test_a_changed_value_is_named_with_its_cell(column: str, value: object, line: str) -> None:
    golden = read(METRICS)
    found = golden.astype({column: object}).copy() if isinstance(value, str) else golden.copy()
    found.loc[found.index[found["metric"] == "accuracy"][0], column] = value
    (said,) = changes(found, golden)
    assert line in said


def test_a_change_below_the_tolerance_is_none() -> None:
    golden = read(METRICS)
    assert changes(golden.assign(value=golden["value"] + 1e-11), golden) == []
