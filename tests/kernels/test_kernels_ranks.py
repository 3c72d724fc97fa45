from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.rank_sum as module
from kernels.rank_cross import rank_cross
from kernels.rank_sum import rank_sum
from kernels.score_order import ROW_MASK, next_start, pieces_of_order, score_order
from tests.oracles import rank_oracle, tally_oracle


def wide(hi, lo):
    assert ((lo >= 0) & (lo < 2**32)).all()
    return [int(h) * 2**32 + int(w) for h, w in zip(hi, lo, strict=True)]


def as_tuples(sums):
    squares = zip(wide(sums.sum_a2_hi, sums.sum_a2_lo), wide(sums.sum_b2_hi, sums.sum_b2_lo), strict=True)
    counts = zip(sums.n_positive.tolist(), sums.n_negative.tolist(), sums.sum_a.tolist(), strict=True)
    return [(*count, *square) for count, square in zip(counts, squares, strict=True)]


def as_cross(cross):
    return list(zip(wide(cross.cross_a_hi, cross.cross_a_lo), wide(cross.cross_b_hi, cross.cross_b_lo), strict=True))


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of 4 rows, so that small logs cross many borders and big tie groups are giants."""
    monkeypatch.setattr(module, "MAX_PIECE_ROWS", 4)


LOGS = [
    pytest.param({"n_rows": 0}, id="no rows"),
    pytest.param({"n_rows": 1, "share_skipped": 0}, id="one row"),
    pytest.param({"n_rows": 80}, id="no ties"),
    pytest.param({"n_rows": 80, "n_score_values": 5}, id="ties everywhere"),
    pytest.param({"n_rows": 80, "n_score_values": 1}, id="one score"),
    pytest.param({"n_rows": 23, "share_skipped": 1}, id="all skipped"),
    pytest.param({"n_rows": 80, "n_score_values": 40, "dtype": np.int32}, id="int32 ids"),
]


@pytest.mark.parametrize("case", LOGS)
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.usefixtures("small_pieces")
def test_rank_sums_equal_the_definition(case, n_windows, n_threads):
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(5, n_windows=n_windows, **case)
    order = score_order(scores, labels, n_threads=n_threads)
    sums = rank_sum(order, slice_ids, window_ids, n_slices, n_windows, n_threads=n_threads)
    assert as_tuples(sums) == rank_oracle.rank_sums(scores, labels, slice_ids, window_ids, n_slices, n_windows)


@pytest.mark.parametrize("case", LOGS)
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("placement_bytes_per_row", [4, 16])
@pytest.mark.usefixtures("small_pieces")
def test_cross_sums_equal_the_definition(case, n_windows, placement_bytes_per_row):
    champion, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(6, n_windows=n_windows, **case)
    challenger = tally_oracle.random_log(7, **case)[0]
    orders = score_order(champion, labels), score_order(challenger, labels)
    cross = rank_cross(*orders, slice_ids, window_ids, n_slices, n_windows, placement_bytes_per_row=placement_bytes_per_row)
    grid = (labels, slice_ids, window_ids, n_slices, n_windows)
    assert as_cross(cross) == rank_oracle.cross_sums(champion, challenger, *grid)
    assert as_tuples(cross.champion) == rank_oracle.rank_sums(champion, *grid)
    assert as_tuples(cross.challenger) == rank_oracle.rank_sums(challenger, *grid)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 50), n_score_values=st.integers(1, 60))
def test_row_order_and_a_monotone_change_of_scores_are_free(seed, n_rows, n_score_values):
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(seed, n_rows, n_windows=2, n_score_values=n_score_values)
    rows = np.random.default_rng(seed).permutation(n_rows)
    plain = rank_sum(score_order(scores, labels), slice_ids, window_ids, n_slices, 2)
    logits = (scores[rows] * 64 - 32).astype(np.float32)  # exact, and negative for half of the scores
    moved = rank_sum(score_order(logits, labels[rows]), slice_ids[rows], window_ids[rows], n_slices, 2)
    assert as_tuples(moved) == as_tuples(plain)


def test_minus_zero_equals_zero_and_infinities_are_ends():
    scores = np.array([0.0, -0.0, np.inf, -np.inf, -1.5, 1e-45, -1e-45, np.nan], np.float32)
    order = score_order(scores, np.ones(8, np.int8), n_threads=3)
    assert [int(o) & ROW_MASK for o in order] == [3, 4, 6, 0, 1, 5, 2]
    assert [int(o) >> 31 for o in order] == [1, 1, 1, 1, 0, 1, 1]


@pytest.mark.parametrize("n_rows", [0, 1, 23, 3000])
@pytest.mark.parametrize("n_threads", [1, 2, 10])
def test_order_is_that_of_a_stable_sort(n_rows, n_threads):
    scores, labels, *_ = tally_oracle.random_log(9, n_rows, n_score_values=700)
    kept = np.flatnonzero(labels >= 0)
    order = score_order(scores, labels, n_threads=n_threads)
    np.testing.assert_array_equal(order & ROW_MASK, kept[np.argsort(scores[kept], kind="stable")])
    np.testing.assert_array_equal(order >> 30 & 1, labels[order & ROW_MASK])


def test_pieces_never_split_a_group():
    starts = np.array([1, 0, 1, 0, 0, 0, 0, 1, 1, 1], np.uint32)
    assert pieces_of_order(starts << 31, 3) == [0, 2, 7, 10]
    assert next_start(np.zeros(10_000, np.uint32), 0, 1, 10_000) == 10_000


def test_sums_beyond_64_bits_are_exact():
    n = 3_000_000  # one group of equal scores below half of the positives: sum of a^2 = 2**64.6
    scores = np.full(n, 0.25, np.float32)
    labels = np.zeros(n, np.int8)
    labels[: n // 3] = 1
    scores[: n // 6] = 0.75
    slice_ids = np.zeros((n, 1), np.uint16)
    order = score_order(scores, labels)
    positives, negatives, above = n // 3, n - n // 3, n // 6
    equal = positives - above
    sum_a2 = above * (2 * negatives) ** 2 + equal * negatives**2
    expected = (positives, negatives, above * 2 * negatives + equal * negatives, sum_a2, negatives * equal**2)
    assert sum_a2 > 2**63
    assert as_tuples(rank_sum(order, slice_ids, None, 1, 1)) == [expected]
    assert as_cross(rank_cross(order, order, slice_ids, None, 1, 1)) == [expected[3:]]


def test_orders_of_different_rows_are_refused():
    labels = np.ones(3, np.int8)
    whole = score_order(np.zeros(3, np.float32), labels)
    part = score_order(np.array([0, 0, np.nan], np.float32), labels)
    with pytest.raises(ValueError, match="wanted the same rows"):
        rank_cross(whole, part, np.zeros((3, 1), np.uint16), None, 1, 1)


def test_ids_outside_the_grid_are_refused():
    order = score_order(np.zeros(1, np.float32), np.ones(1, np.int8))
    with pytest.raises(ValueError, match=r"slice_ids holds 2\.\.2; wanted 0\.\.1"):
        rank_sum(order, np.full((1, 1), 2, np.uint16), None, 2, 1)
