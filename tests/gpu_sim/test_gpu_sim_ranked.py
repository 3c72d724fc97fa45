"""The CUDA drivers of the rank curve, the recalibration and the histogram against the definitions, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda
from sklearn.metrics import average_precision_score

import kernels.logit_fit as logit_module
from harness.stats.cuts import largest_within, smallest_reaching
from kernels.devices import is_on_cuda
from kernels.rank_curve import rank_curve
from kernels.score_histogram import add_scores, empty, folded
from kernels.score_order import score_order
from tests.oracles import rank_curve_oracle, tally_oracle

CASES = [(23, 1, None), (23, 3, 4), (40, 3, None), (1, 1, None), (0, 1, None)]


def on_device(*arrays):
    return [None if array is None else cuda.to_device(array) for array in arrays]


def cells(log, n_windows):
    return tally_oracle.rows_of_cells(*log[1:], n_windows)


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), CASES)
def test_rank_curve(n_rows, n_windows, n_score_values):
    log = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    scores, labels, slice_ids, window_ids, n_slices = log
    rows = cells(log, n_windows)
    positive = np.array([int(labels[r].sum()) for r in rows])
    negative = np.array([len(r) for r in rows]) - positive
    device = on_device(scores, score_order(scores, labels), slice_ids, window_ids)
    assert is_on_cuda(device[1])
    cuts = largest_within(0.3, negative), smallest_reaching(0.2, positive + negative)
    curve = rank_curve(*device, n_slices, n_windows, positive, negative, *cuts)
    np.testing.assert_array_equal(curve.bin_n.sum(axis=1), positive + negative)
    for cell in np.flatnonzero((positive > 0) & (negative > 0)):
        s, y = scores[rows[cell]], labels[rows[cell]]
        assert curve.average_precision[cell] == pytest.approx(average_precision_score(y, s), rel=1e-10)
        assert curve.recall_at_fpr[cell] == rank_curve_oracle.recall_at_fpr(s, y, 0.3)
        assert curve.precision_at_top[cell] == pytest.approx(rank_curve_oracle.precision_at_top(s, y, 0.2), rel=1e-12)
        np.testing.assert_array_equal(curve.bin_positive[cell], rank_curve_oracle.rank_bins(s, y)[1])


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), [*CASES, (90, 1, None)])
def test_logit_fit(monkeypatch, n_rows, n_windows, n_score_values):
    monkeypatch.setattr(logit_module, "cuda_chunk_rows", lambda n_cells: 5)
    log = tally_oracle.random_log(3, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    fit = logit_module.logit_fit(*on_device(*log[:4]), log[4], n_windows)
    for cell, rows in enumerate(cells(log, n_windows)):
        s, y = log[0][rows], log[1][rows]
        assert (fit.n_steps[cell] == -1) == rank_curve_oracle.separates(s, y)
        if fit.n_steps[cell] > 0:
            np.testing.assert_allclose([fit.intercept[cell], fit.slope[cell]], rank_curve_oracle.cox_fit(s, y)[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_windows", "n_score_values"), CASES)
def test_score_histogram(n_rows, n_windows, n_score_values):
    log = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    table = empty(log[4] * n_windows, 8)
    for _ in range(2):  # a second batch adds to the first
        add_scores(table, *on_device(*log[:4]), log[4], n_windows)
    for cell, rows in enumerate(cells(log, n_windows)):
        for label in (0, 1):
            expected = np.histogram(log[0][rows][log[1][rows] == label], 8, (0, 1))[0]
            np.testing.assert_array_equal(folded(table, n_windows)[cell, :, label], 2 * expected)
