"""Limits and waves: what is launched at once hangs on the card's memory, what comes back does not; under Numba's CUDA simulator."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

import kernels.devices as module
import kernels.rank_sum as rank_module
import kernels.slice_tally as slice_module
from kernels.paired_tally import paired_tally
from kernels.placement import placements
from kernels.rank_cross import rank_cross
from kernels.score_order import score_order
from tests.oracles import tally_oracle

LOG = tally_oracle.random_log(1, 23, n_windows=3)
GRID = LOG[4], 3
TABLE_BYTES = GRID[0] * GRID[1] * slice_module.N_RECORD * 8
WORDS_OF_ONE_PIECE = (GRID[0] * GRID[1], slice_module.N_RECORD)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    for name in ("slice_tally", "paired_tally"):
        monkeypatch.setattr(f"kernels.{name}.cuda_chunk_rows", lambda n_cells: 3)
    monkeypatch.setattr("kernels.placement.cuda_chunk_rows", lambda *grid: 3)
    monkeypatch.setattr(rank_module, "MAX_PIECE_ROWS", 3)


@pytest.fixture
def launched(monkeypatch):
    """How many pieces each launch takes."""
    found, real = [], module._launch
    monkeypatch.setattr(module, "_launch", lambda rule, starts, *rest: found.append(len(starts) - 1) or real(rule, starts, *rest))
    return found


def on_device(*arrays):
    return [cuda.to_device(array) for array in arrays]


def parts_of(result):
    """Every array of a result, however deep."""
    if dataclasses.is_dataclass(result):
        result = [getattr(result, field.name) for field in dataclasses.fields(result)]
    return [part for one in result for part in parts_of(one)] if isinstance(result, (list, tuple)) else [result]


def tally():
    return slice_module.slice_tally(*on_device(*LOG[:4]), *GRID, 0.5)


def pair():
    challenger = tally_oracle.random_log(2, 23)[0]
    return paired_tally(*on_device(LOG[0], challenger, *LOG[1:4]), *GRID, 0.5, 0.4)


def cross():
    orders = [score_order(*on_device(scores, LOG[1])) for scores in (LOG[0], tally_oracle.random_log(2, 23)[0])]
    return rank_cross(*orders, *on_device(*LOG[2:4]), *GRID)


def placed():
    order = score_order(*on_device(*LOG[:2]))
    found = placements(order, *on_device(*LOG[2:4]), None, *GRID, 1)
    return found._replace(placement=module.to_host(found.placement))


@pytest.mark.parametrize("work", [tally, pair, cross, placed])
def test_the_same_bits_in_any_number_of_waves(monkeypatch, launched, work):
    whole = parts_of(work())
    n_launches = len(launched)
    for pieces_at_once in (1, 3):
        launched.clear()
        monkeypatch.setattr(module, "waves_of", lambda n, *_, k=pieces_at_once: [(i, min(i + k, n)) for i in range(0, n, k)])
        for found, expected in zip(parts_of(work()), whole, strict=True):
            assert found.tobytes() == expected.tobytes()
        assert max(launched) == pieces_at_once
        assert len(launched) > n_launches


@pytest.mark.parametrize(("n_tables", "at_once"), [(2, 1), (3, 1), (6, 3), (1000, 8)])
def test_a_wave_takes_half_of_the_free_memory(monkeypatch, launched, n_tables, at_once):
    monkeypatch.setattr(module, "free_bytes", lambda: float(n_tables * TABLE_BYTES))
    tally()
    assert launched[0] == at_once
    assert sum(launched) == 8  # 23 rows, three a piece


def test_a_table_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda: float(2 * TABLE_BYTES - 1))
    with pytest.raises(
        module.CardMemoryError, match=r"the table of one piece of the rows takes .* MiB free; leave out a cross or the windows"
    ):
        tally()


def test_a_wave_is_no_larger_than_a_grid(monkeypatch, launched):
    monkeypatch.setattr(module, "MAX_BLOCKS", 1)
    assert module.waves_of(100, 32, 8) == [(first, first + 2) for first in range(0, 100, 2)]  # 64 threads are two pieces of 32 columns
    with pytest.raises(ValueError, match="65 columns; a grid of threads has 64"):
        module.waves_of(1, 65, 8)


def test_cells_beyond_int32_are_refused_before_anything_is_allocated():
    class Many:
        def __len__(self):
            return 2**31

    with pytest.raises(ValueError, match=r"2,147,483,648 slices times windows; wanted at most 2,147,483,647"):
        module.merged_on_cuda(None, None, [0, 1], (0, 1), (), Many(), None, ())
    module.check_cells(2**31 - 1)


def test_only_the_merged_table_comes_back(monkeypatch):
    shapes, real = [], module.to_host
    monkeypatch.setattr(module, "to_host", lambda array: shapes.append(tuple(array.shape)) or real(array))
    tally()
    assert shapes == [WORDS_OF_ONE_PIECE]


def test_memory_that_numba_keeps_for_later_is_free(monkeypatch):
    kept = [object(), object()]
    memory = SimpleNamespace(
        memory_manager=SimpleNamespace(deallocations=kept), get_memory_info=lambda: SimpleNamespace(free=9 - len(kept))
    )
    monkeypatch.setattr(cuda, "current_context", lambda: memory)
    assert module.free_bytes() == 9.0


def test_a_large_array_is_sent_only_where_it_fits(monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda: 1.0)
    monkeypatch.setattr(module, "CHECKED_BYTES", 64)
    assert module.to_host(module.to_device(np.zeros(7))).size == 7
    with pytest.raises(module.CardMemoryError, match="an array of 8 float64 takes"):
        module.to_device(np.zeros(8))


def test_rows_beyond_two_to_the_31st_are_read_where_they_are():
    """Arrays of 2**31 + 5 rows without their memory: every row is the same one, and the last piece begins beyond 32 bits."""
    n_rows = 2**31 + 5

    def endless(value, dtype, *tail):
        one = np.array([value], dtype)
        return FakeCUDAArray(np.lib.stride_tricks.as_strided(one, (n_rows, *tail), (0,) * (1 + len(tail))))

    arguments = (endless(0.75, np.float32), endless(1, np.int8), endless(0, np.uint16, 1), np.zeros(0, np.int32), 1, 0.5)
    empty = slice_module._empty_records(1)
    (records,) = module.run_on_cuda(slice_module._add_rows, [n_rows - 3, n_rows], (0, 1), arguments, empty[np.newaxis])
    assert slice_module._tally_of_records(records).counts.tolist() == [[[0, 0], [0, 3]]]
