from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ResultsError, ScoreError
from harness.records.tally import BinaryTally, Grid, PairedTally
from harness.tallies.binary import tally_binary
from harness.tallies.paired import tally_paired
from harness.tallies.stored import from_columns, to_columns
from tests.oracles import rank_oracle
from tests.oracles import tally_oracle as oracle


def grid_of(n_slices, n_windows):
    names = ("all", *(str(i) for i in range(1, n_slices)))
    return Grid(names, names, ("all", *(f"w{i}" for i in range(1, n_windows))))


def log(seed, n_rows, n_windows=1):
    scores, labels, slice_ids, window_ids, n_slices = oracle.random_log(seed, n_rows, n_windows=n_windows)
    return scores, labels, slice_ids, window_ids, grid_of(n_slices, n_windows)


def assert_same(a, b):
    columns, others = to_columns(a), to_columns(b)
    assert list(columns) == list(others)
    for name, values in columns.items():
        assert values.dtype == others[name].dtype, name
        np.testing.assert_array_equal(values, others[name], err_msg=name)


@pytest.mark.parametrize("n_rows", [0, 1, 23, 300])
@pytest.mark.parametrize("n_windows", [1, 3])
def test_binary_tally_equals_the_definition(n_rows, n_windows):
    scores, labels, slice_ids, window_ids, grid = log(n_rows, n_rows, n_windows)
    tally = tally_binary(scores, labels, slice_ids, window_ids, grid, 0.5)
    expected = oracle.binary(scores, labels, slice_ids, window_ids, grid.n_slices, n_windows, 0.5)
    for name in ("confusion", "bin_n", "bin_positive"):
        np.testing.assert_array_equal(getattr(tally, name), expected[name])
    np.testing.assert_allclose(tally.bin_score, expected["bin_score"], rtol=1e-12)
    for name in ("log_loss", "brier"):
        moments = getattr(tally, name)
        np.testing.assert_allclose(np.stack([moments.mean, moments.m2], 1), expected[name], rtol=1e-10, atol=1e-14)
    ranks = rank_oracle.rank_sums(scores, labels, slice_ids, window_ids, grid.n_slices, n_windows)
    r = tally.ranks
    got = np.stack([r.n_positive, r.n_negative, r.sum_a, r.sum_a2_lo, r.sum_b2_lo], 1)
    np.testing.assert_array_equal(got, ranks)
    np.testing.assert_array_equal(tally.n_positive, r.n_positive)


@pytest.mark.parametrize("n_windows", [1, 3])
def test_paired_tally_equals_the_definition_and_its_margins_the_single_tallies(n_windows):
    champion, labels, slice_ids, window_ids, grid = log(4, 200, n_windows)
    challenger = log(5, 200)[0]
    pair = tally_paired(champion, challenger, labels, slice_ids, window_ids, grid, 0.4, 0.6)
    expected = oracle.paired(champion, challenger, labels, slice_ids, window_ids, grid.n_slices, n_windows, 0.4, 0.6)
    np.testing.assert_array_equal(pair.cells, expected["cells"])
    np.testing.assert_allclose(np.stack([pair.brier.mean, pair.brier.m2], 1), expected["brier"], rtol=1e-10, atol=1e-13)
    crossed = rank_oracle.cross_sums(champion, challenger, labels, slice_ids, window_ids, grid.n_slices, n_windows)
    np.testing.assert_array_equal(np.stack([pair.ranks.cross_a_lo, pair.ranks.cross_b_lo], 1), crossed)
    first = tally_binary(champion, labels, slice_ids, window_ids, grid, 0.4)
    second = tally_binary(challenger, labels, slice_ids, window_ids, grid, 0.6)
    np.testing.assert_array_equal(pair.cells.sum(axis=3), first.confusion)
    np.testing.assert_array_equal(pair.cells.sum(axis=2), second.confusion)
    np.testing.assert_array_equal(pair.ranks.champion.sum_a2_lo, first.ranks.sum_a2_lo)
    np.testing.assert_array_equal(pair.ranks.challenger.sum_b2_lo, second.ranks.sum_b2_lo)
    np.testing.assert_allclose(pair.champion_log_loss.mean, first.log_loss.mean, rtol=1e-12)


def test_delong_variance_equals_its_definition_by_brute_force():
    scores, labels, slice_ids, _, grid = log(11, 200)
    rows = np.flatnonzero(labels >= 0)
    wins = rank_oracle.placements(scores, labels, rows.tolist())
    positives, negatives = (labels == 1).sum(), (labels == 0).sum()
    v10 = np.array([wins[r] for r in rows if labels[r] == 1]) / (2 * negatives)
    v01 = 1 - np.array([wins[r] for r in rows if labels[r] == 0]) / (2 * positives)
    brute = v10.var(ddof=1) / positives + v01.var(ddof=1) / negatives
    r = tally_binary(scores, labels, slice_ids, None, grid, 0.5).ranks
    sum_b = 2 * positives * negatives - r.sum_a[0]
    s10 = (r.sum_a2_lo[0] - r.sum_a[0] ** 2 / positives) / (positives - 1) / (2 * negatives) ** 2
    s01 = (r.sum_b2_lo[0] - sum_b**2 / negatives) / (negatives - 1) / (2 * positives) ** 2
    assert s10 / positives + s01 / negatives == pytest.approx(brute, rel=1e-10)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), n_threads=st.integers(1, 3))
def test_threads_change_nothing(seed, n_threads):
    arguments = log(seed, 120, 2)
    assert_same(tally_binary(*arguments, 0.5, n_threads=n_threads), tally_binary(*arguments, 0.5, n_threads=1))


def test_ranks_are_left_out_where_no_metric_asks_for_them():
    assert tally_binary(*log(1, 20), 0.5, with_ranks=False).ranks is None


def test_invalid_scores_are_refused_with_their_counts():
    scores, *rest = log(2, 50)
    scores[:3], scores[3] = np.nan, 1.5
    with pytest.raises(ScoreError, match=r"scores: 3 scores are NaN and 1 lie outside \[0, 1\], of 50; wanted probabilities"):
        tally_binary(scores, *rest, 0.5)
    with pytest.raises(ScoreError, match="challenger: 3 scores"):
        tally_paired(log(2, 50)[0], scores, *rest, 0.5, 0.5)


@pytest.mark.parametrize("with_ranks", [True, False])
def test_stored_columns_give_the_binary_tally_back(with_ranks):
    tally = tally_binary(*log(3, 60, 2), 0.5, with_ranks=with_ranks)
    columns = to_columns(tally)
    assert {values.ndim for values in columns.values()} <= {1, 2}
    assert_same(from_columns(BinaryTally, columns), tally)
    assert (from_columns(BinaryTally, columns).ranks is None) == (not with_ranks)


def test_stored_columns_give_the_paired_tally_back():
    champion, *rest = log(3, 60, 2)
    pair = tally_paired(champion, log(4, 60)[0], *rest, 0.5, 0.5)
    back = from_columns(PairedTally, to_columns(pair))
    assert_same(back, pair)
    assert back.cells.shape == (rest[-1].n_cells, 2, 2, 2)


def test_a_missing_column_is_named():
    columns = to_columns(tally_binary(*log(3, 10), 0.5))
    del columns["brier.m2"]
    with pytest.raises(ResultsError, match=r"no column 'brier.m2'; columns are: confusion"):
        from_columns(BinaryTally, columns)
