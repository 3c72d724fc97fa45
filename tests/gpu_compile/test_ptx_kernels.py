"""The compiled PTX of the kernels on adversarial rows, against the definitions; tests/gpu_sim runs all of them on interpreted PTX besides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kernels.paired_tally as paired_module
import kernels.rank_sum as rank_module
import kernels.slice_tally as slice_module
from kernels.cell_moments import cell_moments
from kernels.row_losses import N_BINS
from kernels.score_histogram import add_scores, empty
from kernels.score_order import score_order
from tests.gpu_compile.budgets import BUDGETS
from tests.oracles import column_cells, rank_oracle, tally_oracle
from tests.support.ptx_cases import CASES
from tests.support.ptx_device import to_device
from tests.support.ptx_memory import OutOfBoundsError, RaceError

EDGE_SCORES = np.array(
    [0.0, -0.0, 1.0, 0.5, np.nan, np.inf, -np.inf, -1e-9, 1.0 + 1e-6, 1e-45, 1e-20, np.nextafter(np.float32(1), np.float32(0))]
    + [k / N_BINS for k in range(N_BINS + 1)],
    np.float32,
)
EDGE_LABELS = np.array([0, 1, -1, 2, -128, 127], np.int8)


def edge_log(id_dtype):
    """Every edge score with every edge label, in two columns and three windows."""
    scores, labels = (array.ravel() for array in np.meshgrid(EDGE_SCORES, EDGE_LABELS))
    row = np.arange(scores.size)
    slice_ids = np.stack([np.zeros_like(row), 1 + row % 3], axis=1).astype(id_dtype)
    return scores, labels, slice_ids, (row % 3).astype(np.int32), 4


def valid(log):
    """Return the log without the rows that every kernel skips: the definitions do not know them."""
    scores, labels, slice_ids, window_ids, n_slices = log
    keep = (scores >= 0) & (scores <= 1) & ((labels == 0) | (labels == 1))
    return scores[keep], labels[keep], slice_ids[keep], None if window_ids is None else window_ids[keep], n_slices


def moved(arrays):
    return [None if array is None else to_device(array) for array in arrays]


@pytest.mark.parametrize("id_dtype", [np.uint16, np.int32])
def test_binary_tally_of_edge_scores_and_labels(id_dtype):
    log = edge_log(id_dtype)
    expected = tally_oracle.binary(*valid(log), 3, 0.5)
    tally = slice_module.slice_tally(*moved(log[:4]), log[4], 3, 0.5)
    np.testing.assert_array_equal(tally.counts, expected["confusion"])
    np.testing.assert_array_equal(tally.bin_positive, expected["bin_positive"])
    np.testing.assert_allclose(tally.log_loss.mean, expected["log_loss"][:, 0], rtol=1e-9)
    np.testing.assert_allclose(tally.log_loss.m2, expected["log_loss"][:, 1], rtol=1e-9, atol=1e-12)


def test_paired_tally_of_edge_scores():
    log = edge_log(np.int32)
    challenger = log[0][::-1].copy()
    keep = (log[0] >= 0) & (log[0] <= 1) & (challenger >= 0) & (challenger <= 1) & ((log[1] == 0) | (log[1] == 1))
    expected = tally_oracle.paired(log[0][keep], challenger[keep], *(array[keep] for array in log[1:4]), log[4], 3, 0.5, 0.4)
    champion, *rest = moved(log[:4])
    pairs = paired_module.paired_tally(champion, to_device(challenger), *rest, log[4], 3, 0.5, 0.4)
    np.testing.assert_array_equal(pairs.cells, expected["cells"])
    np.testing.assert_allclose(pairs.log_loss.m2, expected["log_loss"][:, 1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_score_values", [1, 2, None])
def test_ranks_with_ties_of_every_kind(n_score_values):
    log = tally_oracle.random_log(4, 70, n_windows=3, dtype=np.int32, n_score_values=n_score_values)
    order = to_device(score_order(log[0], log[1], n_threads=1))
    sums = rank_module.rank_sum(order, *moved(log[2:4]), log[4], 3)
    got = np.stack([sums.n_positive, sums.n_negative, sums.sum_a, sums.sum_a2_lo, sums.sum_b2_lo], 1)
    np.testing.assert_array_equal(got, np.array(rank_oracle.rank_sums(*log, 3)))


@pytest.mark.parametrize("n_bins", [8, 4096])
def test_histogram_in_shared_and_in_global_memory(device, n_bins):
    log = edge_log(np.uint16)
    device.launches.clear()
    table = empty(log[4] * 3, n_bins)
    add_scores(table, *moved(log[:4]), log[4], 3)
    scores, labels, slice_ids, window_ids, _ = valid(log)
    expected = np.zeros_like(table)
    for column in range(2):
        at = slice_ids[:, column].astype(int) * 3 + window_ids
        np.add.at(expected, (at, np.minimum((scores.astype(np.float64) * n_bins).astype(int), n_bins - 1), labels.astype(int)), 1)
    np.testing.assert_array_equal(table, expected)
    makers = {launch.rule for launch in device.launches}
    assert f"score_histogram._slot [{'shared' if n_bins == 8 else 'global'}_counts_of]" in makers


def test_moments_of_integers_beyond_float64():
    values = 2**60 + np.array([0, 1, 2, 5, 1, 0, 9, 3], np.int64)
    ids = np.zeros((8, 1), np.int32)
    found = cell_moments(to_device(values), to_device(ids), 1, (0.0, 1.0))
    counts, n_infinite, low, high, n, _, m2 = column_cells.column_cells(values, ids, 1, (0.0, 1.0))[0]
    assert found.counts[0].tolist() == counts
    assert (found.minimum[0], found.maximum[0], found.n_infinite[0], found.moments.n[0]) == (low, high, n_infinite, n)
    assert found.moments.m2[0] == pytest.approx(m2, rel=1e-12)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.lists(st.tuples(st.sampled_from(range(len(EDGE_SCORES))), st.sampled_from([-1, 0, 1]), st.integers(0, 2)), max_size=40))
def test_the_order_of_the_rows_changes_no_count(data):
    which, labels, ids = (np.array([row[k] for row in data], np.int64) for k in range(3))
    scores, labels, ids = EDGE_SCORES[which].astype(np.float32), labels.astype(np.int8), ids.astype(np.uint16)[:, None]
    tallies = []
    for order in (slice(None), slice(None, None, -1)):
        some = moved(np.ascontiguousarray(array[order]) for array in (scores, labels, ids))
        tallies.append(slice_module.slice_tally(*some, None, 3, 1, 0.5))
    expected = tally_oracle.binary(*valid((scores, labels, ids, None, 3)), 1, 0.5)
    for tally in tallies:
        np.testing.assert_array_equal(tally.counts, expected["confusion"])


def test_an_id_outside_of_the_grid_is_a_write_out_of_bounds():
    """On a card ids are the caller's to check: what it does not check would be written somewhere."""
    scores, labels, slice_ids, *_ = edge_log(np.uint16)
    slice_ids[3, 1] = 40_000  # score 0.5, label 0
    with pytest.raises(OutOfBoundsError):
        slice_module.slice_tally(*moved((scores, labels, slice_ids)), None, 4, 1, 0.5)


def test_two_columns_that_share_a_slice_are_a_race():
    """A thread takes a column, and adds to its cells without atomics: the contract says that columns share no slice."""
    scores, labels, slice_ids, *_ = edge_log(np.uint16)
    with pytest.raises(RaceError, match="argument 4"):
        slice_module.slice_tally(*moved((scores, labels, np.zeros_like(slice_ids))), None, 4, 1, 0.5)


def test_every_kernel_was_run(device):
    """The interpreter runs every kernel that has a budget."""
    device.launches.clear()
    for case in CASES:
        case.run(24, np.uint16)
    assert {launch.rule for launch in device.launches} == set(BUDGETS)
