"""The ordered parts of a binary tally: that they are wired to their cells, and AUC of binned scores against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import harness.tallies.binned_auc as binned_module
from harness.errors import ConfigError
from harness.records.tally import Grid
from harness.tallies.binary import tally_binary
from harness.tallies.ordered import binned_auc_of, calibration_of, rank_curve_of
from kernels.score_order import score_order
from tests.oracles import metric_oracle, rank_curve_oracle, tally_oracle


def log(seed, n_rows, n_windows=1, **case):
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(seed, n_rows, n_windows=n_windows, **case)
    names = tuple(str(i) for i in range(n_slices))
    grid = Grid(names, names, tuple(str(i) for i in range(n_windows)))
    return (scores, labels, slice_ids, window_ids, grid), tally_oracle.rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)


@pytest.mark.parametrize("n_windows", [1, 3])
def test_curve_and_calibration_are_those_of_each_cell(n_windows):
    rows, cells = log(3, 500, n_windows)
    scores, labels, slice_ids, window_ids, grid = rows
    tally = tally_binary(*rows, 0.5)
    curve = rank_curve_of(scores, labels, score_order(scores, labels), slice_ids, window_ids, grid, tally.confusion, 0.1, 0.2)
    fit = calibration_of(*rows)
    assert set(curve.max_fpr) == {0.1}
    assert set(curve.top_share) == {0.2}
    np.testing.assert_array_equal(curve.bin_n.sum(axis=1), tally.n)
    np.testing.assert_allclose(curve.bin_score.sum(axis=1), tally.bin_score.sum(axis=1), rtol=1e-12)
    for cell, own in enumerate(cells):
        s, y = scores[own], labels[own]
        assert curve.average_precision[cell] == pytest.approx(average_precision_score(y, s), rel=1e-10)
        assert curve.recall_at_fpr[cell] == rank_curve_oracle.recall_at_fpr(s, y, 0.1)
        assert curve.precision_at_top[cell] == pytest.approx(rank_curve_oracle.precision_at_top(s, y, 0.2), rel=1e-12)
        np.testing.assert_allclose(fit.slope[cell], rank_curve_oracle.cox_fit(s, y)[0][1], rtol=1e-6)


@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("block_bytes", [1, 2**22])
def test_binned_auc_is_that_of_the_bins_and_within_its_bound_of_the_exact_one(monkeypatch, n_windows, block_bytes):
    monkeypatch.setattr(binned_module, "BLOCK_BYTES", block_bytes)
    rows, cells = log(4, 300, n_windows)
    found = binned_auc_of(*rows, n_bins=256)
    for cell, own in enumerate(cells):
        s, y = rows[0][own], rows[1][own]
        coarse = np.minimum(np.floor(s.astype(np.float64) * 256), 255).astype(np.float32)
        auc, variance = metric_oracle.delong_by_pairs(coarse, y)
        assert found.value[cell] == pytest.approx(auc, rel=1e-12)
        assert found.variance[cell] == pytest.approx(variance, rel=1e-9)
        pairs = (coarse[y == 1][:, None] == coarse[y == 0]).sum()
        assert found.bound[cell] == pytest.approx(pairs / (2 * (y == 1).sum() * (y == 0).sum()), rel=1e-12)
        assert abs(found.value[cell] - roc_auc_score(y, s)) <= found.bound[cell] + 1e-12
        assert found.n_bins[cell] == 256


def test_the_bound_is_reached_and_vanishes():
    grid, ids = Grid(("all",), ("all",), ("all",)), np.zeros((4, 1), np.uint16)
    one_bin = binned_auc_of(np.array([0.5, 0.5001, 0.5002, 0.5003], np.float32), np.array([0, 0, 1, 1], np.int8), ids, None, grid)
    assert (one_bin.value[0], one_bin.bound[0]) == (0.5, 0.5)  # the exact AUC is 1
    apart = binned_auc_of(np.array([0.1, 0.3, 0.2, 0.4], np.float32), np.array([0, 0, 1, 1], np.int8), ids, None, grid)
    assert (apart.value[0], apart.bound[0]) == (0.75, 0.0)


@pytest.mark.parametrize("labels", [[], [1], [0, 0], [0, 1]])
def test_binned_auc_of_one_class_is_undefined(labels):
    grid, n = Grid(("all",), ("all",), ("all",)), len(labels)
    found = binned_auc_of(np.full(n, 0.5, np.float32), np.array(labels, np.int8), np.zeros((n, 1), np.uint16), None, grid)
    assert np.isnan(found.value[0]) == (len(set(labels)) < 2)
    assert np.isnan(found.variance[0])  # fewer than 2 rows of a class


def test_a_grid_whose_histogram_takes_too_much_memory_is_refused():
    names = ("",) * 200_000
    nothing = np.zeros(0, np.float32), np.zeros(0, np.int8), np.zeros((0, 1), np.int32), None
    with pytest.raises(
        ConfigError, match=r"metrics: binned AUC of 200,000 slices times windows takes 781 MiB with 256 bins; wanted at most"
    ):
        binned_auc_of(*nothing, Grid(names, names, ("all",)))
