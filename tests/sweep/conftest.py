"""Tiny worlds that a test may change: each is a copy, and the test works inside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweep.world import World, copy_world, make_world, sweep_conf


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # A sweep sets these for its children; registered here, what was there before comes back.
    for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def swept_template(template: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    swept = copy_world(template, tmp_path_factory.mktemp("swept") / "world")
    swept.conf("sweep", "tiny", sweep_conf(("champion", "better", "worse"), drift="standard"), "_global_")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.chdir(swept.root)
        assert swept.sweep() == 3
    return swept


@pytest.fixture
def own_world(template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of this test's own, not swept yet; the working directory is its folder."""
    world = copy_world(template, tmp_path / "world")
    monkeypatch.chdir(world.root)
    return world


@pytest.fixture
def swept(swept_template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of this test's own that holds a finished sweep of champion, better and worse."""
    world = copy_world(swept_template, tmp_path / "world")
    monkeypatch.chdir(world.root)
    return world
