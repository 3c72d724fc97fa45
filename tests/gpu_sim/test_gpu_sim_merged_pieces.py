"""Kernels whose pieces are merged on the card: the same bits in any number of waves, and one table that comes back; under the simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.cluster_tally as cluster_module
import kernels.devices as devices
from kernels.array_library import on_host
from kernels.cell_moments import cell_moments
from kernels.class_tally import class_tally
from kernels.pair_tally import pair_tally
from kernels.placement import placements
from kernels.score_order import score_order
from kernels.value_moments import value_moments
from kernels.value_tally import value_tally
from tests.oracles import multiclass_oracle, tally_oracle

N_ROWS, N_WINDOWS = 40, 3
SCORES, LABELS, SLICE_IDS, WINDOW_IDS, N_SLICES = tally_oracle.random_log(1, N_ROWS, n_windows=N_WINDOWS)
VALUES = np.random.default_rng(2).normal(1e6, 1.0, (N_ROWS, 2))
MODULES = ("cell_moments", "cluster_tally", "pair_tally", "placement", "value_moments", "value_tally")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    for name in MODULES:
        monkeypatch.setattr(f"kernels.{name}.cuda_chunk_rows", lambda *grid: 6)


def on_device(*arrays):
    return [cuda.to_device(array) for array in arrays]


def columns():
    """A column of numbers and its cells; the last rows have a value far from the others."""
    values = np.append(VALUES[:-2, 0], [0.0, -1e9])
    ids = np.stack([np.arange(N_ROWS) // 20, 2 + np.arange(N_ROWS) % 3], axis=1).astype(np.int32)
    return cell_moments(*on_device(values, ids), 5, (1e6 - 1, 1e6, 1e6 + 1))


def joint():
    return value_moments(*on_device(VALUES, LABELS, SLICE_IDS, WINDOW_IDS), N_SLICES, N_WINDOWS, 2, 2)


def by_category():
    return value_tally(*on_device(VALUES, LABELS.astype(np.int32), SLICE_IDS, WINDOW_IDS), N_SLICES, N_WINDOWS, 2)


def pairs():
    ids = np.random.default_rng(3).integers(0, 3, (3, N_ROWS)).astype(np.uint8)
    return pair_tally(*on_device(VALUES[:, 0].copy(), ids), (3, 3, 3))


def totals(cluster_ids):
    design = None if cluster_ids is None else cuda.to_device(cluster_ids)
    ids = on_device(SLICE_IDS, WINDOW_IDS)
    categories = LABELS.astype(np.int32)[:, None]
    return cluster_module.cluster_tally(
        lambda rows: (categories[rows], VALUES[rows]), np.arange(N_ROWS), None, design, *ids, N_SLICES, N_WINDOWS, 2, 2
    )


def weighted():
    return totals(None)


def clustered():
    return totals(np.random.default_rng(4).integers(0, 9, N_ROWS))


def placed():
    order = score_order(*on_device(SCORES, LABELS))
    return placements(order, *on_device(SLICE_IDS, WINDOW_IDS), None, N_SLICES, N_WINDOWS, 1)


def classes():
    log = multiclass_oracle.random_log(1, N_ROWS, 3, n_windows=N_WINDOWS)
    return class_tally(*on_device(*log[:4]), log[4], N_WINDOWS, 2)


WORKS = [columns, joint, by_category, pairs, weighted, clustered, placed, classes]


def bits(result):
    """The bytes of every array of a result, however deep."""
    if isinstance(result, np.ndarray) or devices.is_on_cuda(result):
        return [on_host(result).tobytes()]
    parts = vars(result).values() if hasattr(result, "__dict__") else result
    return [part for one in parts for part in bits(one)]


@pytest.mark.parametrize("work", WORKS)
def test_the_same_bits_in_any_number_of_waves(monkeypatch, work):
    whole = bits(work())
    for at_once in (1, 3):
        waves = []

        def waves_of(n_pieces, *_, at_once=at_once, waves=waves):
            waves.append(-(-n_pieces // at_once))
            return [(first, min(first + at_once, n_pieces)) for first in range(0, n_pieces, at_once)]

        monkeypatch.setattr(devices, "waves_of", waves_of)
        assert bits(work()) == whole
        assert max(waves) > 1


@pytest.mark.parametrize("work", WORKS)
def test_what_comes_back_does_not_grow_with_the_pieces(monkeypatch, work):
    """Tables of pieces stay on the card."""
    n_bytes, real = [], devices.to_host
    monkeypatch.setattr(devices, "to_host", lambda array: n_bytes.append(array.nbytes) or real(array))
    found = []
    for rows in (12, 3):
        for name in MODULES:
            monkeypatch.setattr(f"kernels.{name}.cuda_chunk_rows", lambda *grid, rows=rows: rows)
        n_bytes.clear()
        work()
        found.append(list(n_bytes))
    assert found[0] == found[1] != []


@pytest.mark.parametrize("work", [weighted, clustered])
def test_rows_whose_components_are_on_the_card_at_once_change_no_bit(monkeypatch, work):
    whole, n_groups = bits(work()), []
    real = cluster_module.merged_on_cuda
    monkeypatch.setattr(cluster_module, "merged_on_cuda", lambda *a: n_groups.append(len(a[2]) - 1) or real(*a))
    for n_rows in (1, 13):
        monkeypatch.setattr(cluster_module, "CUDA_BYTES", 8 * 5 * n_rows)
        n_groups.clear()
        assert bits(work()) == whole
        assert len(n_groups) > 1


def test_rows_at_once_take_a_quarter_of_the_free_memory_at_most(monkeypatch):
    asked = []
    monkeypatch.setattr(cluster_module, "free_bytes", lambda: 4.0 * 8 * 5 * 12)
    real = cluster_module.merged_on_cuda
    monkeypatch.setattr(cluster_module, "merged_on_cuda", lambda *a: asked.append(a[2][-1]) or real(*a))
    weighted()
    assert asked == [12, 12, 12, 4]


def test_confusion_tables_beyond_shared_memory_are_the_same(monkeypatch):
    within = bits(classes())
    monkeypatch.setattr("kernels.cuda_counts.SHARED_BYTES", 0)
    assert bits(classes()) == within
