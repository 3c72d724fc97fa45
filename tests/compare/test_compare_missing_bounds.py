"""Worst-case bounds for missing labels against every way of labelling few rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compare import unlabelled_sums as sums_module
from harness.compare.missing_bounds import missing_bounds
from harness.compare.unlabelled_sums import unlabelled_sums
from harness.errors import ScoreError
from tests.oracles.missing_oracle import range_by_trying_all
from tests.oracles.paired_oracle import paired_tally_from_rows

SHARP = ("accuracy", "selection_rate", "recall", "fpr", "log_loss", "brier")
METRICS = (*SHARP, "auc")
THRESHOLDS = (0.5, 0.4)


def paired_of(champion, challenger, labels, cells, n_cells):
    """Paired tally of the labelled rows, each model at its own threshold: the oracle has one, so scores are moved for the counts."""
    known = labels >= 0
    rows = champion[known], challenger[known], labels[known], cells[known]
    tally = paired_tally_from_rows(*rows, n_cells, THRESHOLDS[0])
    tally.cells[:] = 0
    for old, new, label, cell in zip(*rows, strict=True):
        tally.cells[cell, label, int(old >= np.float32(THRESHOLDS[0])), int(new >= np.float32(THRESHOLDS[1]))] += 1
    return tally


def bounds_of(champion, challenger, labels, slices=None, n_slices=1, n_windows=1, metrics=METRICS):
    slices = np.zeros(len(labels), np.int64) if slices is None else slices
    paired = paired_of(champion, challenger, labels, slices * n_windows, n_slices * n_windows)
    sums = unlabelled_sums(champion, challenger, labels < 0, slices[:, None].astype(np.int32), n_slices, *THRESHOLDS)
    return {b.metric: b for b in missing_bounds(metrics, paired, n_windows, sums)}


def random_rows(seed, n=9, n_missing=4):
    rng = np.random.default_rng(seed)
    champion, challenger = (rng.integers(0, 11, n).astype(np.float32) / np.float32(10) for _ in range(2))
    labels = rng.integers(0, 2, n).astype(np.int8)
    labels[rng.permutation(n)[:n_missing]] = -1
    return champion, challenger, labels


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 5))
def test_bounds_are_the_range_over_all_labels(seed, n, n_missing):
    champion, challenger, labels = random_rows(seed, n, min(n, n_missing))
    found = bounds_of(champion, challenger, labels)
    for metric in SHARP:
        low, high = range_by_trying_all(metric, champion, challenger, labels, THRESHOLDS)
        np.testing.assert_allclose([found[metric].lower[0], found[metric].upper[0]], [low, high], rtol=1e-9, atol=1e-12, err_msg=metric)
        assert found[metric].is_sharp
    low, high = range_by_trying_all("auc", champion, challenger, labels, THRESHOLDS)
    if not np.isnan(low):
        assert found["auc"].lower[0] <= low + 1e-12
        assert found["auc"].upper[0] >= high - 1e-12
    assert not found["auc"].is_sharp
    assert (found["auc"].n_rows[0], found["auc"].n_unlabelled[0]) == (n, min(n, n_missing))


def test_without_unlabelled_rows_both_bounds_are_the_difference():
    champion, challenger, labels = random_rows(4, 40, 0)
    for metric, bounds in bounds_of(champion, challenger, labels).items():
        expected = range_by_trying_all(metric, champion, challenger, labels, THRESHOLDS)[0]
        np.testing.assert_allclose([bounds.lower[0], bounds.upper[0]], [expected, expected], atol=1e-12)


def test_every_slice_has_its_own_bounds_and_windows_are_taken_together(monkeypatch):
    champion, challenger, labels = random_rows(5, 24, 9)
    slices = np.arange(24) % 3
    monkeypatch.setattr(sums_module, "BLOCK_ROWS", 7)  # blocks that end in the middle
    found = bounds_of(champion, challenger, labels, slices, n_slices=4, n_windows=2)
    for metric in SHARP:
        for k in range(3):
            rows = slices == k
            expected = range_by_trying_all(metric, champion[rows], challenger[rows], labels[rows], THRESHOLDS)
            np.testing.assert_allclose([found[metric].lower[k], found[metric].upper[k]], expected, atol=1e-12)
        assert np.isnan([found[metric].lower[3], found[metric].upper[3]]).all(), "a slice without rows"
    assert found["auc"].n_unlabelled.sum() == 9


def test_rows_that_are_neither_judged_nor_unlabelled_count_nowhere():
    champion, challenger, _ = random_rows(6, 12, 0)
    sums = unlabelled_sums(champion, challenger, np.zeros(12, np.bool_), np.zeros((12, 1), np.uint16), 1, *THRESHOLDS)
    assert sums.n.tolist() == [0]
    assert sums.log_loss.tolist() == [[0.0, 0.0]]


def test_a_metric_without_a_rule_has_no_bound_and_still_says_how_many_rows_lack_a_label():
    bounds = bounds_of(*random_rows(7), metrics=("mcc",))["mcc"]
    assert np.isnan(bounds.lower[0])
    assert np.isnan(bounds.upper[0])
    assert bounds.n_unlabelled.tolist() == [4]
    assert not bounds.is_sharp


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.5])
def test_scores_that_are_no_scores_are_refused(wrong):
    champion, challenger, labels = random_rows(8)
    challenger[np.flatnonzero(labels < 0)[0]] = wrong
    with pytest.raises(ScoreError, match=r"scores of unlabelled rows: 1 are NaN or outside \[0, 1\]"):
        unlabelled_sums(champion, challenger, labels < 0, np.zeros((9, 1), np.uint16), 1, *THRESHOLDS)


def test_a_tally_of_other_slices_is_refused():
    champion, challenger, labels = random_rows(9)
    paired = paired_of(champion, challenger, labels, np.zeros(9, np.int64), 2)
    sums = unlabelled_sums(champion, challenger, labels < 0, np.zeros((9, 1), np.uint16), 3, *THRESHOLDS)
    with pytest.raises(ValueError, match="found 2 cells, wanted 3 slices times 1 windows"):
        missing_bounds(METRICS, paired, 1, sums)
