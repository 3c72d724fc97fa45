"""A variant that is counted on a card while it is scored, from its model to its tables, against the same one on the CPU."""

from __future__ import annotations

import pytest
from numba import cuda

from harness.inference import onnx_cuda
from harness.inference.onnx_cuda import OnnxCuda
from harness.pipeline import running_tally
from harness.runs import folder as files
from harness.runs import store
from harness.tallies import binary, paired
from kernels.devices import is_on_cuda
from tests.gpu_sim.test_gpu_sim_quality import assert_same, on_both, world
from tests.gpu_sim.test_gpu_sim_running_tally import Simulated
from tests.inference.test_inference_onnx_cuda import opened_on_cpu
from tests.support.streams_stand_in import StreamsStandIn

__all__ = ["on_both", "world"]  # fixtures


class OnStandIn(OnnxCuda):
    """The real flow, on queues and sessions of the CPU; the scores end on the simulated card."""

    def __init__(self, plan, device_id):
        super().__init__(plan, memory=StreamsStandIn("reduce"), opened=opened_on_cpu)

    def score_rows(self, *arguments):
        return cuda.to_device(super().score_rows(*arguments))


@pytest.fixture
def counted_after(monkeypatch):
    """Names of the kernels that the reduction calls with arrays of the card."""
    seen = []

    def watch(module, name):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, **k: (seen.append(name) if is_on_cuda(a[0]) else None, real(*a, **k))[1])

    watch(binary, "slice_tally")
    watch(paired, "paired_tally")
    return seen


def test_a_variant_that_is_counted_while_it_is_scored_is_not_counted_again(on_both, monkeypatch, counted_after, pytestconfig):
    if hasattr(pytestconfig, "is_on_card"):
        pytest.skip("the memory in which the queues put scores is NumPy's")
    monkeypatch.setattr(running_tally, "RunningTally", Simulated)
    monkeypatch.setattr(onnx_cuda, "OnnxCuda", OnStandIn)
    (cpu, _), (card, _) = on_both()
    assert counted_after == []
    for name in (store.SCORES, store.TALLIES, store.PAIRED):
        assert_same(files.read_columns(card / name), files.read_columns(cpu / name))
    assert "device: counts were reduced while scoring\n" in (card / store.LOG).read_text()
