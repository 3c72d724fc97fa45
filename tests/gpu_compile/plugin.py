"""A pytest plugin: the kernels of this process run on interpreted PTX, and tests/gpu_sim is collected to run there too.

`python -m pytest -p tests.gpu_compile.plugin tests/gpu_compile tests/gpu_sim`, in the environment of `make gpu-check-offline`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ptx_device
from tests.support.compile_check import CARDS

_installed = ptx_device.installed()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--ptx-target", default="sm_90", choices=[f"sm_{a}{b}" for a, b in CARDS], help="the card that kernels are compiled for"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.ptx_device = _installed.__enter__()
    config.ptx_device.cc = next(cc for cc in CARDS if f"sm_{cc[0]}{cc[1]}" == config.getoption("--ptx-target"))


def pytest_unconfigure() -> None:
    _installed.__exit__(None, None, None)


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Collect what its conftest leaves to the simulator alone."""
    return False if collection_path.parent.name == "gpu_sim" and collection_path.name.startswith("test_") else None
