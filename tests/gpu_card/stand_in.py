"""A pytest plugin for a machine without a card: the tests of this folder run with NumPy behind CuPy's names, and with streams that are queues.

It tries the tests, not a card.
"""

from __future__ import annotations

import sys

import pytest

from tests.array_api.cupy_stand_in import CupyArray, CupyStandIn


def pytest_configure(config: pytest.Config) -> None:
    config.is_on_card = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name == "test_every_node_runs_on_the_card":
            item.add_marker(pytest.mark.xfail(strict=True, reason="there is no card that a node could run on"))


@pytest.fixture(autouse=True)
def no_card(monkeypatch):
    """Take the stand-ins in the place of CuPy and of a card's memory."""
    from harness.inference import onnx_cuda
    from kernels import device_sort
    from tests.inference.test_inference_onnx_cuda import opened_on_cpu
    from tests.support.streams_stand_in import StreamsStandIn

    monkeypatch.setattr(device_sort, "check_fits", lambda what, n_bytes: None)
    monkeypatch.setattr(onnx_cuda, "_cupy_memory", lambda device_id: StreamsStandIn())
    monkeypatch.setattr(onnx_cuda.OnnxCuda.__init__, "__defaults__", (0, None, opened_on_cpu))


def _cupy() -> CupyStandIn:
    stand_in = CupyStandIn()
    stand_in.__spec__ = None
    assert stand_in.ndarray is CupyArray
    return stand_in


sys.modules["cupy"] = _cupy()
