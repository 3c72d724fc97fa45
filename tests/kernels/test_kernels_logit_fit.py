"""Cox's recalibration per cell against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

import kernels.logit_fit as module
from kernels.logit_fit import logit_fit
from kernels.logit_newton import newton_steps
from tests.oracles import rank_curve_oracle, tally_oracle

LOGS = [
    pytest.param({"n_rows": 400}, id="no ties"),
    pytest.param({"n_rows": 400, "n_score_values": 5}, id="ties, scores 0 and 1"),
    pytest.param({"n_rows": 60, "dtype": np.int32}, id="small cells"),
    pytest.param({"n_rows": 23, "n_score_values": 2}, id="tiny cells, one score of a class"),
    pytest.param({"n_rows": 50, "n_score_values": 3}, id="three scores"),
]


@pytest.mark.parametrize("case", LOGS)
@pytest.mark.parametrize("n_windows", [1, 3])
def test_fit_is_that_of_statsmodels(monkeypatch, case, n_windows):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 7)
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(4, n_windows=n_windows, **case)
    fit = logit_fit(scores, labels, slice_ids, window_ids, n_slices, n_windows)
    for cell, rows in enumerate(tally_oracle.rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        s, y = scores[rows], labels[rows]
        assert fit.positive_score[cell] == pytest.approx(float(s[y == 1].astype(np.float64).sum()), rel=1e-12)
        assert (fit.n_steps[cell] == -1) == rank_curve_oracle.separates(s, y)
        if fit.n_steps[cell] == -1:
            assert np.isnan([fit.intercept[cell], fit.slope[cell], fit.slope_variance[cell]]).all()
            continue
        (intercept, slope), covariance = rank_curve_oracle.cox_fit(s, y)
        np.testing.assert_allclose([fit.intercept[cell], fit.slope[cell]], [intercept, slope], rtol=1e-7, atol=1e-8)
        found = [fit.intercept_variance[cell], fit.covariance[cell], fit.slope_variance[cell]]
        np.testing.assert_allclose(found, [covariance[0, 0], covariance[0, 1], covariance[1, 1]], rtol=1e-6, atol=1e-9)
        assert 1 <= fit.n_steps[cell] <= 25


NO_FIT = {
    "no rows": ([], []),
    "one class": ([0.1, 0.4, 0.7], [1, 1, 1]),
    "equal scores": ([0.4, 0.4, 0.4], [0, 1, 0]),
    "clipped to one score": ([0.0, 1e-9, 1e-8], [0, 1, 0]),
    "separated": ([0.1, 0.2, 0.7, 0.8], [0, 0, 1, 1]),
    "separated the other way": ([0.1, 0.2, 0.7, 0.8], [1, 1, 0, 0]),
    "separated but for one score": ([0.1, 0.2, 0.2, 0.8], [0, 0, 1, 1]),
}


@pytest.mark.parametrize("name", NO_FIT)
def test_no_maximum_is_told(name):
    scores, labels = (np.array(values, dtype) for values, dtype in zip(NO_FIT[name], (np.float32, np.int8), strict=True))
    fit = logit_fit(scores, labels, np.zeros((len(scores), 1), np.uint16), None, 1, 1)
    assert fit.n_steps[0] == -1
    assert np.isnan(fit.slope[0])


def test_scores_far_from_the_rates_are_fitted():
    rng = np.random.default_rng(6)
    x = rng.normal(-12, 0.05, 4000)  # all scores near 6e-6, and half of the rows are positive: plain Newton runs away here
    scores = (1 / (1 + np.exp(-x))).astype(np.float32)
    labels = (rng.random(4000) < 0.5).astype(np.int8)
    fit = logit_fit(scores, labels, np.zeros((4000, 1), np.uint16), None, 1, 1)
    (intercept, slope), covariance = rank_curve_oracle.cox_fit(scores, labels)
    assert fit.n_steps[0] > 0
    np.testing.assert_allclose([fit.intercept[0], fit.slope[0]], [intercept, slope], rtol=1e-6)
    np.testing.assert_allclose(fit.slope_variance[0], covariance[1, 1], rtol=1e-5)


def test_a_cell_does_not_depend_on_the_others_nor_on_threads(monkeypatch):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 50)
    log = tally_oracle.random_log(9, 500, n_windows=2)
    fits = [logit_fit(*log, 2, n_threads=n) for n in (1, 3)]
    for name, values in fits[0]._asdict().items():
        np.testing.assert_array_equal(values, getattr(fits[1], name), err_msg=name)
    rows = log[2][:, 1] == 2
    alone = logit_fit(log[0][rows], log[1][rows], np.zeros((rows.sum(), 1), np.uint16), None, 1, 1)
    np.testing.assert_allclose(alone.slope[0], fits[0].slope[2 * 2], rtol=1e-9)


def test_a_singular_step_is_no_step():
    assert np.isnan(newton_steps(np.array([[1.0, 1.0, 1.0, 1.0, 1.0]]))).all()
