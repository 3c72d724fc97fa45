"""The order of scores on a card, with NumPy in CuPy's place, against its definition, under Numba's CUDA simulator."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import cuda

from kernels.device_sort import group_borders, pieces_of_rows
from kernels.devices import is_on_cuda, to_host
from kernels.score_order import ROW_MASK, START_BIT, score_order

SCORES = st.lists(st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0, -2.0, np.inf, -np.inf, np.nan, 1e-45]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, seed=st.integers(0, 9))
def test_the_order_is_that_of_the_definition(scores, seed):
    scores = np.array(scores, np.float32)
    labels = np.random.default_rng(seed).integers(-1, 3, len(scores)).astype(np.int8)
    order = score_order(cuda.to_device(scores), cuda.to_device(labels))
    assert is_on_cuda(order)
    kept = [r for r in range(len(scores)) if labels[r] in (0, 1) and not np.isnan(scores[r])]
    kept.sort(key=lambda r: (scores[r], r))  # -0 and 0 are one value
    starts = [i == 0 or scores[r] != scores[kept[i - 1]] for i, r in enumerate(kept)]
    expected = [r | (int(labels[r]) << 30) | (int(start) << 31) for r, start in zip(kept, starts, strict=True)]
    assert to_host(order).tolist() == expected
    assert to_host(order).dtype == np.uint32


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 12), max_size=12), rows_per_piece=st.integers(1, 9))
def test_pieces_end_where_groups_end(lengths, rows_per_piece):
    is_start = np.zeros(sum(lengths), np.uint32)
    first = np.cumsum([0, *lengths])[:-1].astype(int)
    is_start[first[: len(lengths)]] = 1
    borders = group_borders(cuda.to_device(is_start << np.uint32(START_BIT)), rows_per_piece)
    assert borders[0] == 0
    assert borders[-1] == sum(lengths)
    assert borders == sorted(set(borders))
    assert set(borders) <= {*first.tolist(), sum(lengths)}
    for start, stop in itertools.pairwise(borders):
        assert stop - start <= rows_per_piece or int(is_start[start:stop].sum()) == 1


def test_the_piece_of_every_row():
    order = np.array([4, 2, 0, 5, 1], np.uint32) | np.uint32(1 << 30)
    assert to_host(pieces_of_rows(cuda.to_device(order), [0, 2, 3, 5], 6)).tolist() == [1, 2, 0, 0, 0, 2]  # row 3 is in no piece


def test_it_is_refused_where_it_does_not_fit(monkeypatch):
    monkeypatch.setattr("kernels.devices.free_bytes", lambda: 39.0)
    with pytest.raises(MemoryError, match="ordering the scores takes"):
        score_order(cuda.to_device(np.zeros(1, np.float32)), cuda.to_device(np.zeros(1, np.int8)))


def test_it_has_the_rows_of_the_host_order():
    rng = np.random.default_rng(4)
    scores, labels = rng.integers(0, 9, 50).astype(np.float32), rng.integers(0, 2, 50).astype(np.int8)
    on_card = to_host(score_order(cuda.to_device(scores), cuda.to_device(labels)))
    np.testing.assert_array_equal(on_card, score_order(scores, labels, n_threads=1))
    assert sorted((on_card & ROW_MASK).tolist()) == list(range(50))
