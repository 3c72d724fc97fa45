"""Totals and their second moments over clusters against exact fractions, and what must not change them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.cluster_tally as module
from kernels.cluster_tally import cluster_tally, cuts_between_clusters
from tests.oracles import cluster_oracle as oracle

PARTS = ("n_clusters", "total", "cross")


def of(categories, values):
    return lambda rows: (categories[rows], values[rows])


def tally(log, n_windows=1, n_categories=3, **more):
    categories, values, rows, weights, cluster_ids, slice_ids, window_ids, n_slices = log
    design = (weights, cluster_ids, slice_ids, window_ids)
    return cluster_tally(of(categories, values), rows, *design, n_slices, n_windows, n_categories, values.shape[1], **more)


def check(found, log, n_windows=1, n_categories=3):
    expected = oracle.cluster_totals(*log, n_windows, n_categories)
    np.testing.assert_array_equal(found.n_clusters, expected[0])
    np.testing.assert_allclose(found.total, expected[1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.cross, expected[2], rtol=1e-12, atol=1e-12)


def same_bits(a, b):
    assert [getattr(a, name).tobytes() for name in PARTS] == [getattr(b, name).tobytes() for name in PARTS]


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 7)
    monkeypatch.setattr(module, "BLOCK_ROWS", 3)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("n_rows", [0, 1, 23, 120])
@pytest.mark.parametrize("n_windows", [1, 4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_clusters", [None, 1, 12])
def test_equals_the_definition(n_rows, n_windows, weighted, n_clusters):
    log = oracle.random_rows(n_rows, n_rows, n_windows=n_windows, weighted=weighted, n_clusters=n_clusters)
    check(tally(log, n_windows), log, n_windows)


@pytest.mark.parametrize("n_clusters", [None, 40])
@pytest.mark.parametrize(("n_categories", "n_slots", "n_values"), [(0, 0, 4), (5, 1, 0), (1, 3, 2), (0, 0, 0)])
def test_any_number_of_categories_and_values(n_clusters, n_categories, n_slots, n_values):
    shape = {"n_categories": n_categories, "n_slots": n_slots, "n_values": n_values}
    log = oracle.random_rows(5, 60, **shape, n_windows=2, weighted=True, n_clusters=n_clusters)
    check(tally(log, 2, n_categories), log, 2, n_categories)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("n_clusters", [None, 9])
@pytest.mark.parametrize("n_threads", [2, 3, 10])
def test_threads_change_no_bit(n_clusters, n_threads):
    log = oracle.random_rows(3, 200, n_windows=3, weighted=True, n_clusters=n_clusters)
    same_bits(tally(log, 3, n_threads=n_threads), tally(log, 3, n_threads=1))


def test_tables_that_are_too_large_for_all_threads_change_no_bit(monkeypatch, small_pieces):
    log = oracle.random_rows(3, 100, n_clusters=30)
    plenty = tally(log, n_threads=3)
    monkeypatch.setattr(module, "TABLES_BYTES", 1)
    same_bits(tally(log, n_threads=3), plenty)


@pytest.mark.parametrize("n_clusters", [None, 15])
def test_cross_is_exactly_symmetric(n_clusters):
    found = tally(oracle.random_rows(8, 200, weighted=True, n_clusters=n_clusters))
    np.testing.assert_array_equal(found.cross, found.cross.swapaxes(1, 2))


def test_a_cluster_of_several_windows_is_one_in_all_windows():
    ids, windows = np.zeros((3, 1), np.uint16), np.array([1, 2, 0], np.int32)
    values = np.array([[1.0], [2.0], [4.0]])
    found = cluster_tally(of(np.zeros((3, 0), np.int32), values), np.arange(3), None, np.array([5, 5, 5]), ids, windows, 1, 3, 0, 1)
    assert found.n_clusters.tolist() == [1, 1, 1]
    assert found.cross[:, 0, 0].tolist() == [49.0, 1.0, 4.0]


def test_rows_as_clusters_of_their_own_are_rows_without_clusters():
    log = oracle.random_rows(4, 150, n_windows=3, weighted=True)
    plain, named = tally(log, 3), tally((*log[:4], np.random.default_rng(0).permutation(150), *log[5:]), 3)
    np.testing.assert_array_equal(plain.n_clusters, named.n_clusters)
    np.testing.assert_allclose(plain.cross, named.cross, rtol=1e-12, atol=1e-12)


def test_a_row_of_weight_two_has_twice_the_total_and_weight_zero_is_no_row():
    categories, values, rows, _, _, slice_ids, _, n_slices = oracle.random_rows(6, 40)
    one, two = (cluster_tally(of(categories, values), rows, w, None, slice_ids, None, n_slices, 1, 3, 3) for w in (None, np.full(40, 2.0)))
    np.testing.assert_allclose(two.total, 2 * one.total, rtol=1e-14)
    np.testing.assert_allclose(two.cross, 4 * one.cross, rtol=1e-14)
    weights = np.ones(40)
    weights[rows[::2]] = 0.0
    kept = cluster_tally(of(categories, values), rows[1::2], None, None, slice_ids, None, n_slices, 1, 3, 3)
    same_bits(cluster_tally(of(categories, values), rows, weights, None, slice_ids, None, n_slices, 1, 3, 3), kept)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 60), n_clusters=st.sampled_from([None, 2, 20]))
def test_row_order_and_names_of_clusters_are_free(seed, n_rows, n_clusters):
    categories, values, rows, weights, clusters, slice_ids, windows, n_slices = oracle.random_rows(
        seed, n_rows, n_windows=3, weighted=True, n_clusters=n_clusters
    )
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_rows)
    back = np.argsort(order)
    renamed = None if clusters is None else -3 * clusters[order] + 1
    moved = (
        categories[order],
        values[order],
        back[rng.permutation(rows)],
        weights[order],
        renamed,
        slice_ids[order],
        windows[order],
        n_slices,
    )
    plain, other = tally((categories, values, rows, weights, clusters, slice_ids, windows, n_slices), 3), tally(moved, 3)
    np.testing.assert_array_equal(plain.n_clusters, other.n_clusters)
    np.testing.assert_allclose(plain.total, other.total, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plain.cross, other.cross, rtol=1e-12, atol=1e-12)


def test_components_are_asked_for_in_pieces(monkeypatch):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 8)
    monkeypatch.setattr(module, "BLOCK_ROWS", 5)
    clusters, asked = np.repeat(np.arange(5), [3, 6, 1, 10, 2]), []

    def components_of(rows):
        asked.append(len(rows))
        return np.zeros((len(rows), 0), np.int32), np.ones((len(rows), 1))

    shape = (np.zeros((22, 1), np.uint16), None, 1, 1, 0, 1)
    cluster_tally(components_of, np.arange(22), None, clusters, *shape, n_threads=1)
    assert asked == [9, 11, 2]
    asked.clear()
    cluster_tally(components_of, np.arange(22), None, None, *shape, n_threads=1)
    assert asked == [5, 3, 5, 3, 5, 1]


@pytest.mark.parametrize("rows_per_piece", [1, 2, 3, 100])
def test_no_cut_is_inside_a_cluster(rows_per_piece):
    clusters = np.sort(np.random.default_rng(1).integers(0, 12, 60))
    cuts = cuts_between_clusters(clusters, rows_per_piece)
    assert (cuts[0], cuts[-1]) == (0, 60)
    assert all(clusters[cut - 1] != clusters[cut] for cut in cuts[1:-1])
    assert all(b - a >= rows_per_piece for a, b in itertools.pairwise(cuts[:-1]))
    assert cuts_between_clusters(clusters[:0], 3) == [0]


@pytest.mark.parametrize("n_clusters", [None, 3])
def test_a_value_that_is_no_number_stays_in_its_cells(n_clusters):
    log = list(oracle.random_rows(2, 40, n_clusters=n_clusters))
    row = log[2][0]
    log[1][row, 1] = np.nan
    found = tally(tuple(log))
    touched = np.zeros(9, bool)
    touched[log[5][row]] = True
    np.testing.assert_array_equal(np.isnan(found.total[:, 4]), touched)
    assert np.isfinite(found.total[:, :4]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": np.array([0, 4])}, r"rows holds 0..4; wanted 0..3"),
        ({"weights": np.array([1.0, 1.0, -1.0, 1.0])}, r"weights holds -1.0..1.0; wanted numbers from 0 up"),
        ({"weights": np.array([1.0, np.nan, 1.0, 1.0])}, r"weights holds nan..nan"),
        ({"weights": np.ones(3)}, r"weights is float64 \(3,\); wanted float64 \(4,\)"),
        ({"cluster_ids": np.zeros(3, np.int64)}, r"cluster_ids has shape \(3,\); wanted \(4,\)"),
        ({"slice_ids": np.full((4, 1), 2, np.uint16)}, r"slice_ids holds 2..2; wanted 0..1"),
        ({"n_categories": 1}, r"gave category 1; wanted below n_categories, 1"),
        ({"n_values": 2}, r"gave categories int32 \(4, 1\) and values float64 \(4, 1\); wanted int32 \(4, any\) and float64 \(4, 2\)"),
    ],
)
def test_wrong_arrays_are_refused_before_the_loop(change, message):
    components_of = of(np.ones((4, 1), np.int32), np.zeros((4, 1)))
    plain = {
        "rows": np.arange(4), "weights": None, "cluster_ids": None, "slice_ids": np.zeros((4, 1), np.uint16), "window_ids": None,
        "n_slices": 2, "n_windows": 1, "n_categories": 2, "n_values": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        cluster_tally(components_of, **(plain | change))
