"""The walk in score order against scikit-learn and the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from harness.stats.cuts import largest_within, smallest_reaching
from kernels.rank_curve import N_RANK_BINS, rank_curve
from kernels.score_order import score_order
from tests.oracles import rank_curve_oracle, tally_oracle

LOGS = [
    pytest.param({"n_rows": 0}, id="no rows"),
    pytest.param({"n_rows": 1, "share_skipped": 0}, id="one row"),
    pytest.param({"n_rows": 23}, id="tiny"),
    pytest.param({"n_rows": 300}, id="no ties"),
    pytest.param({"n_rows": 300, "n_score_values": 5}, id="ties everywhere"),
    pytest.param({"n_rows": 80, "n_score_values": 1}, id="one score"),
    pytest.param({"n_rows": 23, "share_skipped": 1}, id="all skipped"),
    pytest.param({"n_rows": 200, "n_score_values": 90, "dtype": np.int32}, id="int32 ids"),
]


def counts(labels, slice_ids, window_ids, n_slices, n_windows):
    rows = tally_oracle.rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)
    positive = np.array([int(labels[r].sum()) for r in rows])
    return rows, positive, np.array([len(r) for r in rows]) - positive


def walked(log, n_windows, max_fpr=0.1, top_share=0.07, n_threads=None):
    scores, labels, slice_ids, window_ids, n_slices = log
    _, positive, negative = counts(*log[1:], n_windows)
    cuts = largest_within(max_fpr, negative), smallest_reaching(top_share, positive + negative)
    order = score_order(scores, labels)
    return rank_curve(scores, order, slice_ids, window_ids, n_slices, n_windows, positive, negative, *cuts, n_threads=n_threads)


@pytest.mark.parametrize("case", LOGS)
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_curve_equals_the_definitions(case, n_windows, n_threads):
    log = tally_oracle.random_log(5, n_windows=n_windows, **case)
    curve = walked(log, n_windows, n_threads=n_threads)
    scores, labels = log[:2]
    for cell, rows in enumerate(counts(*log[1:], n_windows)[0]):
        s, y = scores[rows], labels[rows]
        bins = rank_curve_oracle.rank_bins(s, y) if rows else (np.zeros(N_RANK_BINS),) * 3
        np.testing.assert_array_equal(curve.bin_n[cell], bins[0])
        np.testing.assert_array_equal(curve.bin_positive[cell], bins[1])
        np.testing.assert_allclose(curve.bin_score[cell], bins[2], rtol=1e-12)
        if not rows:
            assert np.isnan(curve.precision_at_top[cell])
            assert np.isnan(curve.average_precision[cell])
            continue
        assert curve.precision_at_top[cell] == pytest.approx(rank_curve_oracle.precision_at_top(s, y, 0.07), rel=1e-12)
        if y.sum() > 0:
            assert curve.average_precision[cell] == pytest.approx(average_precision_score(y, s), rel=1e-10)
        if 0 < y.sum() < len(rows):
            assert curve.recall_at_fpr[cell] == rank_curve_oracle.recall_at_fpr(s, y, 0.1)
        else:
            assert np.isnan(curve.recall_at_fpr[cell])


@pytest.mark.parametrize("n_score_values", [None, 6])
def test_variance_of_average_precision_is_the_infinitesimal_jackknifes(n_score_values):
    log = tally_oracle.random_log(3, 150, n_score_values=n_score_values)
    curve = walked(log, 1)
    for cell, rows in enumerate(counts(*log[1:], 1)[0]):
        expected = rank_curve_oracle.average_precision_variance(log[0][rows], log[1][rows])
        assert curve.average_precision_variance[cell] == pytest.approx(expected, rel=1e-5)


def test_rare_positives_keep_the_digits_of_the_variance():
    """The squares of many negatives are far below those of a few positives, whose distance from 1 is large."""
    rng = np.random.default_rng(1)
    scores, labels = rng.random(300_000, np.float32), (rng.random(300_000) < 0.001).astype(np.int8)
    zeros, counts = np.zeros((300_000, 1), np.uint16), (np.array([labels.sum()], np.int64), np.array([(labels == 0).sum()], np.int64))
    curve = rank_curve(scores, score_order(scores, labels), zeros, None, 1, 1, *counts, *counts)
    value, variance = rank_curve_oracle.average_precision_of_many(scores, labels)
    assert curve.average_precision[0] == pytest.approx(value, rel=1e-12)
    assert curve.average_precision_variance[0] == pytest.approx(variance, rel=1e-9)


def test_perfect_scores_have_no_variance_and_the_whole_recall():
    scores = np.linspace(0, 1, 50, dtype=np.float32)
    labels = (scores > 0.6).astype(np.int8)
    curve = walked((scores, labels, np.zeros((50, 1), np.uint16), None, 1), 1)
    np.testing.assert_allclose([curve.average_precision[0], curve.recall_at_fpr[0], curve.precision_at_top[0]], 1.0, rtol=1e-14)
    assert curve.average_precision_variance[0] < 1e-28


@pytest.mark.parametrize(("max_fpr", "top_share"), [(0.001, 0.001), (0.5, 0.5), (0.999, 1.0)])
def test_cuts_at_both_ends(max_fpr, top_share):
    log = tally_oracle.random_log(8, 200, n_score_values=30)
    curve = walked(log, 1, max_fpr, top_share)
    for cell, rows in enumerate(counts(*log[1:], 1)[0]):
        s, y = log[0][rows], log[1][rows]
        assert curve.recall_at_fpr[cell] == rank_curve_oracle.recall_at_fpr(s, y, max_fpr)
        assert curve.precision_at_top[cell] == pytest.approx(rank_curve_oracle.precision_at_top(s, y, top_share), rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 60), n_score_values=st.integers(1, 60), n_threads=st.integers(1, 4))
def test_row_order_and_threads_leave_every_bit(seed, n_rows, n_score_values, n_threads):
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(seed, n_rows, n_windows=2, n_score_values=n_score_values)
    rows = np.random.default_rng(seed).permutation(n_rows)
    plain = walked((scores, labels, slice_ids, window_ids, n_slices), 2, n_threads=1)
    moved = walked((scores[rows], labels[rows], slice_ids[rows], window_ids[rows], n_slices), 2, n_threads=n_threads)
    for name, values in plain._asdict().items():
        np.testing.assert_array_equal(values, getattr(moved, name), err_msg=name)


def test_bins_have_equal_mass_without_ties():
    scores = np.random.default_rng(1).permutation(np.linspace(0, 1, 6000, dtype=np.float32))
    labels = np.zeros(6000, np.int8)
    labels[::7] = 1
    curve = walked((scores, labels, np.zeros((6000, 1), np.uint16), None, 1), 1)
    assert (curve.bin_n == 100).all()
    assert (np.diff(curve.bin_score[0]) > 0).all()


@pytest.mark.parametrize(("n_positive", "n_negative"), [(1, 2), (1, 0), (0, 0), (2, 0)])
def test_counts_of_other_rows_are_refused(n_positive, n_negative):
    scores, labels, ids = np.array([0.1, 0.9], np.float32), np.array([0, 1], np.int8), np.zeros((2, 1), np.uint16)
    one, order, counts = np.array([1]), score_order(scores, labels), (np.array([n_positive]), np.array([n_negative]))
    with pytest.raises(ValueError, match="n_positive and n_negative are not those of the rows in the order"):
        rank_curve(scores, order, ids, None, 1, 1, *counts, one, one)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.07, 0.3, 1 / 3, 0.999, 1.0])
def test_cuts_are_those_of_trying_every_count(share):
    of = np.arange(1, 400)
    within = [max(k for k in range(n + 1) if k / n <= share) for n in of]
    reaching = [min(k for k in range(n + 1) if k / n >= share) for n in of]
    np.testing.assert_array_equal(largest_within(share, of), within)
    np.testing.assert_array_equal(smallest_reaching(share, of), reaching)
