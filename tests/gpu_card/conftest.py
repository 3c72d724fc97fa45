"""Leaves the tests of this folder out where its plugin is not there: they need a card, which `make gpu-check` looks for."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if hasattr(config, "is_on_card") or not collection_path.name.startswith("test_") else True
