from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.slice_tally as module
from kernels.chunks import tally_chunk_rows
from kernels.slice_tally import empty, merge, slice_tally
from tests.oracles import tally_oracle as oracle


def check(tally, expected):
    np.testing.assert_array_equal(tally.counts, expected["confusion"])
    np.testing.assert_array_equal(tally.bin_n, expected["bin_n"])
    np.testing.assert_array_equal(tally.bin_positive, expected["bin_positive"])
    np.testing.assert_allclose(tally.bin_score, expected["bin_score"], rtol=1e-12, atol=1e-15)
    for got, name in ((tally.log_loss, "log_loss"), (tally.squared_error, "brier")):
        np.testing.assert_array_equal(got.n, expected["confusion"].sum(axis=(1, 2)))
        np.testing.assert_allclose(got.mean, expected[name][:, 0], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(got.m2, expected[name][:, 1], rtol=1e-10, atol=1e-14)


def same_bits(a, b):
    for name in ("counts", "bin_n", "bin_positive", "bin_score"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    for name in ("log_loss", "squared_error"):
        for x, y in zip(getattr(a, name), getattr(b, name), strict=True):
            assert x.tobytes() == y.tobytes(), name


@pytest.mark.parametrize("n_rows", [0, 1, 23, 500])
@pytest.mark.parametrize("n_windows", [1, 4])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_equals_the_definition(n_rows, n_windows, dtype):
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(n_rows, n_rows, n_windows=n_windows, dtype=dtype)
    tally = slice_tally(scores, labels, slice_ids, window_ids, n_slices, n_windows, 0.4)
    check(tally, oracle.binary(scores, labels, slice_ids, window_ids, n_slices, n_windows, 0.4))


def test_every_bin_edge_and_its_neighbours():
    edges = (np.arange(16) / 15).astype(np.float32)
    scores = np.clip(np.concatenate([edges, np.nextafter(edges, np.float32(0)), np.nextafter(edges, np.float32(2))]), 0, 1)
    labels = (np.arange(len(scores)) % 2).astype(np.int8)
    slice_ids = np.zeros((len(scores), 1), np.uint16)
    check(slice_tally(scores, labels, slice_ids, None, 1, 1, 0.5), oracle.binary(scores, labels, slice_ids, None, 1, 1, 0.5))


def test_a_score_equal_to_the_float32_threshold_is_positive():
    scores = np.array([0.3, np.nextafter(np.float32(0.3), np.float32(0))], np.float32)
    tally = slice_tally(scores, np.ones(2, np.int8), np.zeros((2, 1), np.uint16), None, 1, 1, 0.3)
    assert tally.counts[0].tolist() == [[0, 0], [1, 1]]


def test_losses_at_zero_and_one_are_clipped():
    scores = np.array([0.0, 1.0, -0.0, 1.0], np.float32)
    labels = np.array([1, 0, 0, 1], np.int8)
    slice_ids = np.zeros((4, 1), np.uint16)
    tally = slice_tally(scores, labels, slice_ids, None, 1, 1, 0.5)
    check(tally, oracle.binary(scores, labels, slice_ids, None, 1, 1, 0.5))
    assert 17 < tally.log_loss.mean[0] < 17.5  # (34.54 + 34.54) / 4


def test_rows_without_a_label_or_a_valid_score_are_in_nothing():
    scores = np.array([0.5, np.nan, -0.1, 1.1, 0.5], np.float32)
    labels = np.array([2, 1, 1, 0, -1], np.int8)
    tally = slice_tally(scores, labels, np.zeros((5, 1), np.uint16), None, 1, 1, 0.5)
    same_bits(tally, empty(1))


def test_identical_losses_have_no_variance():
    scores = np.full(1000, 0.3, np.float32)
    tally = slice_tally(scores, np.ones(1000, np.int8), np.zeros((1000, 1), np.uint16), None, 1, 1, 0.5)
    assert tally.log_loss.m2[0] == 0.0
    assert tally.squared_error.m2[0] == 0.0


@pytest.mark.parametrize("n_threads", [1, 2, 3, 10])
def test_threads_and_chunks_give_the_same_bits(monkeypatch, n_threads):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 7)
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(3, 100, n_windows=3)
    arguments = (scores, labels, slice_ids, window_ids, n_slices, 3, 0.5)
    tally = slice_tally(*arguments, n_threads=n_threads)
    same_bits(tally, slice_tally(*arguments, n_threads=1))
    check(tally, oracle.binary(*arguments))


def test_the_chunk_grid_depends_on_the_cells_alone():
    assert [tally_chunk_rows(n) for n in (1, 32768, 32769, 10**6)] == [1 << 18, 1 << 18, 1 << 19, 1 << 20]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(0, 60), data=st.data())
def test_any_split_into_batches_gives_the_same_tally(seed, n_rows, data):
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(seed, n_rows, n_windows=3)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, n_rows), max_size=4))), n_rows]
    tally = empty(n_slices * 3)
    for start, stop in itertools.pairwise(cuts):
        part = slice(start, stop)
        tally = merge(tally, slice_tally(scores[part], labels[part], slice_ids[part], window_ids[part], n_slices, 3, 0.5))
    check(tally, oracle.binary(scores, labels, slice_ids, window_ids, n_slices, 3, 0.5))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 60))
def test_row_order_is_free_and_relabelled_slices_give_relabelled_tallies(seed, n_rows):
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(seed, n_rows, n_windows=2)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(n_rows), rng.permutation(n_slices)
    plain = slice_tally(scores, labels, slice_ids, window_ids, n_slices, 2, 0.5)
    renamed = slice_tally(scores[rows], labels[rows], names[slice_ids[rows]].astype(np.uint16), window_ids[rows], n_slices, 2, 0.5)
    moved = renamed.counts.reshape(n_slices, 2, 2, 2)[names].reshape(-1, 2, 2)
    np.testing.assert_array_equal(moved, plain.counts)
    np.testing.assert_allclose(renamed.log_loss.mean.reshape(-1, 2)[names].ravel(), plain.log_loss.mean, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros(2)}, "scores has dtype float64; wanted float32"),
        ({"labels": np.zeros(3, np.int8)}, r"labels has shape \(3,\); wanted \(2,\)"),
        ({"slice_ids": np.full((2, 1), 4, np.uint16)}, r"slice_ids holds 4..4; wanted 0..3"),
        ({"slice_ids": np.full((2, 1), -1, np.int32)}, r"slice_ids holds -1..-1; wanted 0..3"),
        ({"window_ids": np.zeros(2, np.int32)}, "n_windows is 1 and window_ids is given"),
    ],
)
def test_wrong_arrays_are_refused_before_the_loop(change, message):
    arrays = {
        "scores": np.zeros(2, np.float32),
        "labels": np.zeros(2, np.int8),
        "slice_ids": np.zeros((2, 1), np.uint16),
        "window_ids": None,
    }
    with pytest.raises((TypeError, ValueError), match=message):
        slice_tally(**(arrays | change), n_slices=4, n_windows=1, threshold=0.5)
