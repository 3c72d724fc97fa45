"""The histogram of scores by cell and label against NumPy's, and its batches."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.score_histogram import MAX_TABLE_BYTES, add_scores, empty, folded, n_bins_within
from tests.oracles import tally_oracle


def counted(log, n_windows, n_bins=256, cuts=(), n_threads=None):
    scores, labels, slice_ids, window_ids, n_slices = log
    table = empty(n_slices * n_windows, n_bins)
    for rows in np.split(np.arange(len(scores)), cuts):
        windows = None if window_ids is None else window_ids[rows]
        add_scores(table, scores[rows], labels[rows], slice_ids[rows], windows, n_slices, n_windows, n_threads=n_threads)
    return folded(table, n_windows)


@pytest.mark.parametrize("n_rows", [0, 1, 23, 400])
@pytest.mark.parametrize("n_windows", [1, 3])
@pytest.mark.parametrize("n_threads", [1, 4])
def test_counts_are_those_of_numpy(n_rows, n_windows, n_threads):
    log = tally_oracle.random_log(2, n_rows, n_windows=n_windows, n_score_values=33)
    table = counted(log, n_windows, n_threads=n_threads)
    for cell, rows in enumerate(tally_oracle.rows_of_cells(*log[1:], n_windows)):
        for label in (0, 1):
            scores = log[0][rows][log[1][rows] == label]
            np.testing.assert_array_equal(table[cell, :, label], np.histogram(scores, 256, (0, 1))[0])


def test_any_split_into_batches_gives_the_same_counts():
    log = tally_oracle.random_log(3, 300, n_windows=3)
    np.testing.assert_array_equal(counted(log, 3), counted(log, 3, cuts=(1, 50, 50, 299)))


def test_edges_belong_to_the_upper_bin_and_one_to_the_last():
    scores = np.array([0.0, 0.25, np.nextafter(np.float32(0.25), np.float32(0)), 1.0], np.float32)
    table = counted((scores, np.ones(4, np.int8), np.zeros((4, 1), np.uint16), None, 1), 1, n_bins=4)
    assert table[0, :, 1].tolist() == [2, 1, 0, 1]


def test_rows_without_label_or_with_an_invalid_score_are_skipped():
    scores = np.array([0.5, np.nan, 1.5, 0.5], np.float32)
    table = counted((scores, np.array([-1, 1, 1, 1], np.int8), np.zeros((4, 1), np.uint16), None, 1), 1)
    assert table.sum() == 1


def test_number_of_bins_is_what_memory_allows():
    assert n_bins_within(1) == 2048
    assert n_bins_within(10**9, max_bytes=10**13) == 512
    assert n_bins_within(100_000) * 100_000 * 16 <= MAX_TABLE_BYTES
    assert n_bins_within(1, n_bins=1000) == 512
    with pytest.raises(ValueError, match=r"takes 1,526 MiB with 256 bins; wanted at most 512 MiB: leave out a cross"):
        n_bins_within(390_625)
    with pytest.raises(ValueError, match="100 bins of the score; wanted at least 256"):
        n_bins_within(1, n_bins=100)


def test_bins_that_are_no_power_of_two_and_tables_of_other_grids_are_refused():
    with pytest.raises(ValueError, match="300 bins of the score; wanted a power of two"):
        empty(1, 300)
    with pytest.raises(ValueError, match="the table has 1 cells; wanted 2 slices times 1 windows"):
        add_scores(empty(1, 256), np.zeros(1, np.float32), np.zeros(1, np.int8), np.zeros((1, 1), np.uint16), None, 2, 1)
