"""Weighted and clustered totals and AUC: against definitions, Obuchowski's formulas, DeLong's, and what weights and clusters must mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from harness.errors import ScoreError
from harness.records.tally import Grid
from harness.tallies.weighted import binary_totals, paired_totals, paired_weighted_auc, weighted_auc
from tests.oracles import metric_oracle, paired_oracle, tally_oracle, weighted_oracle

ONE = Grid(("all",), ("all",), ("all",))


def grid_of(n_slices, n_windows):
    names = ("all", *(str(i) for i in range(1, n_slices)))
    return Grid(names, names, ("all", *(f"w{i}" for i in range(1, n_windows))))


def log(seed, n_rows, n_windows=1, n_clusters=9, whole=False, **more):
    """(scores, labels, slice_ids, window_ids, grid), weights with zeros among them, clusters."""
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(seed, n_rows, n_windows=n_windows, **more)
    rng = np.random.default_rng(seed + 500)
    weights = rng.integers(0, 4, n_rows).astype(np.float64) if whole else rng.gamma(2.0, 1.0, n_rows) * (rng.random(n_rows) > 0.1)
    return (scores, labels, slice_ids, window_ids, grid_of(n_slices, n_windows)), weights, rng.integers(0, n_clusters, n_rows) * 10


def cells_of(rows, weights):
    _, labels, slice_ids, window_ids, grid = rows
    counted = np.where(weights > 0, labels, -1)
    return [np.array(r, int) for r in tally_oracle.rows_of_cells(counted, slice_ids, window_ids, grid.n_slices, grid.n_windows)]


def binary_components(scores, labels, threshold):
    cells = np.zeros((len(scores), 4))
    cells[np.arange(len(scores)), 2 * (labels == 1) + (scores >= np.float32(threshold))] = 1
    values = [(tally_oracle.log_loss(s, y), tally_oracle.squared_error(s, y), float(s)) for s, y in zip(scores, labels, strict=True)]
    return np.hstack([cells, np.array(values).reshape(-1, 3)])


def paired_components(old, new, labels, thresholds):
    cells = np.zeros((len(old), 8))
    decided = [s >= np.float32(t) for s, t in zip((old, new), thresholds, strict=True)]
    cells[np.arange(len(old)), 4 * (labels == 1) + 2 * decided[0] + decided[1]] = 1
    values = []
    for a, b, y in zip(old, new, labels, strict=True):
        pair = [(loss(a, y), loss(b, y) - loss(a, y)) for loss in (tally_oracle.log_loss, tally_oracle.squared_error)]
        values.append([*pair[0], *pair[1]])
    return np.hstack([cells, np.array(values).reshape(-1, 4)])


def assert_totals(found, components, rows, weights, clusters):
    for cell, inside in enumerate(cells_of(rows, weights)):
        n, total, cross = weighted_oracle.cluster_totals(components[inside], weights[inside], clusters[inside])
        assert found.n_clusters[cell] == n
        np.testing.assert_allclose(found.total[cell], total, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.cross[cell], cross, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_rows", [0, 1, 23, 150])
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("design", ["both", "weights", "clusters"])
def test_totals_equal_the_definition(n_rows, n_windows, design):
    rows, weights, clusters = log(n_rows, n_rows, n_windows)
    new = log(77, n_rows)[0][0]
    given_weights = weights if design != "clusters" else None
    given_clusters = clusters if design != "weights" else None
    weights = weights if design != "clusters" else np.ones(n_rows)
    clusters = clusters if design != "weights" else np.arange(n_rows)
    found = binary_totals(*rows, 0.5, given_weights, given_clusters)
    assert_totals(found, binary_components(rows[0], rows[1], 0.5), rows, weights, clusters)
    pair = paired_totals(rows[0], new, *rows[1:], 0.4, 0.6, given_weights, given_clusters)
    assert_totals(pair, paired_components(rows[0], new, rows[1], (0.4, 0.6)), rows, weights, clusters)


@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_score_values", [None, 7])
def test_auc_and_its_variance_equal_the_definition(n_windows, n_score_values):
    rows, weights, clusters = log(3, 160, n_windows, n_score_values=n_score_values)
    new = log(4, 160, n_score_values=n_score_values)[0][0]
    found = weighted_auc(*rows, weights, clusters)
    champion, difference = paired_weighted_auc(rows[0], new, *rows[1:], weights, clusters)
    n_defined = 0
    for cell, inside in enumerate(cells_of(rows, weights)):
        y, w, c = rows[1][inside], weights[inside], clusters[inside]
        if len(np.unique(y)) < 2:
            assert np.isnan(found.value[cell])
            continue
        old, fresh = rows[0][inside], new[inside]
        aucs = [weighted_oracle.auc(s, y, w) for s in (old, fresh)]
        np.testing.assert_allclose(found.value[cell], aucs[0], rtol=1e-10)
        np.testing.assert_allclose(roc_auc_score(y, old, sample_weight=w), aucs[0], rtol=1e-10)
        np.testing.assert_allclose(difference.value[cell], aucs[1] - aucs[0], rtol=1e-9, atol=1e-14)
        counts = [len(np.unique(c[y == label])) for label in (0, 1)]
        assert found.n_clusters[cell] == difference.n_clusters[cell] == min(counts)
        if min(counts) < 2:
            assert np.isnan(found.variance[cell])
            continue
        n_defined += 1
        one, two = (weighted_oracle.influences(s, y, w) for s in (old, fresh))
        np.testing.assert_allclose(found.variance[cell], weighted_oracle.obuchowski(one, y, c), rtol=1e-9)
        np.testing.assert_allclose(champion.variance[cell], found.variance[cell], rtol=1e-9)
        np.testing.assert_allclose(difference.variance[cell], weighted_oracle.obuchowski(two - one, y, c), rtol=1e-9)
    assert n_defined >= 8


def one_cell(n, seed=1, share=0.4):
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < share).astype(np.int8)
    shared = rng.normal(labels, 1.0)
    old, new = (np.round(1 / (1 + np.exp(-shared - rng.normal(0, s, n))), 2).astype(np.float32) for s in (0.7, 0.5))
    return old, new, labels, np.zeros((n, 1), np.uint16)


def test_without_weights_or_clusters_it_is_delongs():
    old, new, labels, ids = one_cell(200)
    auc, variance = metric_oracle.delong_by_pairs(old, labels)
    found = weighted_auc(old, labels, ids, None, ONE, np.ones(200), None)
    np.testing.assert_allclose([found.value[0], found.variance[0]], [auc, variance], rtol=1e-10)
    gap, gap_variance, _ = paired_oracle.paired_delong_by_pairs(old, new, labels)
    _, difference = paired_weighted_auc(old, new, labels, ids, None, ONE, None, np.arange(200))
    np.testing.assert_allclose([difference.value[0], difference.variance[0]], [gap, gap_variance], rtol=1e-10)


def test_with_clusters_it_is_obuchowskis():
    old, _, labels, ids = one_cell(200, seed=2)
    clusters = np.random.default_rng(3).integers(0, 40, 200)
    found = weighted_auc(old, labels, ids, None, ONE, None, clusters)
    np.testing.assert_allclose([found.value[0], found.variance[0]], weighted_oracle.obuchowski_1997(old, labels, clusters), rtol=1e-10)


def everything(rows, new, weights, clusters):
    """All that the module leaves, flat."""
    pair = rows[0], new, *rows[1:]
    totals = binary_totals(*rows, 0.5, weights, clusters), paired_totals(*pair, 0.5, 0.4, weights, clusters)
    aucs = weighted_auc(*rows, weights, clusters), *paired_weighted_auc(*pair, weights, clusters)
    return [np.ravel(array) for record in (*totals, *aucs) for array in vars(record).values()]


def assert_alike(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(2, 50))
def test_weight_k_is_the_row_k_times_in_its_cluster(seed, n_rows):
    rows, weights, clusters = log(seed, n_rows, 2, whole=True, n_score_values=9)
    new = log(seed + 1, n_rows)[0][0]
    copies = np.repeat(np.arange(n_rows), weights.astype(int))  # weight 0 is no row
    repeated = tuple(a[copies] for a in rows[:4]), rows[4]
    assert_alike(everything(rows, new, weights, clusters), everything((*repeated[0], rows[4]), new[copies], None, clusters[copies]))


def test_rows_without_a_label_or_weight_are_in_nothing():
    rows, weights, clusters = log(8, 60, 2)
    new = log(9, 60)[0][0]
    kept = (weights > 0) & (rows[1] >= 0)
    assert 20 < kept.sum() < 60
    left = (*(a[kept] for a in rows[:4]), rows[4])
    assert_alike(everything(rows, new, weights, clusters), everything(left, new[kept], weights[kept], clusters[kept]))


def test_identical_copies_in_a_cluster_change_no_value_and_no_variance():
    old, new, labels, ids = one_cell(150)
    copies = np.repeat(np.arange(150), 3)
    plain = paired_weighted_auc(old, new, labels, ids, None, ONE, None, np.arange(150))
    tripled = paired_weighted_auc(old[copies], new[copies], labels[copies], ids[copies], None, ONE, None, copies)
    for one, other in zip(plain, tripled, strict=True):
        np.testing.assert_allclose([one.value[0], one.variance[0]], [other.value[0], other.variance[0]], rtol=1e-9)
    alone = weighted_auc(old[copies], labels[copies], ids[copies], None, ONE, None, np.arange(450))
    assert alone.variance[0] < 0.4 * tripled[0].variance[0]  # copies taken for rows of their own look like three times the evidence


def test_the_scale_of_weights_and_the_names_of_clusters_are_free():
    rows, weights, clusters = log(10, 100, 2)
    one, other = (weighted_auc(*rows, w, c) for w, c in ((weights, clusters), (weights * 8, 1000 - clusters)))
    np.testing.assert_allclose(one.value, other.value, rtol=1e-12)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-9)


def test_identical_models_differ_by_nothing():
    old, _, labels, ids = one_cell(100)
    weights = np.random.default_rng(1).gamma(2, 1, 100)
    _, difference = paired_weighted_auc(old, old, labels, ids, None, ONE, weights, None)
    assert (difference.value[0], difference.variance[0]) == (0, 0)


def test_rounding_is_not_taken_for_a_variance():
    labels = np.repeat(np.array([0, 1], np.int8), 30)
    weights = np.random.default_rng(5).gamma(2, 1, 60)
    ids = np.zeros((60, 1), np.uint16)
    tied = weighted_auc(np.full(60, 0.5, np.float32), labels, ids, None, ONE, weights, None)
    assert (tied.value[0].round(12), tied.variance[0]) == (0.5, 0)
    perfect = weighted_auc(labels.astype(np.float32), labels, ids, None, ONE, weights, None)
    assert (perfect.value[0].round(12), perfect.variance[0]) == (1.0, 0)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(n_threads):
    rows, weights, clusters = log(12, 200, 2)
    one, other = (weighted_auc(*rows, weights, clusters, n_threads=n) for n in (1, n_threads))
    for a, b in zip(vars(one).values(), vars(other).values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_invalid_scores_are_refused():
    rows, weights, clusters = log(2, 50)
    bad = rows[0].copy()
    bad[:2] = 1.5
    for call in (
        lambda: binary_totals(bad, *rows[1:], 0.5, weights, clusters),
        lambda: weighted_auc(bad, *rows[1:], weights, clusters),
        lambda: paired_totals(rows[0], bad, *rows[1:], 0.5, 0.5, weights, clusters),
        lambda: paired_weighted_auc(rows[0], bad, *rows[1:], weights, clusters),
    ):
        with pytest.raises(ScoreError, match=r"0 scores are NaN and 2 lie outside \[0, 1\]"):
            call()
