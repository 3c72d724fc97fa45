"""A sweep that is killed goes on where it stopped, and ends with the tables of one that was never disturbed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.conftest import harness_environment
from tests.sweep.world import World, copy_world

OVERRIDES = (
    "model=champion,better,logged",
    "price=none",
    "drift=quick",
    "measure=quick",
    "measure.trial_s=0.02",
    "measure.warmup_s=0",
    "measure.n_blocks=2",
)
MEASURED = r"^(latency_|throughput|measurement_status|energy_)"
MOMENTS: dict[str, Callable[[World], bool]] = {
    "while the log is prepared": lambda w: any((w.root / "cache" / "replay").glob("*.building")),
    "when the log is prepared": lambda w: any((w.root / "cache" / "replay").glob("*/prepared.json")),
    "before the first variant": lambda w: (w.results / "sweep.json").exists(),
    "when the log was compared with its reference": lambda w: (w.results / "replay" / "findings.json").exists(),
    "while the champion is scored": lambda w: _has(w, "champion", "config.yaml"),
    "when the champion's scores are there": lambda w: _has(w, "champion", "scores.arrow"),
    "between two variants": lambda w: _has(w, "champion", "run.json"),
    "while a challenger is reduced": lambda w: _has(w, "better", "tallies.arrow"),
    "after the last variant": lambda w: _has(w, "logged", "run.json"),
    "while variants are timed": lambda w: _has(w, "logged", "measurement.json"),
    "while the tables are written": lambda w: (w.results / "comparison.csv").exists(),
}


def _has(world: World, variant: str, name: str) -> bool:
    return any(world.results.glob(f"variants/{variant}-*/{name}"))


@pytest.fixture(scope="module")
def undisturbed(template: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = copy_world(template, tmp_path_factory.mktemp("undisturbed") / "world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world.root)
        assert world.sweep(*OVERRIDES) == 3
    return world


def kill_when(world: World, moment: Callable[[World], bool]) -> list[psutil.Process]:
    """Start a sweep, kill it at the moment, and return the processes that it had started."""
    command = [sys.executable, "-m", "harness.cli", *world.sweep_args(*OVERRIDES)]
    process = subprocess.Popen(command, cwd=world.root, env=harness_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    try:
        while not moment(world):
            assert process.poll() is None, "the sweep ended before the moment came"
            assert time.monotonic() < deadline, "the moment never came"
            time.sleep(0.001)
        started = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
    assert process.wait() == -9, "the sweep ended before it was killed"
    return started


def finished_runs(world: World) -> dict[Path, int]:
    """Return when each variant that has ended wrote its `run.json`."""
    return {file: file.stat().st_mtime_ns for file in world.results.glob("variants/*/run.json")}


def assert_same_tables(world: World, wanted: World) -> None:
    for name in ("champion", "better", "logged"):
        found, expected = (pd.read_parquet(w.folder(name) / "metrics.parquet") for w in (world, wanted))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    for name in ("replay/drift.parquet", "variants/champion-*/drift.parquet"):
        found, expected = (pd.concat(pd.read_parquet(file) for file in w.results.glob(name)) for w in (world, wanted))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    pd.testing.assert_frame_equal(world.differences(), wanted.differences(), check_exact=True)
    found, expected = (w.comparison() for w in (world, wanted))
    assert len(expected.filter(regex=MEASURED).columns) > 4
    pd.testing.assert_frame_equal(
        found.drop(columns=found.filter(regex=MEASURED)), expected.drop(columns=expected.filter(regex=MEASURED)), check_exact=True
    )


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_sweep_leaves_no_process_and_resumes_to_the_same_tables(moment: str, own_world: World, undisturbed: World) -> None:
    started = kill_when(own_world, MOMENTS[moment])
    _, alive = psutil.wait_procs(started, timeout=5)
    assert not alive, f"still alive after the kill: {alive}"
    before = finished_runs(own_world)
    assert own_world.sweep(*OVERRIDES) == 3
    assert_same_tables(own_world, undisturbed)
    assert {file: file.stat().st_mtime_ns for file in before} == before, "a variant that had ended was run again"
