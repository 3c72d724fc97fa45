"""Counts on a card, in shared memory and in global memory, against the definition, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda, njit

import kernels.cuda_counts as module
from kernels.cell_counts import cell_counts
from kernels.device_sort import column_spans
from kernels.score_histogram import add_scores, empty
from tests.oracles import column_cells as oracle


@njit
def slot(row, column, words, n_columns):
    return words[row, column]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Ten threads a block and seven rows a piece: 23 rows are three whole pieces and a part, which no block fills."""
    monkeypatch.setattr(module, "THREADS_PER_BLOCK", 10)
    monkeypatch.setattr(module, "PIECE_ROWS", 7)


@pytest.fixture
def launches(monkeypatch):
    """Names of the kernels that are launched, in order."""
    found = []
    for name in ("shared_counts_of", "global_counts_of"):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda rule, name=name, real=real: found.append(name) or real(rule))
    return found


@pytest.mark.parametrize(("shared_bytes", "kernel"), [(4 * 6, "shared_counts_of"), (4 * 6 - 1, "global_counts_of")])
@pytest.mark.parametrize("n_rows", [0, 1, 7, 10, 23])
def test_both_sides_of_the_rule_count_the_same(monkeypatch, launches, shared_bytes, kernel, n_rows):
    monkeypatch.setattr(module, "SHARED_BYTES", shared_bytes)
    words = np.random.default_rng(n_rows).integers(-1, 6, (n_rows, 2))
    words[:, 1] += np.where(words[:, 1] >= 0, 6, 0)
    spans = np.array([[0, 6], [6, 12]])
    before = np.arange(12).reshape(3, 4)
    found = module.count_on_cuda(slot, n_rows, spans, (cuda.to_device(words), 2), before)
    expected = before.ravel() + np.bincount(words[words >= 0], minlength=12)
    assert found.ravel().tolist() == expected.tolist()
    assert found.shape == before.shape
    assert launches == ([kernel] * 2 if n_rows else [])


def test_a_word_outside_of_its_columns_span_is_counted_in_the_table():
    words = cuda.to_device(np.array([[0], [5], [5]]))
    assert module.count_on_cuda(slot, 3, np.array([[0, 2]]), (words, 1), np.zeros(6, np.int64)).tolist() == [1, 0, 0, 0, 0, 2]


def test_a_column_is_shared_or_not_by_its_own_cells(monkeypatch, launches):
    monkeypatch.setattr(module, "SHARED_BYTES", 4 * 2 * 4)  # one cell of 4 bins and 2 labels
    ids = np.zeros((23, 2), np.uint16)
    ids[:, 1] = 1 + np.arange(23) % 3
    table = empty(4, 4)
    scores = (np.arange(23) % 5 / 4).astype(np.float32)
    labels = (np.arange(23) % 3 - 1).astype(np.int8)  # every third row is skipped
    add_scores(table, *map(cuda.to_device, (scores, labels, ids)), None, 4, 1)
    expected = empty(4, 4)
    for score, label, cells in zip(scores, labels, ids, strict=True):
        for cell in cells if label >= 0 else ():
            expected[cell, min(int(score * 4), 3), label] += 1
    np.testing.assert_array_equal(table, expected)
    assert launches == ["shared_counts_of", "global_counts_of"]


@pytest.mark.parametrize("shared_bytes", [0, module.SHARED_BYTES])
def test_cell_counts_where_ids_are_missing(monkeypatch, shared_bytes):
    monkeypatch.setattr(module, "SHARED_BYTES", shared_bytes)
    rng = np.random.default_rng(3)
    codes, recode = rng.integers(-1, 3, 23).astype(np.int32), np.array([1, 0, 1], np.int32)
    ids = np.stack([rng.integers(0, 2, 23), np.full(23, -1), rng.choice([-1, 2], 23)], axis=1).astype(np.int32)
    found = cell_counts(cuda.to_device(codes), cuda.to_device(ids), 3, recode, 3)
    np.testing.assert_array_equal(found, oracle.category_cells(codes, ids, 3, recode, 3))


def test_cell_counts_refuses_what_the_grid_does_not_have():
    codes, ids = np.zeros(2, np.int32), np.array([[0], [7]], np.int32)
    with pytest.raises(ValueError, match="1 codes or ids are outside"):
        cell_counts(cuda.to_device(codes), cuda.to_device(ids), 1, np.zeros(1, np.int32), 2)


def test_spans_of_columns():
    assert column_spans(cuda.to_device(np.array([[0, 4], [2, 3]], np.uint16))).tolist() == [[0, 3], [3, 5]]
