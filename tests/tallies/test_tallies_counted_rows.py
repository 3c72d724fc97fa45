"""Which rows count and in which order kernels get them, and the cells of a slice column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels.cluster_tally as kernel
from harness.records.tally import Grid
from harness.tallies.binary import tally_binary
from harness.tallies.column_cells import cells_of_column, n_kinds
from harness.tallies.counted_rows import among, by_cluster, numbers_of
from harness.tallies.multiclass import tally_multiclass
from harness.tallies.paired import tally_paired
from harness.tallies.regression import tally_regression
from harness.tallies.stored import to_columns
from harness.tallies.weighted import binary_totals
from kernels.array_library import library_of
from kernels.score_order import score_order
from tests.oracles import tally_oracle

OF = library_of(np.zeros(1))


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.booleans()), max_size=20))
def test_rows_are_those_of_the_definition(rows):
    counted, clusters, more = (np.array([row[k] for row in rows], kind) for k, kind in enumerate((bool, np.int64, bool)))
    found = numbers_of(OF, counted)
    assert found.dtype == np.intp
    assert found.tolist() == [i for i, one in enumerate(counted) if one]
    ordered = by_cluster(found, clusters)
    assert ordered.tolist() == sorted(found.tolist(), key=lambda row: clusters[row])  # stable, as sorted is
    assert among(OF, ordered, more).tolist() == [row for row in ordered if more[row]]
    assert by_cluster(found, None) is found


@given(st.lists(st.tuples(st.integers(4, 7), st.integers(0, 2)), min_size=1, max_size=20), st.sampled_from([np.uint16, np.int32]))
def test_cells_are_those_of_the_grid(rows, kind):
    slices, windows = np.array([a for a, _ in rows], kind), np.array([b for _, b in rows], np.int32)
    grid = Grid(tuple("abcdefgh"), tuple("abcdefgh"), ("all", "w1", "w2"))
    whole, named = cells_of_column(np, slices, windows, grid)
    assert (whole.kind, named.kind, n_kinds(windows, grid)) == (0, 1, 2)
    assert whole.at[whole.ids].tolist() == [int(s) * 3 for s in slices]
    inside = windows > 0
    assert named.at[named.ids[inside]].tolist() == [int(s) * 3 + int(w) for s, w in zip(slices[inside], windows[inside], strict=True)]
    assert named.ids.min() >= 0  # of a row in no window it means nothing, but is a cell
    assert named.ids.max() < len(named.at)


def test_one_window_has_one_kind_of_cells():
    grid = Grid(("a", "b"), ("a", "b"), ("all",))
    (only,) = cells_of_column(np, np.array([1, 0], np.uint16), None, grid)
    assert (only.at.tolist(), only.ids.tolist(), n_kinds(None, grid)) == ([0, 1], [1, 0], 1)


def log(n_rows=40):
    scores, labels, slice_ids, _, n_slices = tally_oracle.random_log(3, n_rows)
    names = tuple(map(str, range(n_slices)))
    return scores, labels, slice_ids, None, Grid(names, names, ("all",))


def test_kernels_get_clusters_in_order_and_sort_nothing(monkeypatch):
    """On a card the clusters are there: what the host would sort again would have to come back."""
    scores, labels, *cells = log()
    clusters = np.random.default_rng(1).integers(0, 9, len(scores)) * 5
    monkeypatch.setattr(kernel.np, "argsort", lambda *_, **__: pytest.fail("sorted again"))
    order = lambda rows, ids: np.array(sorted(rows, key=lambda row: ids[row]), np.intp)  # noqa: E731
    for module in ("weighted", "regression", "multiclass"):
        monkeypatch.setattr(f"harness.tallies.{module}.by_cluster", order)
    both = np.stack([1 - scores, scores], axis=1)
    found = (
        binary_totals(scores, labels, *cells, 0.5, None, clusters).n_clusters,
        tally_regression(scores, np.where(labels < 0, np.nan, labels), *cells, None, clusters).totals.n_clusters,
        tally_multiclass(both, labels.astype(np.int32), *cells, 2, 1, None, clusters).totals.n_clusters,
    )
    assert [n[0] for n in found] == [len(np.unique(clusters[labels >= 0]))] * 3


def test_an_order_that_is_given_is_taken(monkeypatch):
    scores, labels, *cells = log()
    order = score_order(scores, labels)
    alone, pair = tally_binary(scores, labels, *cells, 0.5), tally_paired(scores, scores[::-1].copy(), labels, *cells, 0.5, 0.5)
    other = score_order(scores[::-1].copy(), labels)
    monkeypatch.setattr("harness.tallies.binary.score_order", lambda *_, **__: pytest.fail("ordered again"))
    made = []
    monkeypatch.setattr("harness.tallies.paired.score_order", lambda *args, **more: made.append(args[0]) or score_order(*args, **more))
    assert_same_columns(tally_binary(scores, labels, *cells, 0.5, order=order), alone)
    assert_same_columns(tally_paired(scores, scores[::-1].copy(), labels, *cells, 0.5, 0.5, challenger_order=other), pair)
    assert len(made) == 1
    assert made[0] is scores  # the champion's


def assert_same_columns(found, expected):
    found, expected = to_columns(found), to_columns(expected)
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
