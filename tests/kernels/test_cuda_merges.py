"""What a card merges cell by cell, against the definitions: exact integers of Python, and moments of all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import cell_moment_rules, cell_moments, column_codes, value_moments
from kernels.chunks import cuda_chunk_rows, tally_chunk_rows
from kernels.moments import merge_shifted, moments_from_shifted
from kernels.rank_cross import FIRST_CROSS, N_CROSS, _merge_cross
from kernels.rank_cross import N_RECORD as N_CROSS_RECORD
from kernels.rank_sum import N_RECORD, N_TOTAL, merge_ranks, tally_of_totals
from tests.oracles import column_cells

COUNTS = st.integers(0, 2**29)
# the record of a row: one shift, sum, squares, a word that is only added, and two counters
FIRST_VALUE, N_VALUES, FIRST_COUNTER, N_COUNTERS = 1, 1, 5, 2


def shifted_record(values, counters):
    record = np.zeros(7)
    if len(values):
        d = values - values[0]
        record[1:5] = values[0], d.sum(), (d * d).sum(), 10.0 * len(values)
    record[5:] = counters
    return record


def merged(parts):
    total = np.zeros(7)
    for piece, values in enumerate(parts):
        n_high = int((values > 0).sum())
        record = shifted_record(values, (len(values) - n_high, n_high))
        merge_shifted(piece, 0, record, total, FIRST_VALUE, N_VALUES, FIRST_COUNTER, N_COUNTERS)
    return total


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(-1e3, 1e3), max_size=20), cuts=st.lists(st.integers(0, 20), max_size=5))
def test_any_pieces_have_the_moments_of_all_rows(values, cuts):
    values = np.array(values)
    total = merged(np.split(values, sorted(min(cut, len(values)) for cut in cuts)))
    n = len(values)
    assert total[FIRST_COUNTER:].sum() == n
    assert total[FIRST_COUNTER + 1] == (values > 0).sum()
    assert total[4] == 10.0 * n
    assert total[0] == 0.0  # before the first value: not of a moment
    assert total[1] == pytest.approx(values.mean() if n else 0.0, rel=1e-12, abs=1e-9)
    assert total[3] == pytest.approx(((values - values.mean()) ** 2).sum() if n else 0.0, rel=1e-9, abs=1e-6)


def test_a_total_is_a_record_of_the_same_rows():
    total = merged([np.array([1.0, 2.0]), np.array([]), np.array([6.0])])
    moments = moments_from_shifted(np.array([3]), *(total[word : word + 1] for word in (1, 2, 3)))
    assert (moments.mean[0], moments.m2[0]) == (3.0, 14.0)


def test_one_row_has_no_spread_and_nan_stays():
    assert merged([np.array([0.1])])[3] == 0.0
    assert np.isnan(merged([np.array([1.0]), np.array([np.nan, 2.0])])[[1, 3]]).all()


def wide(total, at):
    return int(total[at]) * 2**32 + int(total[at + 1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.booleans()), max_size=6), st.data())
def test_rank_sums_of_pieces_are_exact_above_64_bits(pieces, data):
    total, before = np.zeros(N_TOTAL, np.int64), np.zeros((len(pieces), 1, 2), np.int64)
    are_groups = np.array([is_group for *_, is_group in pieces], np.uint8)
    p = n = sum_a = sum_a2 = sum_b2 = 0
    for piece, (positives, negatives, own_a2, own_b2, is_group) in enumerate(pieces):
        record = np.zeros(N_RECORD, np.int64)
        own_a = positives * negatives if is_group else data.draw(st.integers(0, 2 * positives * negatives))
        own_b = 2 * positives * negatives - own_a
        if is_group:  # every row of a group has the other class beside it
            own_a2, own_b2 = positives * negatives**2, negatives * positives**2
            record[4:7] = -1  # may have overflowed: not read
        else:
            record[4:7] = own_a, own_a2, own_b2
        record[:2] = positives, negatives
        merge_ranks(piece, 0, record, total, are_groups, before)
        assert before[piece, 0].tolist() == [2 * n, 2 * p]
        sum_a2 += own_a2 + 4 * n * own_a + 4 * n * n * positives
        sum_b2 += own_b2 + 4 * p * own_b + 4 * p * p * negatives
        sum_a += own_a + 2 * n * positives
        p, n = p + positives, n + negatives
        if max(p, n) >= 2**30:  # beyond what an order holds
            break
    tally = tally_of_totals(total[None])
    assert (int(tally.n_positive[0]), int(tally.n_negative[0]), int(tally.sum_a[0])) == (p, n, sum_a)
    assert (wide(total, 3), wide(total, 5)) == (sum_a2, sum_b2)
    assert 0 <= tally.sum_a2_lo[0] < 2**32


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 2**20), *[st.integers(0, 2**60)] * 4), min_size=1, max_size=4))
def test_cross_products_of_pieces_are_exact_above_64_bits(pieces):
    total = np.zeros(N_TOTAL + 4, np.int64)
    expected, p, n = [0, 0], 0, 0
    for piece, (positives, negatives, champion, single, hi, lo) in enumerate(pieces):
        record = np.zeros(N_CROSS_RECORD, np.int64)
        record[:2], record[4] = (positives, negatives), positives * negatives
        for side, before in enumerate((n, p)):
            word = FIRST_CROSS + N_CROSS * side
            record[word : word + 4] = champion + side, single, hi, lo
            expected[side] += (champion + side) * 2 * before + single + hi * 2**32 + lo
        _merge_cross(piece, 0, record, total, np.zeros(len(pieces), np.uint8))
        p, n = p + positives, n + negatives
    assert [wide(total, N_TOTAL), wide(total, N_TOTAL + 2)] == expected
    assert (int(total[0]), int(total[1])) == (p, n)


def parts_of(values, cuts):
    return np.split(values, sorted(min(cut, len(values)) for cut in cuts))


PAIRS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), max_size=20)


@settings(max_examples=60, deadline=None)
@given(rows=PAIRS, cuts=st.lists(st.integers(0, 20), max_size=5))
def test_any_pieces_have_the_joint_moments_of_all_rows(rows, cuts):
    values, total = np.array(rows).reshape(-1, 2) + 1e6, np.zeros(6)
    for piece, part in enumerate(parts_of(values, cuts)):
        d = part - part.mean(axis=0) if len(part) else part
        mean = part.mean(axis=0) if len(part) else np.zeros(2)
        record = np.array([len(part), *mean, *(d.T @ d)[np.triu_indices(2)]])
        value_moments._merge_records(piece, 0, record, total, 2)
    n = len(values)
    mean = values.mean(axis=0) if n else np.zeros(2)
    expected = ((values - mean).T @ (values - mean))[np.triu_indices(2)]
    assert total[0] == n
    np.testing.assert_allclose(total[1:3], mean, rtol=1e-12)
    np.testing.assert_allclose(total[3:], expected, rtol=1e-9, atol=1e-5)


def test_no_values_are_counted_and_one_piece_stays_bit_for_bit():
    total = np.zeros(1)
    for piece, n in enumerate((2.0, 0.0, 3.0)):
        value_moments._merge_records(piece, 0, np.array([n]), total, 0)
    assert total.tolist() == [5.0]
    record, total = np.array([3.0, 0.1, 1e200, 0.3, 1e300, 0.7]), np.zeros(6)
    for piece, one in enumerate((np.zeros(6), record, np.zeros(6))):
        value_moments._merge_records(piece, 0, one, total, 2)
    assert total.tobytes() == record.tobytes()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.sampled_from([-3.0, -0.0, 0.5, 2.0, 1e6, np.nan, np.inf, -np.inf]), max_size=20),
    cuts=st.lists(st.integers(0, 20), max_size=5),
)
def test_any_pieces_of_a_column_have_its_bins_range_and_moments(rows, cuts):
    values, edges = np.array(rows), (-1.0, 0.0, 2.0)
    arguments = (*column_codes.thresholds_of(edges, np.float64),)
    total = cell_moments._empty_table(1, 5, 0).reshape(2, -1)
    empty = total.copy()
    for piece, part in enumerate(parts_of(values, cuts)):
        records = empty.copy()
        ids = np.zeros((len(part), 1), np.int32)
        cell_moment_rules.add_rows(0, len(part), 0, 1, part, np.zeros(0, np.bool_), ids, 1, 0.0, *arguments, records)
        for cell in range(2):
            cell_moment_rules.merge_records(piece, cell, records[cell], total[cell], 5)
    found = cell_moments._tally_of_table(total.ravel(), 1, 5)
    counts, n_infinite, low, high, n, mean, m2 = column_cells.column_cells(values, np.zeros((len(rows), 1), int), 1, edges)[0]
    assert found.counts[0].tolist() == counts
    assert (found.n_infinite[0], found.moments.n[0]) == (n_infinite, n)
    np.testing.assert_array_equal((found.minimum[0], found.maximum[0]), (low, high))
    np.testing.assert_allclose((found.moments.mean[0], found.moments.m2[0]), (mean, m2), rtol=1e-12, atol=1e-9)


def test_squares_beyond_float64_stay_undefined():
    record = cell_moments._empty_table(0, 4, 0)
    record[[cell_moments.N, cell_moments.SUM, cell_moments.SQUARE]] = 2.0, 1e200, np.inf
    total = cell_moments._empty_table(0, 4, 0)
    cell_moment_rules.merge_records(0, 0, record, total, 4)
    assert not np.isfinite(total[cell_moments.SQUARE])


@pytest.mark.parametrize("n_cells", [1, 10, 1279, 10**6])
def test_chunks_of_a_card_hang_on_the_grid_alone_and_are_no_larger(n_cells):
    assert 2**12 <= cuda_chunk_rows(n_cells) <= tally_chunk_rows(n_cells) <= 2**20
    assert cuda_chunk_rows(n_cells) >= min(8 * n_cells, 2**20)


@pytest.mark.parametrize("n_columns", [1, 2, 3, 4, 20])
def test_a_hundred_million_rows_are_a_hundred_thousand_threads_of_a_card(n_columns):
    assert 10**8 / cuda_chunk_rows(87, n_columns, 27) * n_columns > 90_000


def test_wide_cells_have_larger_chunks_of_a_card():
    assert cuda_chunk_rows(1279, 4, 64) == cuda_chunk_rows(1279, 4, 1) == 16384
    assert cuda_chunk_rows(1279, 4, 640) == 131_072  # 8 * 12,790 rows
    assert cuda_chunk_rows(0, 0, 0) == 1024
