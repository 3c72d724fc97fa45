"""Weighted placements against the definition: every pair of rows of every cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.placement as module
from kernels.placement import placements
from kernels.rank_sum import rank_sum
from kernels.score_order import score_order
from tests.oracles import tally_oracle, weighted_oracle


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of 4 rows, so that small logs cross many borders."""
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 4)


def log_with_weights(seed, n_rows, n_windows=1, whole=False, **more):
    log = tally_oracle.random_log(seed, n_rows, n_windows=n_windows, **more)
    rng = np.random.default_rng(seed + 1000)
    weights = rng.integers(1, 5, n_rows).astype(np.float64) if whole else rng.gamma(2.0, 1.0, n_rows)
    return log, weights


def expected(log, weights, n_windows, column):
    """Placements [n_rows, kinds] and per cell the weights of both classes and the positives' weighted sum."""
    scores, labels, slice_ids, window_ids, n_slices = log
    kinds = 2 if n_windows > 1 else 1
    placed, totals = np.zeros((len(scores), kinds)), np.zeros((3, n_slices * n_windows))
    own = slice_ids[:, column : column + 1]
    for cell, rows in enumerate(tally_oracle.rows_of_cells(labels, own, window_ids, n_slices, n_windows)):
        y, w = labels[rows], weights[rows]
        one = weighted_oracle.placements(scores[rows], y, w)
        placed[rows, int(cell % n_windows > 0)] = one
        totals[:, cell] = w[y == 1].sum(), w[y == 0].sum(), (w * one)[y == 1].sum()
    return placed, totals


CASES = [
    pytest.param({"n_rows": 0}, id="no rows"),
    pytest.param({"n_rows": 1, "share_skipped": 0}, id="one row"),
    pytest.param({"n_rows": 60}, id="no ties"),
    pytest.param({"n_rows": 60, "n_score_values": 5}, id="ties everywhere"),
    pytest.param({"n_rows": 60, "n_score_values": 1}, id="one score"),
    pytest.param({"n_rows": 23, "share_skipped": 1}, id="all skipped"),
    pytest.param({"n_rows": 60, "n_score_values": 30, "dtype": np.int32}, id="int32 ids"),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.usefixtures("small_pieces")
def test_placements_equal_the_definition(case, n_windows, n_threads):
    log, weights = log_with_weights(5, n_windows=n_windows, **case)
    order = score_order(log[0], log[1], n_threads=1)
    for column in range(3):
        found = placements(order, log[2], log[3], weights, log[4], n_windows, column, n_threads=n_threads)
        placed, totals = expected(log, weights, n_windows, column)
        np.testing.assert_allclose(found.placement, placed, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(np.stack(found[1:]), totals, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("small_pieces")
def test_without_weights_it_is_exact_and_half_of_the_rank_sums():
    log, _ = log_with_weights(6, 80, n_windows=3, n_score_values=20)
    order = score_order(log[0], log[1], n_threads=1)
    sums = rank_sum(order, log[2], log[3], log[4], 3)
    ones = np.ones(80)
    for column in range(3):
        found = placements(order, log[2], log[3], None, log[4], 3, column)
        own = np.unique(log[2][:, column])
        cells = (own[:, None] * 3 + np.arange(3)).ravel()
        np.testing.assert_array_equal(2 * found.placed_positive[cells], sums.sum_a[cells])
        np.testing.assert_array_equal(found.weight_negative[cells], sums.n_negative[cells])
        assert (np.delete(found.weight_positive, cells) == 0).all()
        np.testing.assert_array_equal(found.placement, expected(log, ones, 3, column)[0])


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(n_threads):
    log, weights = log_with_weights(7, 200, n_windows=2, n_score_values=90)
    order = score_order(log[0], log[1], n_threads=1)
    one = placements(order, log[2], log[3], weights, log[4], 2, 1, n_threads=1)
    other = placements(order, log[2], log[3], weights, log[4], 2, 1, n_threads=n_threads)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 40), n_score_values=st.integers(1, 40))
def test_a_row_of_weight_k_is_k_rows(seed, n_rows, n_score_values):
    log, weights = log_with_weights(seed, n_rows, n_windows=2, whole=True, n_score_values=n_score_values)
    copies = np.repeat(np.arange(n_rows), weights.astype(int))
    weighted = placements(score_order(log[0], log[1]), log[2], log[3], weights, log[4], 2, 1)
    repeated = placements(score_order(log[0][copies], log[1][copies]), log[2][copies], log[3][copies], None, log[4], 2, 1)
    np.testing.assert_array_equal(weighted.placement[copies], repeated.placement)
    np.testing.assert_array_equal(np.stack(weighted[1:]), np.stack(repeated[1:]))


def test_ids_outside_the_grid_are_refused():
    order = score_order(np.zeros(1, np.float32), np.ones(1, np.int8))
    with pytest.raises(ValueError, match=r"slice_ids holds 2\.\.2; wanted 0\.\.1"):
        placements(order, np.full((1, 1), 2, np.uint16), None, None, 2, 1, 0)
