"""A pytest plugin: tests/gpu_sim and the tests of this folder are collected, and run on the card.

`python -m pytest -p tests.gpu_card.plugin tests/gpu_sim tests/gpu_card`
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before Numba is imported: grids of tests are small on purpose, and its warning of that would be an error there.
os.environ["NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS"] = "0"

# What a card cannot be asked, with the reason.
NOT_ON_A_CARD = {
    "test_gpu_sim_devices.py::test_rows_beyond_two_to_the_31st_are_read_where_they_are": "arrays without memory are the simulator's alone",
}


def pytest_configure(config: pytest.Config) -> None:
    config.is_on_card = True


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Collect what its conftest leaves to the simulator, or to a card, alone."""
    is_ours = collection_path.parent.name in ("gpu_sim", "gpu_card") and collection_path.name.startswith("test_")
    return False if is_ours else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.nodeid.rpartition("/")[2]
        if name in NOT_ON_A_CARD:
            item.add_marker(pytest.mark.skip(reason=NOT_ON_A_CARD[name]))
