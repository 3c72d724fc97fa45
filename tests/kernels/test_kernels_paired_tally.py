from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.paired_tally as module
from kernels.paired_tally import empty, merge, paired_tally
from tests.oracles import tally_oracle as oracle

MOMENTS = {
    "champion_log_loss": "champion_log_loss",
    "champion_squared_error": "champion_brier",
    "log_loss": "log_loss",
    "squared_error": "brier",
}


def log(seed, n_rows, n_windows=1):
    champion, *rest = oracle.random_log(seed, n_rows, n_windows=n_windows)
    return champion, oracle.random_log(seed + 1, n_rows)[0], *rest


def check(pairs, expected):
    np.testing.assert_array_equal(pairs.cells, expected["cells"])
    for name, oracle_name in MOMENTS.items():
        got = getattr(pairs, name)
        np.testing.assert_allclose(got.mean, expected[oracle_name][:, 0], rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(got.m2, expected[oracle_name][:, 1], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("n_rows", [0, 1, 23, 500])
@pytest.mark.parametrize("n_windows", [1, 4])
def test_equals_the_definition(n_rows, n_windows):
    arguments = (*log(n_rows, n_rows, n_windows), n_windows, 0.4, 0.6)
    check(paired_tally(*arguments), oracle.paired(*arguments))


@pytest.mark.parametrize("n_threads", [1, 2, 3, 10])
def test_threads_and_chunks_give_the_same_bits(monkeypatch, n_threads):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 7)
    arguments = (*log(3, 100, 3), 3, 0.5, 0.5)
    pairs, one = paired_tally(*arguments, n_threads=n_threads), paired_tally(*arguments, n_threads=1)
    check(pairs, oracle.paired(*arguments))
    for name in MOMENTS:
        for x, y in zip(getattr(pairs, name), getattr(one, name), strict=True):
            assert x.tobytes() == y.tobytes()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(0, 60), cut=st.integers(0, 60))
def test_any_split_into_batches_gives_the_same_tally(seed, n_rows, cut):
    champion, challenger, labels, slice_ids, window_ids, n_slices = log(seed, n_rows, 3)
    pairs = empty(n_slices * 3)
    for part in (slice(0, min(cut, n_rows)), slice(min(cut, n_rows), n_rows)):
        batch = (champion[part], challenger[part], labels[part], slice_ids[part], window_ids[part])
        pairs = merge(pairs, paired_tally(*batch, n_slices, 3, 0.5, 0.5))
    check(pairs, oracle.paired(champion, challenger, labels, slice_ids, window_ids, n_slices, 3, 0.5, 0.5))


def test_a_row_that_either_model_has_no_score_for_is_in_nothing():
    champion, challenger = np.array([np.nan, 0.5], np.float32), np.array([0.5, 1.5], np.float32)
    pairs = paired_tally(champion, challenger, np.ones(2, np.int8), np.zeros((2, 1), np.uint16), None, 1, 1, 0.5, 0.5)
    assert pairs.cells.sum() == 0
    assert pairs.log_loss.mean[0] == 0.0


def test_a_model_against_itself_differs_nowhere():
    champion, _, labels, slice_ids, window_ids, n_slices = log(8, 200, 2)
    pairs = paired_tally(champion, champion, labels, slice_ids, window_ids, n_slices, 2, 0.5, 0.5)
    assert not pairs.log_loss.mean.any()
    assert not pairs.squared_error.m2.any()
    assert pairs.cells[:, :, 0, 1].sum() == pairs.cells[:, :, 1, 0].sum() == 0
