"""Counts by bin and moments of a column against the definition, and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.cell_moments as module
from kernels.cell_moment_rules import BLOCK_ROWS, RESHIFT_AT
from kernels.cell_moments import cell_moments, empty, merge, merge_cells
from kernels.column_codes import thresholds_of
from tests.oracles import column_cells as oracle

EDGES = (-1.0, -0.5, 0.0, 0.25, 2.0)
N_CELLS = 7
DTYPES = [np.float32, np.float64, np.int64]


def random_column(n_rows, dtype=np.float64, seed=0, n_without=0.1):
    """Return values, is_missing, ids: sorted in column 0, at random with rows in no cell in column 1; edges and specials among the values."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n_rows)
    special = rng.random(n_rows) < n_without
    if dtype == np.int64:
        values = np.round(3 * values)
    else:
        values[special] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, *EDGES], int(special.sum()))
    is_missing = special if dtype == np.int64 else None
    ids = np.stack([np.sort(rng.integers(0, 3, n_rows)), rng.choice([-1, 3, 4, 5], n_rows)], axis=1).astype(np.int32)
    return values.astype(dtype), is_missing, ids


def check(tally, values, is_missing, ids, edges=EDGES, n_cells=N_CELLS, rtol=1e-12):
    for cell, expected in enumerate(oracle.column_cells(values, ids, n_cells, edges, is_missing)):
        counts, n_infinite, minimum, maximum, n, mean, m2 = expected
        assert tally.counts[cell].tolist() == counts
        assert (tally.n_infinite[cell], tally.moments.n[cell]) == (n_infinite, n)
        np.testing.assert_array_equal([tally.minimum[cell], tally.maximum[cell]], [minimum, maximum])
        scale = max(math.sqrt(m2 / n) if n else 0.0, abs(mean))
        np.testing.assert_allclose(tally.moments.mean[cell], mean, rtol=rtol, atol=rtol * scale)
        np.testing.assert_allclose(tally.moments.m2[cell], m2, rtol=rtol, atol=0)


def same_bits(a, b):
    arrays = [[t.counts, t.n_infinite, t.minimum, t.maximum, *t.moments] for t in (a, b)]
    assert [array.tobytes() for array in arrays[0]] == [array.tobytes() for array in arrays[1]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [0, 1, 2, 23, RESHIFT_AT, RESHIFT_AT + 1, BLOCK_ROWS, BLOCK_ROWS + 1, 5 * BLOCK_ROWS + 3])
@pytest.mark.parametrize("n_without", [0.0, 0.2, 1.0])
def test_equals_the_definition(dtype, n_rows, n_without):
    values, is_missing, ids = random_column(n_rows, dtype, seed=n_rows, n_without=n_without)
    check(cell_moments(values, ids, N_CELLS, EDGES, is_missing=is_missing), values, is_missing, ids)


@pytest.mark.parametrize("edges", [(0.0, 0.0), (-0.5, 0.5), (0.0, 1.0, 1.0), tuple(np.linspace(-2, 2, 40).tolist())])
def test_other_edges(edges):
    values, _, ids = random_column(600, seed=3)
    check(cell_moments(values, ids, N_CELLS, edges), values, None, ids, edges)


def test_edges_belong_to_the_bin_that_they_begin_and_the_last_to_the_bin_that_it_ends():
    values = np.array([-np.inf, math.nextafter(1, 0), 1.0, math.nextafter(2, 0), 2.0, 3.0, math.nextafter(3, 4), np.inf, np.nan])
    tally = cell_moments(values, np.zeros((9, 1), np.int32), 1, (1.0, 2.0, 3.0))
    assert tally.counts.tolist() == [[2, 2, 2, 2, 1]]


def test_a_constant_has_a_bin_of_its_own():
    values = np.repeat([0.1, math.nextafter(0.1, 1), math.nextafter(0.1, 0), np.nan], [300, 2, 1, 4])
    tally = cell_moments(values, np.zeros((307, 1), np.int32), 1, (0.1, 0.1))
    assert tally.counts.tolist() == [[1, 300, 2, 4]]


def test_float32_is_compared_as_the_number_that_it_is():
    tenth = np.float32(0.1)  # a little above the float64 of that name
    values = np.array([tenth, np.nextafter(tenth, np.float32(0))], np.float32)
    tally = cell_moments(values, np.zeros((2, 1), np.int32), 1, (0.1, 1.0))
    assert tally.counts.tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize("at", [2**53, 2**62, -(2**62)])
def test_int64_is_never_rounded(at):
    values = np.array([at - 1, at, at + 1, at + 2, at + 3], np.int64)
    ids = np.zeros((5, 1), np.int32)
    tally = cell_moments(values, ids, 1, (at, at + 1, at + 2))
    assert tally.counts.tolist() == [[1, 1, 2, 1, 0]]
    assert tally.moments.m2[0] == 10.0


def test_int64_over_the_whole_range_of_the_type():
    values = np.array([-(2**63), 2**63 - 1, 0], np.int64)
    tally = cell_moments(values, np.zeros((3, 1), np.int32), 1, (-(2**63), 0, 2**63 - 1))
    assert tally.counts.tolist() == [[0, 1, 2, 0, 0]]
    np.testing.assert_allclose(tally.moments.m2, 2 * (2.0**63) ** 2, rtol=1e-12)


def test_real_edges_among_whole_numbers():
    values = np.arange(-2, 5, dtype=np.int64)
    edges = (-0.5, 1.5, 3.5)
    check(cell_moments(values, np.zeros((7, 1), np.int32), 1, edges), values, None, np.zeros((7, 1), int), edges, 1)


def test_whole_edges_beyond_float64_among_real_numbers():
    values = np.array([2.0**53, 2.0**53 + 2])
    tally = cell_moments(values, np.zeros((2, 1), np.int32), 1, (2**53 + 1, 2**53 + 3))
    assert tally.counts.tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_first_value_far_out_costs_no_digits(is_sorted):
    rng = np.random.default_rng(1)
    values = rng.normal(size=20_000)
    values[0] = 1e5
    ids = np.zeros((len(values), 1), np.int32) if is_sorted else np.resize([0, 1], len(values)).astype(np.int32)[:, None]
    check(cell_moments(values, ids, 2, EDGES), values, None, ids, n_cells=2)


def test_a_large_offset_leaves_the_variance():
    values, _, ids = random_column(2000, seed=5, n_without=0.0)
    values += 1e9
    check(cell_moments(values, ids, N_CELLS, EDGES), values, None, ids, rtol=1e-11)


def test_equal_values_have_no_variance_at_all():
    ids = np.zeros((BLOCK_ROWS + 9, 1), np.int32)
    assert cell_moments(np.full(len(ids), 0.1), ids, 1, EDGES).moments.m2.tolist() == [0.0]


def test_merged_cells_of_equal_values_have_no_variance_either():
    ids = np.resize(np.arange(12), 1000).astype(np.int32)[:, None]
    whole = merge_cells(cell_moments(np.full(1000, 0.7), ids, 13, EDGES), [np.arange(13), np.array([12, 5, 3])])
    assert whole.moments.mean.tolist() == [0.7, 0.7]
    assert whole.moments.m2.tolist() == [0.0, 0.0]


def test_squares_beyond_float64_make_m2_undefined_and_nothing_else():
    values = np.repeat([1e200, -1e200], 400)
    tally = cell_moments(values, np.zeros((800, 1), np.int32), 1, EDGES)
    assert not np.isfinite(tally.moments.m2[0])
    assert tally.counts[0].tolist() == [400, 0, 0, 0, 0, 400, 0]
    assert (tally.minimum[0], tally.maximum[0]) == (-1e200, 1e200)


@pytest.mark.parametrize("rows", [1, 300, 5000])
def test_pieces_and_threads(monkeypatch, rows):
    values, _, ids = random_column(1500)
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: rows)
    one = cell_moments(values, ids, N_CELLS, EDGES, n_threads=1)
    check(one, values, None, ids)
    for n_threads in (2, 5):
        same_bits(one, cell_moments(values, ids, N_CELLS, EDGES, n_threads=n_threads))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 700), st.integers(0, 700), st.integers(0, 2**16))
def test_parts_merge_to_the_whole_and_row_order_is_free(n_rows, cut, seed):
    values, _, ids = random_column(n_rows, seed=seed)
    cut = min(cut, n_rows)
    parts = [cell_moments(values[rows], ids[rows], N_CELLS, EDGES, n_threads=1) for rows in (slice(0, cut), slice(cut, None))]
    check(merge(*parts), values, None, ids)
    order = np.random.default_rng(seed).permutation(n_rows)
    check(cell_moments(values[order], ids[order], N_CELLS, EDGES, n_threads=1), values, None, ids)


def test_merge_with_the_tally_of_no_rows_changes_no_bit():
    values, _, ids = random_column(300)
    tally = cell_moments(values, ids, N_CELLS, EDGES)
    nothing = empty(N_CELLS, len(EDGES) + 2)
    same_bits(merge(nothing, tally), tally)
    same_bits(merge(tally, nothing), tally)


def test_merged_cells_are_cells_of_all_their_rows():
    values, _, ids = random_column(900, seed=8)
    tally = cell_moments(values, ids, N_CELLS, EDGES)
    groups = [np.array([0, 1, 2]), np.array([], int), np.array([4]), np.array([2, 0])]
    whole = merge_cells(tally, groups)
    together = np.stack([np.full(900, 0), np.where(ids[:, 1] == 4, 2, -1), np.where(ids[:, 0] != 1, 3, -1)], axis=1)
    check(whole, values, None, together, n_cells=4)
    assert merge_cells(tally, []).counts.shape == (0, len(EDGES) + 2)


def test_read_only_and_strided_input():
    values, _, ids = random_column(100)
    wide = np.repeat(values, 2)[::2]
    wide.setflags(write=False)
    same_bits(cell_moments(wide, np.asfortranarray(ids), N_CELLS, EDGES), cell_moments(values, ids, N_CELLS, EDGES))


VALUES, _, IDS = random_column(10)


@pytest.mark.parametrize(
    ("values", "ids", "edges", "marks", "error", "text"),
    [
        (np.zeros(len(VALUES), np.int32), IDS, EDGES, None, TypeError, "values has dtype int32; wanted float32 or float64 or int64"),
        (VALUES, IDS.astype(int), EDGES, None, TypeError, "ids has dtype int64; wanted int32"),
        (VALUES, IDS, EDGES, np.zeros(10, np.int8), TypeError, "is_missing has dtype int8; wanted bool"),
        (VALUES[:5], IDS, EDGES, None, ValueError, "wanted .n,., .n,., .n, columns."),
        (VALUES, IDS, EDGES, np.zeros(3, bool), ValueError, "wanted .n,., .n,., .n, columns."),
        (VALUES, np.full_like(IDS, N_CELLS), EDGES, None, ValueError, r"cells beyond the 7 of the grid; wanted -1\.\.6"),
        (VALUES, np.full_like(IDS, -2), EDGES, None, ValueError, "cells beyond the 7 of the grid"),
        (np.full(10, np.nan), np.full_like(IDS, -2), EDGES, None, ValueError, "cells beyond the 7 of the grid"),
        (VALUES, IDS, (1.0,), None, ValueError, "1 edges of bins; wanted at least two"),
        (VALUES, IDS, (1.0, 1.0, 2.0), None, ValueError, "only the last two may be equal"),
        (VALUES, IDS, (2.0, 1.0), None, ValueError, "wanted ascending numbers"),
        (VALUES, IDS, (0.0, math.nan), None, ValueError, "wanted ascending numbers"),
    ],
)
def test_refused(values, ids, edges, marks, error, text):
    with pytest.raises(error, match=text):
        cell_moments(values, ids, N_CELLS, edges, is_missing=marks)


def test_a_whole_block_of_an_unknown_cell_is_refused_too():
    with pytest.raises(ValueError, match="cells beyond the 1 of the grid"):
        cell_moments(np.zeros(BLOCK_ROWS), np.full((BLOCK_ROWS, 1), 3, np.int32), 1, EDGES)


def test_thresholds_move_no_value_to_another_bin():
    assert thresholds_of((0.1, 5.0, 1e300), np.int64).starts.tolist() == [1, 5]
    assert thresholds_of((0.1, 1e300), np.int64).last == 2**63 - 1
    assert thresholds_of((-1e300, -0.5), np.int64).starts.tolist() == [-(2**63)]
    assert thresholds_of((-1e300, -0.5), np.int64).last == -1
    assert thresholds_of((2**53 + 1, 2**53 + 3), np.float64).last == 2.0**53 + 2
