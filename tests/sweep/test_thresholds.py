"""Thresholds that are found on the tuning rows."""

from __future__ import annotations

import shlex

import pytest

from tests.sweep.world import World, gain_conf


def test_a_champion_that_flags_nobody_is_still_compared_with(own_world: World) -> None:
    own_world.conf("gain", "tiny", gain_conf(-1.0))
    assert own_world.sweep("model.threshold={maximise: gain}", "review=standard") == 3
    assert own_world.run_json("champion")["threshold"] == "inf"
    assert (own_world.folder("better") / "paired.arrow").is_file()
    before = (own_world.folder("champion") / "run.json").stat().st_mtime_ns
    own_world.sweep("model.threshold={maximise: gain}", "review=standard")
    assert (own_world.folder("champion") / "run.json").stat().st_mtime_ns == before


def test_a_challenger_that_matches_the_champion_flags_as_many(own_world: World) -> None:
    own_world.sweep("params.model=[champion]", "metrics=[selection_rate]", "gain=none", "price=none")
    own_world.sweep("model=champion,better", "metrics=[selection_rate]", "gain=none", "price=none", "model.threshold={selection_rate: 0.2}")
    rates = own_world.comparison()["selection_rate"]
    assert rates["champion"] == pytest.approx(0.2, abs=0.03)
    assert rates["better"] == pytest.approx(0.2, abs=0.03)


def test_the_command_that_goes_on_is_printed_as_a_shell_takes_it(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from harness.runs.manifest import read_manifest, write_manifest

    own_world.sweep("model=champion", "model.threshold=0.4")
    root = own_world.results
    write_manifest(root, replace(read_manifest(root), phase="quality", overrides=("sweep=tiny", "candidate='a[precision=int8]'")))
    capsys.readouterr()
    own_world.run("status")
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("next: "))
    words = shlex.split(line.removeprefix("next: "))
    assert words[:3] == ["harness", "sweep", "--config-dir"]
    assert words[-1] == "candidate='a[precision=int8]'"
