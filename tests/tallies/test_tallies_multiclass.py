from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import harness.tallies.class_auc as auc_module
import harness.tallies.multiclass as module
from harness.errors import ConfigError, ScoreError
from harness.records.tally import Grid
from harness.records.task_tally import MulticlassTally, PairedMulticlassTally
from harness.tallies.multiclass import tally_multiclass, tally_paired_multiclass
from harness.tallies.stored import from_columns, to_columns
from tests.oracles import multiclass_oracle as oracle
from tests.oracles.metric_oracle import delong_by_pairs

K, TOP_K = 4, 2


def log(seed, n_rows, n_windows=1, n_score_values=None, n_classes=K):
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(
        seed, n_rows, n_classes, n_windows=n_windows, n_score_values=n_score_values
    )
    names = ("all", *(str(i) for i in range(1, n_slices)))
    return scores, labels, slice_ids, window_ids, Grid(names, names, ("all", *(f"w{i}" for i in range(1, n_windows))))


def design(seed, n_rows):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, n_rows).astype(np.float64) / 2, rng.integers(0, max(n_rows // 3, 1), n_rows)


def cells_of(labels, slice_ids, window_ids, grid):
    return oracle.rows_of_cells(labels, slice_ids, window_ids, grid.n_slices, grid.n_windows)


@pytest.mark.parametrize("n_rows", [0, 1, 23, 300])
@pytest.mark.parametrize("n_windows", [1, 3])
def test_equals_the_definition(n_rows, n_windows):
    *rows, grid = log(n_rows, n_rows, n_windows)
    tally = tally_multiclass(*rows, grid, K, TOP_K)
    expected = oracle.single(*rows, grid.n_slices, n_windows, TOP_K)
    np.testing.assert_array_equal(tally.confusion, expected["confusion"])
    np.testing.assert_array_equal(tally.n_in_top_k, expected["n_in_top_k"])
    assert tally.top_k.tolist() == [TOP_K] * grid.n_cells
    for name in ("log_loss", "brier"):
        moments = getattr(tally, name)
        np.testing.assert_allclose(np.stack([moments.mean, moments.m2], 1), expected[name], rtol=1e-10, atol=1e-13)
    assert tally.totals is tally.auc_by_class is tally.auc_macro is None


@pytest.mark.parametrize("n_windows", [1, 3])
def test_pairs_equal_the_definition_and_their_margins_the_single_tallies(n_windows):
    champion, *rows, grid = log(4, 200, n_windows)
    challenger = log(5, 200)[0]
    pair = tally_paired_multiclass(champion, challenger, *rows, grid, K, TOP_K)
    expected = oracle.paired(champion, challenger, *rows, grid.n_slices, n_windows, TOP_K)
    for name in ("right", "in_top_k"):
        np.testing.assert_array_equal(getattr(pair, name), expected[name])
    for name in ("champion_log_loss", "champion_brier", "log_loss", "brier"):
        moments = getattr(pair, name)
        np.testing.assert_allclose(np.stack([moments.mean, moments.m2], 1), expected[name], rtol=1e-10, atol=1e-13)
    assert pair.n_classes.tolist() == [K] * grid.n_cells
    single = tally_multiclass(challenger, *rows, grid, K, TOP_K)
    np.testing.assert_array_equal(pair.right[:, :, 1].sum(axis=1), np.trace(single.confusion, axis1=1, axis2=2))
    np.testing.assert_array_equal(pair.in_top_k[:, :, 1].sum(axis=1), single.n_in_top_k)


@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_score_values", [None, 2])
def test_auc_and_its_variance_equal_their_definition_by_all_pairs(monkeypatch, n_windows, n_score_values):
    monkeypatch.setattr(auc_module, "INFLUENCE_BYTES", 1)
    *rows, grid = log(6, 120, n_windows, n_score_values)
    scores, labels = rows[:2]
    tally = tally_multiclass(*rows, grid, K, TOP_K, with_auc=True)
    n_defined = 0
    for cell, members in enumerate(cells_of(*rows[1:], grid)):
        found = [oracle.auc_of_class(scores, labels, members, one) for one in range(K)]
        np.testing.assert_allclose(tally.auc_by_class[cell], [auc for auc, _ in found], rtol=1e-12)
        np.testing.assert_allclose(tally.auc_macro.value[cell], np.mean([auc for auc, _ in found]), rtol=1e-12)
        sizes = [sum(labels[row] == one for row in members) for one in range(K)]
        if math.isnan(tally.auc_macro.value[cell]) or min(sizes) < 2:
            assert not np.isfinite(tally.auc_macro.variance[cell])
            continue
        n_defined += 1
        influence = 0.0
        for row in members:
            own = [sizes[k] if labels[row] == k else len(members) - sizes[k] for k in range(K)]
            influence += (sum(math.sqrt(own[k] / (own[k] - 1)) * found[k][1][row] for k in range(K)) / K) ** 2
        np.testing.assert_allclose(tally.auc_macro.variance[cell], influence, rtol=1e-10)
    assert n_defined >= 3


def test_with_two_classes_the_auc_is_delongs():
    scores, labels, slice_ids, _, grid = log(7, 150, n_classes=2, n_score_values=9)
    tally = tally_multiclass(scores, labels, slice_ids, None, grid, 2, 1, with_auc=True)
    judged = labels >= 0
    auc, variance = delong_by_pairs(scores[judged, 1], labels[judged])
    np.testing.assert_allclose(tally.auc_by_class[0], [auc, auc], rtol=1e-12)
    np.testing.assert_allclose(tally.auc_macro.variance[0], variance, rtol=1e-10)


def test_auc_is_scikit_learns():
    *rows, grid = log(8, 500)
    tally = tally_multiclass(*rows, grid, K, TOP_K, with_auc=True)
    scores, labels = rows[0].astype(np.float64), rows[1]
    scores /= scores.sum(axis=1, keepdims=True)
    judged = labels >= 0
    expected = [roc_auc_score(labels[judged] == k, rows[0][judged, k]) for k in range(K)]
    np.testing.assert_allclose(tally.auc_by_class[0], expected, rtol=1e-10)
    macro = roc_auc_score(labels[judged], scores[judged], multi_class="ovr", average="macro")
    np.testing.assert_allclose(tally.auc_macro.value[0], macro, rtol=1e-10)


def component_rows(scores, labels, rows):
    """One line of unweighted components per row, from the definition."""
    lines = []
    for row in rows:
        predicted, rank, log_loss, brier = oracle.read_row(scores[row], int(labels[row]))
        line = np.zeros(3 * K + 3)
        line[[labels[row], K + predicted]] = 1
        line[2 * K + predicted] = predicted == labels[row]
        line[3 * K :] = log_loss, brier, rank < TOP_K
        lines.append(line)
    return np.array(lines).reshape(len(rows), 3 * K + 3)


def by_cluster(lines, clusters):
    return np.array([lines[clusters == one].sum(axis=0) for one in np.unique(clusters)]).reshape(-1, lines.shape[1])


@pytest.mark.parametrize("parts", [(True, False), (False, True), (True, True)], ids=["weights", "clusters", "both"])
@pytest.mark.parametrize("n_windows", [1, 3])
def test_totals_equal_their_definition(parts, n_windows):
    *rows, grid = log(9, 150, n_windows)
    weights, clusters = (given if wanted else None for given, wanted in zip(design(9, 150), parts, strict=True))
    tally = tally_multiclass(*rows, grid, K, TOP_K, weights, clusters)
    counted = rows[1] if weights is None else np.where(weights > 0, rows[1], -1)
    for cell, members in enumerate(cells_of(counted, *rows[2:], grid)):
        assert tally.n[cell] == len(members), "a row of weight 0 is no row"
        weight = np.ones(len(members)) if weights is None else weights[members]
        lines = component_rows(rows[0], rows[1], members) * weight[:, None]
        lines = by_cluster(lines, np.arange(len(members)) if clusters is None else clusters[members])
        assert tally.totals.n_clusters[cell] == len(lines)
        np.testing.assert_allclose(tally.totals.total[cell], lines.sum(axis=0), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(tally.totals.cross[cell], lines.T @ lines, rtol=1e-10, atol=1e-12)


def test_paired_totals_equal_their_definition():
    champion, *rows, grid = log(10, 150, 2)
    challenger = log(11, 150)[0]
    weights, clusters = design(10, 150)
    pair = tally_paired_multiclass(champion, challenger, *rows, grid, K, TOP_K, weights, clusters)
    labels = rows[0]
    for cell, members in enumerate(cells_of(np.where(weights > 0, labels, -1), *rows[1:], grid)):
        lines = np.zeros((len(members), 12))
        for line, row in zip(lines, members, strict=True):
            a, b = (oracle.read_row(scores[row], int(labels[row])) for scores in (champion, challenger))
            line[2 * (a[1] == 0) + (b[1] == 0)] = 1
            line[4 + 2 * (a[1] < TOP_K) + (b[1] < TOP_K)] = 1
            line[8:] = a[2], b[2] - a[2], a[3], b[3] - a[3]
        lines = by_cluster(lines * weights[members][:, None], clusters[members])
        np.testing.assert_allclose(pair.totals.total[cell], lines.sum(axis=0), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(pair.totals.cross[cell], lines.T @ lines, rtol=1e-10, atol=1e-12)


def test_whole_weights_are_repeated_rows():
    *rows, grid = log(12, 120, 2, n_score_values=3)
    weights = np.random.default_rng(1).integers(0, 4, 120)
    weighted = tally_multiclass(*rows, grid, K, TOP_K, weights.astype(np.float64), np.arange(120), with_auc=True)
    copies = np.repeat(np.arange(120), weights)
    repeated = [None if part is None else part[copies] for part in rows]
    same = tally_multiclass(*repeated, grid, K, TOP_K, None, copies, with_auc=True)
    np.testing.assert_allclose(weighted.totals.total, same.totals.total, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(weighted.totals.cross, same.totals.cross, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(weighted.auc_by_class, same.auc_by_class, rtol=1e-10)
    np.testing.assert_allclose(weighted.auc_macro.variance, same.auc_macro.variance, rtol=1e-9)
    np.testing.assert_array_equal(weighted.auc_macro.n_clusters, same.auc_macro.n_clusters)


def test_clustered_auc_variance_is_that_of_the_clusters_sums_of_influences():
    *rows, grid = log(13, 100)
    clusters = design(13, 100)[1]
    scores, labels = rows[:2]
    found = tally_multiclass(*rows, grid, K, TOP_K, None, clusters, with_auc=True).auc_macro
    members = cells_of(*rows[1:], grid)[0]
    influences = [oracle.auc_of_class(scores, labels, members, one)[1] for one in range(K)]
    per_row = np.array([sum(of_class[row] for of_class in influences) / K for row in members])
    sums = np.array([per_row[clusters[members] == one].sum() for one in np.unique(clusters[members])])
    np.testing.assert_allclose(found.variance[0], (sums**2).sum() * len(sums) / (len(sums) - 1), rtol=1e-10)
    assert found.n_clusters[0] == len(sums)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), n_rows=st.integers(0, 60))
def test_row_order_and_the_numbers_of_classes_are_free(seed, n_rows):
    scores, labels, slice_ids, window_ids, grid = log(seed, n_rows, 3)
    rng = np.random.default_rng(seed)
    weights, clusters = design(seed, n_rows)
    tally = tally_multiclass(scores, labels, slice_ids, window_ids, grid, K, TOP_K, weights, clusters, with_auc=True)
    order, renamed = rng.permutation(n_rows), rng.permutation(K)  # class k is now number renamed[k]
    new_scores, new_labels = np.empty_like(scores), np.where(labels < 0, -1, renamed[labels]).astype(np.int32)
    new_scores[:, renamed] = scores
    rows = (part[order] for part in (new_scores, new_labels, slice_ids, window_ids))
    other = tally_multiclass(*rows, grid, K, TOP_K, weights[order], clusters[order], with_auc=True)
    np.testing.assert_array_equal(other.confusion[:, renamed][:, :, renamed], tally.confusion)
    np.testing.assert_array_equal(other.n_in_top_k, tally.n_in_top_k)
    np.testing.assert_allclose(other.auc_by_class[:, renamed], tally.auc_by_class, rtol=1e-10)
    np.testing.assert_allclose(other.auc_macro.variance, tally.auc_macro.variance, rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(other.log_loss.m2, tally.log_loss.m2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("with_design", [True, False])
def test_stored_columns_give_the_tallies_back(with_design):
    champion, *rows, grid = log(14, 60, 2)
    own = design(14, 60) if with_design else (None, None)
    tally = tally_multiclass(champion, *rows, grid, K, TOP_K, *own, with_auc=with_design)
    pair = tally_paired_multiclass(champion, log(15, 60)[0], *rows, grid, K, TOP_K, *own)
    for kind, stored in ((MulticlassTally, tally), (PairedMulticlassTally, pair)):
        columns = to_columns(stored)
        back = to_columns(from_columns(kind, columns))
        assert list(back) == list(columns)
        for name, values in columns.items():
            np.testing.assert_array_equal(back[name], values, err_msg=name)


def test_what_is_no_probability_is_refused_with_its_counts():
    scores, *rows = log(16, 50)
    bad = scores.copy()
    bad[0, 1], bad[1, 0], bad[2] = np.nan, 1.5, scores[2] / 2
    message = r"of 50 rows 1 hold NaN, 1 scores outside \[0, 1\], and 1 do not sum to 1 within 0.001; .* transform: softmax"
    with pytest.raises(ScoreError, match="^scores: " + message):
        tally_multiclass(bad, *rows, K, TOP_K)
    with pytest.raises(ScoreError, match="^challenger: " + message):
        tally_paired_multiclass(scores, bad, *rows, K, TOP_K)
    with pytest.raises(ValueError, match=r"scores has shape \(50, 4\); wanted \[rows, 3\]"):
        tally_multiclass(scores, *rows, 3, TOP_K)


def test_tables_that_do_not_fit_are_refused_before_the_rows_are_read(monkeypatch):
    *rows, grid = log(17, 10)
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", grid.n_cells * 8 * K * K)
    tally_multiclass(*rows, grid, K, TOP_K)
    with pytest.raises(ConfigError, match=r"8 slices times windows with 4 classes need 0.0 GiB of products of weighted totals, wanted"):
        tally_multiclass(*rows, grid, K, TOP_K, np.ones(10))
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", grid.n_cells * 8 * K * K - 1)
    with pytest.raises(ConfigError, match=r"GiB of confusion tables, wanted at most 1 GiB; leave out a slice column"):
        tally_multiclass(*rows, grid, K, TOP_K)
