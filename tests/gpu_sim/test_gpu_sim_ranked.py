"""The CUDA drivers of the rank curve, the recalibration and the histogram against the definitions, under Numba's CUDA simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

import kernels.logit_fit as logit_module
import kernels.order_pieces as pieces_module
import kernels.rank_curve_pieces as curve_module
from harness.stats.cuts import largest_within, smallest_reaching
from kernels import devices
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


def curve_on_card(log, n_windows):
    scores, labels, slice_ids, window_ids, n_slices = log
    rows = cells(log, n_windows)
    positive = np.array([int(labels[r].sum()) for r in rows])
    negative = np.array([len(r) for r in rows]) - positive
    device = on_device(scores, score_order(scores, labels), slice_ids, window_ids)
    assert is_on_cuda(device[1])
    cuts = largest_within(0.3, negative), smallest_reaching(0.2, positive + negative)
    return rank_curve(*device, n_slices, n_windows, positive, negative, *cuts)


# (70, 1, 2): each score has several pieces; (12, 1, None) in pieces of one row
@pytest.mark.parametrize(
    ("n_rows", "n_windows", "n_score_values", "n_piece_rows"),
    [*((*case, 5) for case in CASES), (70, 1, 2, 5), (40, 3, 1, 7), (12, 1, None, 1), (40, 3, 6, 1000)],
)
def test_rank_curve(monkeypatch, n_rows, n_windows, n_score_values, n_piece_rows):
    monkeypatch.setattr(pieces_module, "rows_per_piece", lambda *grid: n_piece_rows)
    log = tally_oracle.random_log(1, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    curve, rows = curve_on_card(log, n_windows), cells(log, n_windows)
    for cell, own in enumerate(rows):
        s, y = log[0][own], log[1][own]
        if not own:
            assert curve.bin_n[cell].sum() == 0
            assert np.isnan(curve.precision_at_top[cell])
            continue
        bins = rank_curve_oracle.rank_bins(s, y)
        np.testing.assert_array_equal(curve.bin_n[cell], bins[0])
        np.testing.assert_array_equal(curve.bin_positive[cell], bins[1])
        np.testing.assert_allclose(curve.bin_score[cell], bins[2], rtol=1e-12)
        assert curve.precision_at_top[cell] == pytest.approx(rank_curve_oracle.precision_at_top(s, y, 0.2), rel=1e-12)
        if 0 < y.sum() < len(own):
            assert curve.recall_at_fpr[cell] == rank_curve_oracle.recall_at_fpr(s, y, 0.3)
        if y.sum() > 0:
            value, variance = rank_curve_oracle.average_precision(s, y)
            assert curve.average_precision[cell] == pytest.approx(value, rel=1e-12)
            assert curve.average_precision_variance[cell] == pytest.approx(variance, rel=1e-11, abs=1e-28)


@pytest.mark.parametrize("n_score_values", [None, 2])
def test_the_same_bits_of_a_curve_in_any_number_of_waves(monkeypatch, n_score_values):
    monkeypatch.setattr(pieces_module, "rows_per_piece", lambda *grid: 5)
    launched, real = [], devices.waves_of
    monkeypatch.setattr(devices, "waves_of", lambda *args, **more: launched.append(real(*args, **more)) or launched[-1])
    log = tally_oracle.random_log(2, 30, n_score_values=n_score_values)
    whole = curve_on_card(log, 1)
    table_bytes = log[4] * 8 * curve_module.N_PART
    monkeypatch.setattr(devices, "free_bytes", lambda: 2.0 * table_bytes)  # one table takes half of it
    waves = curve_on_card(log, 1)
    assert [len(one) for one in launched[:2]] == [1, 1]
    assert len(launched[3]) >= 6
    for one, other in zip(whole, waves, strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_curve_that_does_not_fit_is_refused(monkeypatch):
    log = tally_oracle.random_log(2, 30)
    monkeypatch.setattr(devices, "free_bytes", lambda: 32.0 * log[4] - 1)
    with pytest.raises(devices.CardMemoryError, match=r"an array of 1 x 9 x 4 takes .* MiB on the card, which has .* MiB free"):
        curve_on_card(log, 1)


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
