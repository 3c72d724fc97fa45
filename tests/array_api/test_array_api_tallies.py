"""Array code of the tallies, with the same bits under NumPy, under array-api-strict, and under CuPy's names: rung 1 of the GPU path."""

from __future__ import annotations

import sys

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records.tally import Grid
from harness.tallies import class_auc, multiclass, regression, weighted
from harness.tallies.column_cells import cells_of_column
from harness.tallies.counted_rows import among, by_cluster, numbers_of
from harness.tallies.influence import influences_of
from kernels.array_library import library_of, on_host
from kernels.class_rows import ClassRows, class_rows
from tests.array_api.cupy_stand_in import CupyArray, CupyStandIn, on_card

StrictArray = type(strict.asarray([0.0]))
LIBRARIES = {"numpy": lambda array: array, "strict": strict.asarray, "cupy": on_card}
ROWS = np.array([0, 5, 2, 7, 7, 3, 11], np.intp)
SCORES = np.array([0.0, 1.0, 0.5, 0.25, 1e-20, 1 - 1e-7, 0.5, 0.3, 0.7, 0.9, 0.1, 0.4], np.float32)
OTHERS = np.array([0.2, 0.9, 0.5, 0.5, 0.5, 1.0, 0.0, 0.3, 0.8, 0.9, 0.1, 0.6], np.float32)
LABELS = np.array([0, 1, 1, 0, 1, 0, -1, 1, 0, 1, 0, 1], np.int8)
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0, 1.0, 1.0, 3.0, 0.25, 1.0, 0.0, 1.0, 1.0])
SLICES = np.array([3, 4, 3, 5, 3, 4, 5, 5, 3, 3, 4, 5], np.uint16)
WINDOWS = np.array([0, 1, 2, 1, 2, 0, 1, 2, 1, 2, 1, 1], np.int32)
CLUSTERS = np.array([9, 7, 9, 7, 8, 8, 1, 1, 9, 2, 2, 7])
GRID = Grid(tuple("abcdef"), tuple("abcdef"), ("all", "w1", "w2"))


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", CupyStandIn())
    monkeypatch.setattr("kernels.array_library.to_host", lambda array: array.get())  # asks a driver


def plain(array):
    """Return an array of any of the libraries as NumPy's own."""
    if type(array) is StrictArray:
        return np.asarray(array._array)
    return array.get() if isinstance(array, CupyArray) else np.asarray(array)


def same_everywhere(made, names=tuple(LIBRARIES)):
    """Return what `made(library)` gives, a sequence of arrays, having found the same bits in each library, and each in its own."""
    found = {name: list(made(LIBRARIES[name])) for name in names}
    kinds = {"numpy": np.ndarray, "strict": StrictArray, "cupy": CupyArray}
    for name, arrays in found.items():
        for array, expected in zip(arrays, found["numpy"], strict=True):
            assert type(array) is kinds[name]
            assert plain(array).dtype == expected.dtype
            assert plain(array).shape == expected.shape
            assert plain(array).tobytes() == expected.tobytes()
    return found["numpy"]


def test_components_of_one_variant():
    categories, values = same_everywhere(lambda to: weighted.components_of_one(to(SCORES), to(LABELS), 0.5)(ROWS))
    assert categories[:, 0].tolist() == [0, 1, 3, 2, 2, 0, 2]
    assert values.shape == (7, 3)


def test_components_of_a_pair():
    categories, values = same_everywhere(lambda to: weighted.components_of_pair((to(SCORES), to(OTHERS)), to(LABELS), (0.5, 0.3))(ROWS))
    assert categories[:, 0].tolist() == [0, 3, 7, 5, 5, 1, 5]
    assert values.shape == (7, 4)


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9), st.floats(0, 1))
def test_any_scores_at_any_threshold(scores, threshold):
    scores = np.array(scores, np.float32)
    labels = np.arange(len(scores)).astype(np.int8) % 2
    rows = np.arange(len(scores))
    categories, _ = same_everywhere(lambda to: weighted.components_of_one(to(scores), to(labels), threshold)(rows))
    np.testing.assert_array_equal(categories[:, 0] % 2, scores >= np.float32(threshold))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_rows_that_count(weights):
    def made(to):
        of = library_of(to(LABELS))
        own = None if weights is None else to(weights)
        yield weighted.counts(of.array, own)
        yield weighted._counted(of.array, own)
        yield multiclass._counted(to(LABELS.astype(np.int32)), to(WEIGHTS))

    counted, labels, _ = same_everywhere(made)
    assert counted.tolist() == ((LABELS >= 0) & ((weights is None) | (WEIGHTS > 0))).tolist()
    assert labels.tolist() == np.where(counted, LABELS, -1).tolist()


LABELS_OF_NUMBERS = np.array([1.0, 0.0, np.nan, -2.5, 1e-300, 1e200, 4.0, -0.0, 3.0, np.nan, 7.0, 2.0])


@pytest.mark.parametrize("n_models", [1, 2])
def test_components_of_numbers(n_models):
    rows = np.array([0, 1, 3, 4, 5, 7])
    predictions = [SCORES, OTHERS.astype(np.float64)][:n_models]

    def made(to):
        return regression.components_of([to(p) for p in predictions], to(LABELS_OF_NUMBERS), 1.25)(rows)

    categories, values = same_everywhere(made)
    assert categories.shape == (6, 0)
    assert values.shape == (6, {1: 8, 2: 12}[n_models])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", LIBRARIES)
def test_judged_rows_and_their_mean(name, weights):
    to = LIBRARIES[name]
    labels, weights = to(LABELS_OF_NUMBERS), None if weights is None else to(weights)
    rows = regression.judged_rows(labels, weights)
    assert type(rows) is np.ndarray
    assert rows.tolist() == regression.judged_rows(LABELS_OF_NUMBERS, None if weights is None else WEIGHTS).tolist()
    expected = np.average(LABELS_OF_NUMBERS[rows], weights=None if weights is None else WEIGHTS[rows])
    assert regression.mean_label(labels, weights, rows) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("name", ["numpy", "cupy"])  # the standard's argsort has no kind, and NumPy's no other way to be stable
def test_clusters_are_ordered_where_they_are(name):
    to = LIBRARIES[name]
    of = library_of(to(LABELS))
    rows = numbers_of(of, of.array >= 0)
    assert rows.tolist() == np.flatnonzero(LABELS >= 0).tolist()
    ordered = by_cluster(rows, to(CLUSTERS))
    assert type(ordered) is np.ndarray
    assert ordered.tolist() == rows[np.argsort(CLUSTERS[rows], kind="stable")].tolist()
    assert among(of, ordered, to(WINDOWS) > 0).tolist() == [row for row in ordered if WINDOWS[row] > 0]
    assert on_host(to(CLUSTERS)).tolist() == CLUSTERS.tolist()


def cells_in(to):
    xp = library_of(to(SLICES)).xp
    return list(cells_of_column(xp, to(SLICES), to(WINDOWS), GRID))


def test_cells_of_a_column():
    whole, named = same_everywhere(lambda to: [cells.ids for cells in cells_in(to)])
    assert whole.tolist() == (SLICES - 3).tolist()
    inside = WINDOWS > 0
    _, at = cells_in(LIBRARIES["numpy"])
    assert at.at[named[inside]].tolist() == (SLICES[inside].astype(int) * 3 + WINDOWS[inside]).tolist()


@pytest.mark.parametrize("kind", [0, 1])
def test_influences_on_an_auc(kind):
    rng = np.random.default_rng(1)
    placed = [rng.random((12, 2)) for _ in range(2)]

    def made(to):
        cells, of = cells_in(to)[kind], library_of(to(LABELS))
        n_own = len(cells.at)
        weights, centre = [np.arange(1.0, n_own + 1), np.arange(2.0, n_own + 2)], np.linspace(0, 1, 2 * n_own).reshape(-1, 2)
        return influences_of(of, placed, cells, of.array == 1, weights, centre)(ROWS)

    categories, values = same_everywhere(made)
    assert (categories.shape, values.shape) == ((7, 0), (7, 2))
    assert np.isfinite(values).all()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("kind", [0, 1])
def test_influences_on_the_mean_over_classes(kind, weights):
    rng = np.random.default_rng(2)
    influence, labels = rng.random((12, 2)), rng.integers(0, 3, 12).astype(np.int32)

    def made(to):
        cells, of = cells_in(to)[kind], library_of(to(labels))
        centre = np.linspace(0, 1, 3 * len(cells.at)).reshape(-1, 3)
        centre[0, 0] = np.nan  # of a class that a cell has not
        return class_auc.influences_of(of, to(influence), of.array, cells, None if weights is None else to(weights), centre)(ROWS)

    _, values = same_everywhere(made)
    assert values.shape == (7, 1)


@pytest.mark.parametrize("is_pair", [False, True])
def test_components_of_several_classes(monkeypatch, is_pair):
    scores = np.random.default_rng(3).dirichlet(np.ones(3), 12).astype(np.float32)
    labels = np.arange(12, dtype=np.int32) % 3

    def read_where_they_are(some, own, n_threads):
        to = {StrictArray: strict.asarray, CupyArray: on_card}.get(type(some), LIBRARIES["numpy"])
        return ClassRows(*(to(part) for part in class_rows(plain(some), plain(own), n_threads=n_threads)))

    monkeypatch.setattr(multiclass, "rows_where_scores_are", read_where_they_are)

    def made(to):
        if is_pair:
            return multiclass.components_of_pair((to(scores), to(scores[::-1].copy())), to(labels), 2)(ROWS)
        return multiclass.components_of_one(to(scores), to(labels), 3, 2)(ROWS)

    categories, values = same_everywhere(made)
    assert (categories.shape, values.shape) == ((7, 2), (7, 4)) if is_pair else ((7, 3), (7, 3))
    assert categories.max() >= 4
