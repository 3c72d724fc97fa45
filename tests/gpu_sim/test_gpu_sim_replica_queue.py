"""The CUDA driver of the replayed queue against events on a clock, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from kernels.devices import is_on_cuda
from kernels.replica_queue import latencies, replay_queues
from tests.oracles import replica_queue as oracle

US = 1000


@pytest.mark.parametrize("delay", [0, 3])
@pytest.mark.parametrize("n_scenarios", [1, 3, 70])  # of one block, and past the edge of one
def test_scenarios(n_scenarios, delay):
    rng = np.random.default_rng(n_scenarios)
    stamps = np.sort(rng.integers(0, 50, 23))
    service = [7, 9, 14]
    ranges = np.sort(rng.integers(0, 24, (n_scenarios, 2)), axis=1)
    free = [np.sort(rng.integers(0, 20, rng.integers(1, 5))) for _ in range(n_scenarios)]
    on_device = cuda.to_device(stamps)
    assert is_on_cuda(on_device)
    found = replay_queues(on_device, 0, ranges, [f * US for f in free], np.array(service) * US, delay * US, 12 * US)
    for i, (first, stop) in enumerate(ranges):
        wanted, free_after = oracle.simulate(stamps[first:stop].tolist(), free[i].tolist(), service, delay)
        assert found.n_late[i] == sum(one > 12 for one in wanted)
        assert found.free_ns[i].tolist() == [one * US for one in free_after]


@pytest.mark.parametrize("n", [0, 1, 23])
def test_latencies(n):
    stamps = np.sort(np.random.default_rng(n).integers(0, 50, n))
    found = latencies(cuda.to_device(stamps), 0, np.zeros(2, np.int64), np.array([5, 8]) * US, 0)
    assert found.tolist() == [one * US for one in oracle.simulate(stamps.tolist(), [0, 0], [5, 8], 0)[0]]
