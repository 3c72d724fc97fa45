"""What is asked of CuPy, by a module that writes it down: the calls of a card's memory and the order of its streams."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from harness.device import CudaDriver
from harness.errors import DeviceError
from harness.inference import onnx_cuda
from harness.inference.onnx_cuda import CupyMemory, OnnxCuda
from tests.inference.card_graphs import plan_of


class Stream:
    n_made = 0

    def __init__(self, non_blocking):
        assert non_blocking  # else every launch on the default stream would wait for it
        Stream.n_made += 1
        self.ptr, self.calls = 4096 * Stream.n_made, []

    def record(self, event):
        self.calls.append("record")
        return event

    def wait_event(self, event):
        assert event is not None
        self.calls.append("wait")

    def synchronize(self):
        self.calls.append("synchronize")

    def __enter__(self):
        self.calls.append("enter")

    def __exit__(self, *_):
        self.calls.append("exit")


class Pool:
    n_freed = 0

    def free_bytes(self):
        return 10

    def free_all_blocks(self):
        self.n_freed += 1


@pytest.fixture
def cupy(monkeypatch):
    module = ModuleType("cupy")
    pools = (Pool(), Pool())
    module.pools, module.used = pools, []
    module.empty, module.asnumpy = np.empty, np.asarray
    module.get_default_memory_pool = lambda: pools[0]
    module.get_default_pinned_memory_pool = lambda: pools[1]
    module.cuda = SimpleNamespace(
        Device=lambda number: SimpleNamespace(use=lambda: module.used.append(number), mem_info=(1000, 5000)),
        Stream=Stream,
        Event=lambda disable_timing: SimpleNamespace(synchronize=lambda: module.used.append("waited"), disable_timing=disable_timing),
        alloc_pinned_memory=bytearray,
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_copies_and_work_go_to_streams_of_their_own(cupy):
    memory = CupyMemory(1)
    assert cupy.used == [1]
    assert (memory.compute_stream, memory.reduce_stream) == (memory._computes.ptr, memory._reduces.ptr)
    assert len({memory._copies.ptr, memory._computes.ptr, memory._reduces.ptr}) == 3
    host, sent = memory.pinned((2, 3), np.dtype(np.float32)), []
    host[...] = 7
    assert host.flags.writeable
    data = SimpleNamespace(copy_from_host_async=lambda *arguments: sent.append(arguments))
    event = memory.send(host, SimpleNamespace(data=data))
    assert sent == [(host.ctypes.data, 24, memory._copies)]
    memory.computes_wait(event)
    done = memory.compute(lambda: memory._computes.calls.append("work"))
    memory.copies_wait(done)
    memory.host_waits(event)
    memory.reduce(lambda: memory._reduces.calls.append("work"), after=done)
    memory.finish()
    assert memory._copies.calls == ["record", "wait", "synchronize"]
    assert memory._computes.calls == ["wait", "enter", "work", "exit", "record", "synchronize"]
    assert memory._reduces.calls == ["wait", "enter", "work", "exit", "synchronize"]
    assert cupy.used == [1, "waited"]


def test_what_is_free_counts_the_pool_and_giving_back_empties_it(cupy):
    memory = CupyMemory(0)
    assert memory.free_bytes() == 1010
    memory.release()
    assert [pool.n_freed for pool in cupy.pools] == [1, 1]


def test_a_card_that_cuda_does_not_see_is_one_sentence(cupy, monkeypatch):
    def no_such_card(_):
        raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    cupy.cuda.Device = no_such_card
    stack = onnx_cuda.cuda_stack(CudaDriver(1, None, 13000))
    monkeypatch.setattr(onnx_cuda, "cuda_stack", lambda: stack)
    monkeypatch.setattr(onnx_cuda, "why_not_cuda", lambda _: None)
    with pytest.raises(DeviceError, match=r"card 3 cannot be used \(cudaErrorInvalidDevice: invalid device ordinal\); look at nvidia-smi"):
        OnnxCuda(plan_of("m.onnx"), 3)
