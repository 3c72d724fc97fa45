from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.class_rows as rows_module
import kernels.class_tally as module
import kernels.value_tally as value_module
from kernels.class_rows import class_rows
from kernels.class_tally import class_tally, paired_class_tally
from kernels.value_tally import empty, merge, value_tally
from tests.oracles import multiclass_oracle as oracle

MOMENTS = ("log_loss", "brier")


def check_moments(tally, expected, names):
    for name in names:
        got = getattr(tally, name)
        np.testing.assert_allclose(got.mean, expected[name][:, 0], rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(got.m2, expected[name][:, 1], rtol=1e-10, atol=1e-13)


def check(tally, expected):
    np.testing.assert_array_equal(tally.confusion, expected["confusion"])
    np.testing.assert_array_equal(tally.n_in_top_k, expected["n_in_top_k"])
    check_moments(tally, expected, MOMENTS)


def check_pair(tally, expected):
    np.testing.assert_array_equal(tally.right, expected["right"])
    np.testing.assert_array_equal(tally.in_top_k, expected["in_top_k"])
    check_moments(tally, expected, (*MOMENTS, "champion_log_loss", "champion_brier"))


@pytest.mark.parametrize("n_rows", [0, 1, 23, 400])
@pytest.mark.parametrize("n_windows", [1, 4])
@pytest.mark.parametrize(("n_classes", "n_score_values"), [(2, None), (3, 2), (7, 3)])
def test_equals_the_definition(n_rows, n_windows, n_classes, n_score_values):
    log = oracle.random_log(n_rows, n_rows, n_classes, n_windows=n_windows, n_score_values=n_score_values)
    check(class_tally(*log, n_windows, 2), oracle.single(*log, n_windows, 2))


@pytest.mark.parametrize("n_rows", [0, 1, 23, 400])
@pytest.mark.parametrize("n_windows", [1, 4])
def test_pairs_equal_the_definition(n_rows, n_windows):
    champion, *rest = oracle.random_log(n_rows, n_rows, 4, n_windows=n_windows, n_score_values=3)
    challenger = oracle.random_log(n_rows + 1, n_rows, 4)[0]
    check_pair(paired_class_tally(champion, challenger, *rest, n_windows, 2), oracle.paired(champion, challenger, *rest, n_windows, 2))


@pytest.mark.parametrize("n_threads", [1, 2, 3, 10])
def test_threads_blocks_and_pieces_give_the_same_bits(monkeypatch, n_threads):
    monkeypatch.setattr(value_module, "tally_chunk_rows", lambda n_cells: 7)
    monkeypatch.setattr(rows_module, "CPU_PIECE_ROWS", 4)
    monkeypatch.setattr(module, "BLOCK_ROWS", 30)
    log = oracle.random_log(3, 100, 4, n_windows=3)
    tally, one = class_tally(*log, 3, 2, n_threads=n_threads), class_tally(*log, 3, 2, n_threads=1)
    check(tally, oracle.single(*log, 3, 2))
    for name in MOMENTS:
        for x, y in zip(getattr(tally, name), getattr(one, name), strict=True):
            assert x.tobytes() == y.tobytes()
    challenger = oracle.random_log(4, 100, 4)[0]
    pair = paired_class_tally(log[0], challenger, *log[1:], 3, 1, n_threads=n_threads)
    check_pair(pair, oracle.paired(log[0], challenger, *log[1:], 3, 1))


def test_confusion_tables_that_are_too_large_for_every_thread_are_shared(monkeypatch):
    monkeypatch.setattr(module, "COPIES_BYTES", 1)
    log = oracle.random_log(5, 60, 3)
    check(class_tally(*log, 1, 1, n_threads=4), oracle.single(*log, 1, 1))


def test_of_equal_scores_the_first_class_is_predicted_and_ranks_first():
    scores = np.array([[0.25, 0.25, 0.25, 0.25]] * 4, np.float32)
    rows = class_rows(scores, np.arange(4, dtype=np.int32))
    assert rows.predicted.tolist() == [0, 0, 0, 0]
    assert rows.rank.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_a_row_with_an_invalid_score_is_in_nothing(bad, place):
    scores = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], np.float32)
    scores[0, place] = bad
    tally = class_tally(scores, np.array([0, 2], np.int32), np.zeros((2, 1), np.uint16), None, 1, 1, 1)
    assert tally.confusion.sum() == tally.confusion[0, 2, 2] == 1
    pair = paired_class_tally(scores, np.full_like(scores, 0.25), np.array([0, 2], np.int32), np.zeros((2, 1), np.uint16), None, 1, 1, 1)
    assert pair.right.sum() == 1


@pytest.mark.parametrize("label", [-1, 3, 1_000_000])
def test_a_label_that_is_no_class_is_in_nothing(label):
    tally = class_tally(np.full((1, 3), 1 / 3, np.float32), np.array([label], np.int32), np.zeros((1, 1), np.uint16), None, 1, 1, 1)
    assert tally.confusion.sum() == tally.n_in_top_k.sum() == 0


def test_certainty_of_the_wrong_class_costs_the_clip():
    rows = class_rows(np.array([[0.0, 1.0]], np.float32), np.array([0], np.int32))
    assert rows.log_loss[0] == pytest.approx(34.538776394910684)
    assert rows.brier[0] == 2.0


def test_a_model_against_itself_differs_nowhere():
    champion, *rest = oracle.random_log(8, 200, 5, n_windows=2)
    pair = paired_class_tally(champion, champion, *rest, 2, 3)
    assert not pair.log_loss.m2.any()
    assert not pair.brier.mean.any()
    assert pair.right[:, 0, 1].sum() == pair.in_top_k[:, 1, 0].sum() == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(0, 60), cut=st.integers(0, 60))
def test_any_split_into_batches_gives_the_same_values(seed, n_rows, cut):
    rng = np.random.default_rng(seed)
    values, categories = rng.normal(size=(n_rows, 3)), rng.integers(-1, 4, n_rows).astype(np.int32)
    ids, windows = rng.integers(0, 3, (n_rows, 1)).astype(np.int32), rng.integers(0, 2, n_rows).astype(np.int32)
    tally = empty(6, 4, 3)
    for part in (slice(0, min(cut, n_rows)), slice(min(cut, n_rows), n_rows)):
        tally = merge(tally, value_tally(values[part], categories[part], ids[part], windows[part], 3, 2, 4))
    for cell in range(6):
        inside = (ids[:, 0] == cell // 2) & (categories >= 0) & ((cell % 2 == 0) | (windows == cell % 2))
        np.testing.assert_array_equal(tally.counts[cell], np.bincount(categories[inside], minlength=4))
        for value, moments in enumerate(tally.moments):
            own = values[inside, value]
            np.testing.assert_allclose(moments.mean[cell], own.mean() if len(own) else 0.0, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(moments.m2[cell], own.var() * len(own) if len(own) else 0.0, rtol=1e-9, atol=1e-12)


def test_what_is_not_as_the_contract_says_is_refused():
    scores, labels, ids = np.full((2, 3), 1 / 3, np.float32), np.zeros(2, np.int32), np.zeros((2, 1), np.uint16)
    with pytest.raises(TypeError, match=r"scores has dtype float64; wanted float32"):
        class_tally(scores.astype(np.float64), labels, ids, None, 1, 1, 1)
    with pytest.raises(TypeError, match=r"labels has dtype int8; wanted int32"):
        class_rows(scores, labels.astype(np.int8))
    with pytest.raises(ValueError, match=r"slice_ids holds 0..1; wanted 0..0"):
        class_tally(scores, labels, np.array([[0], [1]], np.uint16), None, 1, 1, 1)
    with pytest.raises(ValueError, match=r"challenger_scores has shape \(2, 2\); wanted that of champion_scores, \(2, 3\)"):
        paired_class_tally(scores, scores[:, :2].copy(), labels, ids, None, 1, 1, 1)
    with pytest.raises(ValueError, match=r"categories reach 2; wanted below n_categories, 2"):
        value_tally(np.zeros((2, 1)), np.array([0, 2], np.int32), ids, None, 1, 1, 2)
