from __future__ import annotations

import numpy as np
import pytest

from kernels.class_influence import add_influence
from kernels.score_order import score_order
from tests.oracles import multiclass_oracle as oracle


def log(seed, n_rows, n_windows, n_score_values):
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(seed, n_rows, 2, n_windows=n_windows, n_score_values=n_score_values)
    return scores[:, 1].copy(), labels.astype(np.int8), slice_ids, window_ids, n_slices


def call(scores, labels, slice_ids, window_ids, n_slices, n_windows, weights, scale, **more):
    """Return (influence, sums of placements, weight of positives by cell)."""
    n_cells = n_slices * n_windows
    members = oracle.rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)
    weight = np.ones(len(labels)) if weights is None else weights
    positive = np.array([sum(weight[row] for row in rows if labels[row] == 1) for rows in members], np.float64)
    influence = np.zeros((slice_ids.shape[1], len(labels), 2 if n_windows > 1 else 1))
    order = score_order(scores, labels, n_threads=1)
    placed = add_influence(influence, order, slice_ids, window_ids, weights, positive, scale, n_slices, n_windows, **more)
    assert placed.shape == (n_cells,)
    return influence, placed


@pytest.mark.parametrize("n_rows", [0, 1, 23, 150])
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_score_values", [None, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_definition(n_rows, n_windows, n_score_values, weighted):
    *rows, n_slices = log(n_rows, n_rows, n_windows, n_score_values)
    rng = np.random.default_rng(1)
    weights = rng.integers(1, 5, n_rows) / 4 if weighted else None
    scale = rng.random((n_slices * n_windows, 2))
    influence, placed = call(*rows, n_slices, n_windows, weights, scale)
    expected, sums = oracle.influences(*rows, n_slices, n_windows, weights, scale)
    np.testing.assert_allclose(influence, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(placed, sums)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 10])
def test_threads_give_the_same_bits(n_threads):
    *rows, n_slices = log(2, 200, 3, 4)
    weights, scale = np.random.default_rng(1).random(200), np.random.default_rng(2).random((n_slices * 3, 2))
    for got, one in zip(
        call(*rows, n_slices, 3, weights, scale, n_threads=n_threads), call(*rows, n_slices, 3, weights, scale, n_threads=1), strict=True
    ):
        assert got.tobytes() == one.tobytes()


def test_influences_are_added_to_those_that_are_there():
    *rows, n_slices = log(3, 30, 1, None)
    order, scale, influence = score_order(rows[0], rows[1], n_threads=1), np.ones((n_slices, 2)), np.full((3, 30, 1), 5.0)
    expected = oracle.influences(*rows, n_slices, 1, None, scale)[0]
    positive = np.zeros(n_slices)
    np.add.at(positive, rows[2][rows[1] == 1], 1.0)
    add_influence(influence, order, rows[2], None, None, positive, scale, n_slices, 1)
    np.testing.assert_allclose(influence, 5.0 + expected, rtol=1e-12)


def test_ids_outside_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"slice_ids holds 3..3; wanted 0..0"):
        add_influence(
            np.zeros((1, 1, 1)), np.zeros(1, np.uint32), np.full((1, 1), 3, np.uint16), None, None, np.ones(1), np.ones((1, 2)), 1, 1
        )
