"""Array code under CuPy itself, against NumPy: scores of every task and form, orders, borders and pieces."""

from __future__ import annotations

import numpy as np
import pytest

from harness.inference.outputs import scores_of
from kernels import device_sort
from tests.array_api.test_array_api_cupy_names import LABELS, SCORES
from tests.array_api.test_array_api_outputs import CASES, ODD, plan

cupy = pytest.importorskip("cupy")
ULPS_RTOL = (
    1e-6  # of float32: exp is within 2 ulp on a card (CUDA Programming Guide, "Mathematical Functions"), and correct rounding is 0.5
)


def rows(n_rows, shape, dtype, seed=1):
    raw = np.random.default_rng(seed).normal(size=(n_rows, *shape[1:])) * 3
    raw.flat[: min(len(ODD), raw.size)] = ODD[: min(len(ODD), raw.size)]
    return raw.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("task", "transform", "shape"), CASES)
@pytest.mark.parametrize("n_rows", [0, 1, 10_000])
def test_scores_on_the_card_are_those_of_the_host(task, transform, shape, dtype, n_rows):
    raw = rows(n_rows, shape, dtype)
    with np.errstate(all="ignore"):
        expected = scores_of(raw, plan(task, transform))
    found = scores_of(cupy.asarray(raw), plan(task, transform))
    assert isinstance(found, cupy.ndarray)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found.get(), expected, rtol=ULPS_RTOL if transform != "none" else 0, atol=1e-37)


@pytest.mark.parametrize("n_rows", [0, 1, 12, 100_000])
def test_orders_borders_and_pieces_are_those_of_the_host(n_rows):
    rng = np.random.default_rng(n_rows)
    scores = np.concatenate([SCORES, rng.random(n_rows).astype(np.float32).round(3)])[:n_rows]
    labels = np.concatenate([LABELS, rng.integers(-1, 2, n_rows).astype(np.int8)])[:n_rows]
    ours, theirs = device_sort.order_of_scores(scores, labels), device_sort.order_of_scores(cupy.asarray(scores), cupy.asarray(labels))
    assert theirs.get().tobytes() == ours.tobytes()
    borders = device_sort.group_borders(ours, 1000)
    assert device_sort.group_borders(theirs, 1000) == borders
    pieces = device_sort.pieces_of_rows(theirs, borders, n_rows)
    assert pieces.get().tobytes() == device_sort.pieces_of_rows(ours, borders, n_rows).tobytes()


def test_spans_are_those_of_the_host():
    ids = np.array([[0, 3], [0, 5], [2, 4]], np.uint16)
    assert device_sort.column_spans(cupy.asarray(ids)).tolist() == [[0, 3], [3, 6]]
