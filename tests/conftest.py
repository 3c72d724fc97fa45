"""A tiny world that every test may use: a log, models made by hand, a user's conf folder, and the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

PROJECT = Path(__file__).parents[1]

_REPLAY = """\
name: tiny
path: {log}
task: binary
label: late
positive: 1
features: [amount, age, ratio]
timestamp: asked_at
slices: {{columns: [country, channel], crosses: [[country, channel]]}}
windows: 1mo
training: {{before: 2025-02-01}}
reference: {{from: 2025-02-01, until: 2025-03-01}}
tuning: reference
label_maturity: {{age: 0d}}
"""
_MODEL = "name: {name}\npath: {models}/{name}.onnx\nthreshold: 0.5\ntrained_until: 2025-02-01\n"
_LOGGED = "name: logged\nsource: logged\ncolumn: prod_score\nthreshold: 0.5\ntrained_until: 2025-02-01\n"
_MORE_MODELS = {
    "logits_sigmoid": ("logits", "transform: sigmoid\n"),
    "two_logits_softmax": ("two_logits", "transform: softmax\n"),
    "double64": ("double", "precision: fp64\n"),
    "score_output": ("two_outputs", "output: score\n"),
    "names_country": ("from_text", "features: [country]\n"),
    "counts_items": ("from_int64", "features: [n_items]\n"),
    "nan": ("gives_nan", ""),
    "endless_killed": ("endless", ""),
    "endless_crashed": ("endless", ""),
}
_SWEEP = """\
# @package _global_
defaults:
  - override /replay: tiny
  - override /measure: none
  - override /review: none
name: tiny
champion: good
params: {model: [good, worse]}
"""


@dataclass(frozen=True)
class World:
    """Where the tiny world stands; `frame` is the log as pandas reads it, `cache` holds compiled kernels and prepared replays."""

    root: Path
    logs: Path
    models: Path
    conf: Path
    cache: Path
    frame: pd.DataFrame

    def args(self, results: Path, *overrides: str, sweep: str | None = "tiny") -> list[str]:
        """Return the arguments of `harness sweep` in this world; without a named sweep it is the model `good` alone, and faster."""
        named = [f"sweep={sweep}"] if sweep else ["replay=tiny", "model=good", "metrics=[auc]", "measure=none", "review=none", "name=tiny"]
        return ["sweep", "--config-dir", str(self.conf), *named, f"results_dir={results}", f"cache_dir={self.cache}", *overrides]

    @property
    def judged(self) -> pd.DataFrame:
        """Rows that the tiny replay judges: from March on, with a label."""
        rows = self.frame[self.frame["asked_at"] >= "2025-03-01"]
        return rows[rows["late"].notna()]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Build the tiny world once a session; tests only read it and write their results elsewhere."""
    from tests.cli.tiny_log import write_log
    from tests.cli.tiny_models import write_models

    root = tmp_path_factory.mktemp("world")
    logs, models, conf, cache = (root / name for name in ("logs", "models", "conf", "cache"))
    for folder in (logs, models, cache, conf / "replay", conf / "model", conf / "sweep"):
        folder.mkdir(parents=True)
    # Compiled kernels are kept between sessions: compiling them takes longer than all these tests.
    kernels = PROJECT / ".cache" / "numba"
    kernels.mkdir(parents=True, exist_ok=True)
    (cache / "numba").symlink_to(kernels)
    frame = write_log(logs)
    write_models(models)
    (conf / "replay" / "tiny.yaml").write_text(_REPLAY.format(log=logs / "log.parquet"))
    for file in models.glob("*.onnx"):
        (conf / "model" / f"{file.stem}.yaml").write_text(_MODEL.format(name=file.stem, models=models))
    for name, (file, more) in _MORE_MODELS.items():
        text = _MODEL.format(name=file, models=models).replace(f"name: {file}", f"name: {name}")
        (conf / "model" / f"{name}.yaml").write_text(text + more)
    (conf / "model" / "logged.yaml").write_text(_LOGGED)
    (conf / "sweep" / "tiny.yaml").write_text(_SWEEP)
    return World(root, logs, models, conf, cache, frame)


def harness_environment() -> dict[str, str]:
    """Return the environment of a child that runs the command from this checkout, whatever its folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "NUMBA_"))}
    return kept | {"PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "default", "COLUMNS": "200"}


def run_harness(args: Sequence[str], cwd: Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own and return how it ended."""
    command = [sys.executable, "-m", "harness.cli", *args]
    return subprocess.run(command, cwd=cwd, env=harness_environment(), capture_output=True, text=True, timeout=timeout_s, check=False)


@dataclass(frozen=True)
class Said:
    """What a command in this process returned and printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], Said]:
    """Run a command in this process, which is fast; for commands that are refused before a child is started."""
    monkeypatch.setenv("OMP_WAIT_POLICY", os.environ.get("OMP_WAIT_POLICY", "passive"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR", ""))

    def run(args: Sequence[str]) -> Said:
        from harness.cli import main

        code = main(list(args))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
