"""`harness init` on logs that strangers have: what it writes runs, and what it cannot use is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Said, World

Harness = Callable[[Sequence[str]], Said]


def test_what_init_writes_runs(harness: Harness, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world.frame[["amount", "age", "ratio", "asked_at", "country", "late", "prod_score"]].to_parquet("requests.parquet")
    said = harness(["init", "requests.parquet", "--models", str(world.models / "good.onnx"), "--out", "mine"])
    assert said.code == 0, said.err
    assert "next: harness sweep --config-dir mine sweep=requests" in said.err
    args = ["--config-dir", "mine", "sweep=requests", "measure=none", "review=none", "metrics=[auc]", f"cache_dir={world.cache}"]
    said = harness(["sweep", *args, "results_dir=out"])
    assert said.code == 0, said.err
    assert set(pd.read_csv("out/requests/comparison.csv")["variant"]) == {"good", "logged"}
    again = harness(["init", "requests.parquet", "--models", str(world.models / "good.onnx"), "--out", "mine"])
    assert again.code == 2
    assert "exists; remove it, or write elsewhere with --out" in again.err


def test_a_label_of_floats_with_gaps_has_two_values(
    harness: Harness, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    models = ["--models", str(world.models / "good.onnx"), "--features", "amount,age,ratio"]
    said = harness(["init", str(world.logs / "log.parquet"), *models, "--label", "late_float", "--out", "mine"])
    assert said.code == 0, said.err
    assert "the label has 2 values in the first 3,000 rows" in said.err


REFUSED = {
    "no such log": (["nowhere.parquet"], ["no file 'nowhere.parquet'"]),
    "an empty CSV": (["{logs}/empty.csv"], ["empty.csv cannot be read"]),
    "a model as a log": (["{models}/good.onnx"], ["good.onnx cannot be read"]),
    "no such model": (
        ["{logs}/one_row.parquet", "--models", "nowhere/*.onnx", "--label", "late"],
        ["--models: no file matches 'nowhere/*.onnx'"],
    ),
    "not a model": (["{logs}/log.parquet", "--models", "{models}/not_onnx.onnx"], ["not_onnx.onnx' is not an ONNX model"]),
    "no such label": (["{logs}/log.parquet", "--label", "latee"], ["no column 'latee'", "did you mean 'late'?"]),
    "no such time": (["{logs}/log.parquet", "--timestamp", "asked"], ["no column 'asked'", "did you mean 'asked_at'?"]),
    "no such feature": (
        ["{logs}/log.parquet", "--models", "{models}/good.onnx", "--features", "amount,agee,ratio"],
        ["no column 'agee'", "did you mean 'age'?"],
    ),
    "a label of many values": (["{logs}/log.parquet", "--label", "request_id"], ["'request_id' holds 3,000 values", "wanted 2"]),
    "a label of one value": (["{logs}/log.parquet", "--label", "late_all_ones"], ["'late_all_ones' holds 1 value", "wanted 2"]),
    "a label of lists": (["{logs}/log.parquet", "--label", "words"], ["'words' is list", "wanted numbers, texts or booleans"]),
    "a time that is none": (
        [
            "{logs}/log.parquet",
            "--models",
            "{models}/good.onnx",
            "--features",
            "amount,age,ratio",
            "--label",
            "late",
            "--timestamp",
            "ratio",
        ],
        ["'ratio' is float, wanted a timestamp"],
    ),
    "no label at all": (["{logs}/one_row.parquet"], ["no column has exactly two values", "--label"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_init_cannot_use(case: str, harness: Harness, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    args, words = REFUSED[case]
    said = harness(["init", *(a.format(logs=world.logs, models=world.models) for a in args)])
    assert said.code == 2, said.err
    assert [w for w in words if w not in said.err] == [], said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
