"""Leaves the folder out unless its plugin is there: these tests need numba-cuda and its compiler, which `make gpu-check-offline` installs."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if hasattr(config, "ptx_device") else True


@pytest.fixture(scope="session")
def device(pytestconfig):
    """The stand-in for a card: it compiles what is launched, and interprets its PTX."""
    return pytestconfig.ptx_device
