"""The interpreter itself: planted faults that it must catch, and its arithmetic against NumPy and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numba import cuda, float64, int32

from tests.support.ptx_memory import OutOfBoundsError, RaceError
from tests.support.ptx_program import PtxError, parse

EDGES_F64 = np.array(
    [0.0, -0.0, 1.0, -1.5, 2.5, 3.5, np.inf, -np.inf, np.nan, 5e-324, 1e300, -1e300, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e-15]
)
EDGES_I64 = np.array([0, 1, -1, 7, -7, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 12345678901, 3, -3, 64, 63, 5], np.int64)


@cuda.jit
def racy_counts(x, counts):
    at = cuda.grid(1)
    if at < x.size:
        counts[x[at]] += 1


@cuda.jit
def atomic_counts(x, counts):
    at = cuda.grid(1)
    if at < x.size:
        cuda.atomic.add(counts, x[at], 1)


@cuda.jit
def one_too_far(x, out):
    at = cuda.grid(1)
    if at < x.size:
        out[at + 1] = x[at]


@cuda.jit
def reads_before(x, out):
    at = cuda.grid(1)
    if at < out.size:
        out[at] = x[at - np.int64(1)] if at > 0 else x[np.uint64(1) << np.uint64(20)]


@cuda.jit
def reversed_without_barrier(x, out):
    here = cuda.shared.array(64, int32)
    thread = cuda.threadIdx.x
    here[thread] = x[thread]
    out[thread] = here[cuda.blockDim.x - 1 - thread]


@cuda.jit
def reversed_in_block(x, out):
    here = cuda.shared.array(64, int32)
    thread = cuda.threadIdx.x
    here[thread] = x[thread]
    cuda.syncthreads()
    out[thread] = here[cuda.blockDim.x - 1 - thread]


@cuda.jit
def blocks_touch_one_word(out):
    if cuda.threadIdx.x == 0:
        out[0] = cuda.blockIdx.x


@cuda.jit
def half_waits(out):
    if cuda.threadIdx.x < 3:
        cuda.syncthreads()
        out[cuda.threadIdx.x] = 1
    else:
        while out[0] == 0:
            pass
        cuda.syncthreads()


def on(device, kernel, grid, block, *arrays):
    from tests.support.ptx_device import to_device

    moved = [to_device(array) for array in arrays]
    kernel[grid, block](*moved)
    return [array.copy_to_host() for array in moved]


def test_a_planted_race_is_caught_and_the_atomic_form_is_not(device):
    x = np.random.default_rng(1).integers(0, 4, 100)
    with pytest.raises(RaceError, match="argument 1: "):
        on(device, racy_counts, 2, 64, x, np.zeros(4, np.int64))
    assert on(device, atomic_counts, 2, 64, x, np.zeros(4, np.int64))[1].tolist() == np.bincount(x).tolist()


def test_a_race_is_caught_though_each_thread_alone_would_be_right(device):
    with pytest.raises(RaceError, match="argument 1: "):
        on(device, racy_counts, 2, 1, np.zeros(2, np.int64), np.zeros(1, np.int64))
    assert on(device, racy_counts, 2, 1, np.arange(2), np.zeros(2, np.int64))[1].tolist() == [1, 1]


def test_a_write_one_element_too_far_is_caught_and_says_who(device):
    with pytest.raises(OutOfBoundsError, match="argument 1: thread 4 reaches byte 40 of 40"):
        on(device, one_too_far, 1, 32, np.arange(5), np.zeros(5, np.int64))


def test_a_read_far_outside_is_caught(device):
    with pytest.raises(OutOfBoundsError, match="argument 0: thread 0 reaches byte"):
        on(device, reads_before, 1, 32, np.arange(5), np.zeros(5, np.int64))


def test_shared_memory_without_a_barrier_is_a_race(device):
    x = np.arange(64, dtype=np.int32)
    with pytest.raises(RaceError, match="shared memory"):
        on(device, reversed_without_barrier, 2, 64, x, np.zeros(64, np.int32))
    assert on(device, reversed_in_block, 1, 64, x, np.zeros(64, np.int32))[1].tolist() == x[::-1].tolist()


def test_a_barrier_orders_nothing_between_blocks(device):
    with pytest.raises(RaceError, match="argument 0: "):
        on(device, blocks_touch_one_word, 2, 32, np.zeros(1, np.int64))


def test_threads_that_wait_for_ever_are_caught(device, monkeypatch):
    monkeypatch.setattr("tests.support.ptx_simulator.MAX_STEPS", 1000)
    with pytest.raises(PtxError, match=r"wait at a barrier|more than 1000 steps|no barrier lies between"):
        on(device, half_waits, 1, 4, np.zeros(4, np.int64))


@cuda.jit
def of_integers(a, b, out):
    i = cuda.grid(1)
    if i < a.size:
        out[i, 0], out[i, 1], out[i, 2] = a[i] + b[i], a[i] - b[i], a[i] * b[i]
        out[i, 3] = a[i] // b[i] if b[i] != 0 else 0
        out[i, 4] = a[i] % b[i] if b[i] != 0 else 0
        out[i, 5], out[i, 6] = a[i] & b[i], a[i] ^ b[i]
        out[i, 7], out[i, 8] = a[i] >> (i % 64), a[i] << (i % 64)
        out[i, 9], out[i, 10] = min(a[i], b[i]), max(a[i], b[i])
        out[i, 11] = np.int32(a[i])
        out[i, 12] = np.uint16(a[i])


def test_integers_are_those_of_numpy(device):
    a, b = (array.ravel() for array in np.meshgrid(EDGES_I64, EDGES_I64))
    with np.errstate(all="ignore"):
        shift, safe = np.arange(a.size) % 64, np.where(b == 0, 1, b)
        quotient = np.where((b == 0) | ((a == -(2**63)) & (b == -1)), 0, a // safe)  # Numba's own answer where there is none
        columns = [a + b, a - b, a * b, quotient, np.where(b == 0, 0, a % safe), a & b, a ^ b, a >> shift, a << shift]
    columns += [np.minimum(a, b), np.maximum(a, b), a.astype(np.int32), a.astype(np.uint16)]
    found = on(device, of_integers, 4, 64, a, b, np.zeros((a.size, 13), np.int64))[2]
    for name, (got, wanted) in enumerate(zip(found.T, columns, strict=True)):
        np.testing.assert_array_equal(got, wanted, err_msg=str(name))


@cuda.jit
def of_floats(a, b, out):
    i = cuda.grid(1)
    if i < a.size:
        out[i, 0], out[i, 1], out[i, 2] = a[i] + b[i], a[i] - b[i], a[i] * b[i]
        out[i, 3] = a[i] / b[i] if b[i] != 0.0 else 0.0
        out[i, 4], out[i, 5] = abs(a[i]), -a[i]
        out[i, 6] = 1.0 if a[i] < b[i] else 0.0
        out[i, 7] = 1.0 if not (a[i] >= b[i]) else 0.0
        out[i, 8] = np.float32(a[i])
        out[i, 9] = 1.0 if a[i] == b[i] else 0.0


def test_floats_are_those_of_numpy_bit_for_bit(device):
    a, b = (array.ravel() for array in np.meshgrid(EDGES_F64, EDGES_F64))
    with np.errstate(all="ignore"):
        columns = [a + b, a - b, a * b, np.where(b == 0, 0.0, a / b), np.abs(a), -a, a < b, ~(a >= b), a.astype(np.float32), a == b]
    found = on(device, of_floats, 4, 64, a, b, np.zeros((a.size, 10)))[2]
    for name, (got, wanted) in enumerate(zip(found.T, columns, strict=True)):
        wanted = wanted.astype(np.float64)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted), err_msg=str(name))
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(got[known].view(np.int64), wanted[known].view(np.int64), err_msg=str(name))


@cuda.jit
def to_integers(a, out):
    i = cuda.grid(1)
    if i < a.size:
        out[i] = np.int64(a[i])


def test_a_float_that_no_integer_holds_saturates_and_nan_is_the_least_one(device):
    """PTX ISA, section 9.7.9.21: cvt saturates; NaN gives the most significant bit where one side has 64 bits."""
    found = on(device, to_integers, 1, 32, EDGES_F64, np.zeros(EDGES_F64.size, np.int64))[1]
    wanted = [
        -(2**63) if np.isnan(x) else max(-(2**63), min(2**63 - 1, int(x))) if np.isfinite(x) else (2**63 - 1 if x > 0 else -(2**63))
        for x in EDGES_F64
    ]
    assert found.tolist() == wanted


@cuda.jit
def multiply_add(a, b, c, out):
    i = cuda.grid(1)
    if i < a.size:
        out[i] = cuda.fma(a[i], b[i], c[i])


def test_a_fused_multiply_add_is_rounded_once(device):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 50))
    c = -(a * b) * (1 + rng.integers(-2, 3, 50) * 2.0**-52)
    found = on(device, multiply_add, 1, 64, a, b, c, np.zeros(50))[3]
    assert found.tolist() == [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]


@cuda.jit
def atomics(x, out):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.max(out, 0, x[i])
        cuda.atomic.min(out, 1, x[i])
        cuda.atomic.add(out, 2, x[i])


def test_atomics_of_integers_are_exact_in_any_order(device):
    x = np.random.default_rng(3).integers(-50, 50, 100)
    assert on(device, atomics, 2, 64, x, np.zeros(3, np.int64))[1].tolist() == [x.max(), x.min(), x.sum()]


@cuda.jit
def with_local_memory(x, out):
    here = cuda.local.array(5, float64)
    i = cuda.grid(1)
    if i < x.size:
        for k in range(5):
            here[(k * 3 + int(x[i])) % 5] = x[i] * k
        total = 0.0
        for k in range(int(x[i]) % 5 + 1):
            total += here[k] * (k + 1)
        out[i] = total


def test_memory_of_a_thread_is_its_own(device):
    x = np.arange(40.0)
    wanted = []
    for one in x:
        here = [0.0] * 5
        for k in range(5):
            here[(k * 3 + int(one)) % 5] = one * k
        wanted.append(sum(here[k] * (k + 1) for k in range(int(one) % 5 + 1)))
    assert on(device, with_local_memory, 1, 64, x, np.zeros(40))[1].tolist() == wanted


def test_what_is_not_known_is_said():
    with pytest.raises(PtxError, match="0 entries and 1 functions; wanted one entry"):
        parse(".version 9.0\n.target sm_90\n.func f() { ret; }")


@cuda.jit
def shuffles(x):
    x[cuda.threadIdx.x] = cuda.shfl_sync(0xFFFFFFFF, x[cuda.threadIdx.x], 0)


def test_an_instruction_of_warps_is_refused_and_not_guessed(device):
    with pytest.raises(PtxError, match="not known: shfl"):
        on(device, shuffles, 1, 32, np.arange(32, dtype=np.int32))
