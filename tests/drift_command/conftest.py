"""Runs of `harness drift` that many tests look at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Said
from tests.drift_command.drift_world import DriftWorld, make_world

Drift = Callable[..., Said]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # The command sets these for its children; registered here, what was there before comes back.
    for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def drift(capfd: pytest.CaptureFixture[str]) -> Drift:
    """Run `harness drift` in a world and return what it said."""

    def run(world: DriftWorld, *overrides: str) -> Said:
        from harness.cli import main

        capfd.readouterr()
        code = main(world.args(*overrides))
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def unchanged_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[DriftWorld, int]:
    """A world in which nothing changes, compared once by the standard option; and the exit code."""
    from harness.cli import main

    world = make_world(tmp_path_factory.mktemp("drift") / "unchanged")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
            patch.setenv(name, "")
            patch.delenv(name)
        code = main(world.args())
    return world, code


@pytest.fixture
def own_world(tmp_path: Path) -> DriftWorld:
    """A world in which nothing changes, of this test's own."""
    return make_world(tmp_path / "world")
