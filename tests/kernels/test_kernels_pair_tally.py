"""The moments of every value and value pair against a groupby, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.pair_tally as module
from kernels.pair_tally import BLOCK_ROWS, chunk_rows, merge, pair_tally, tables_of
from tests.oracles import slice_search_oracle as oracle

WIDTHS = (3, 1, 5, 4)


def random_rows(n_rows, widths=WIDTHS, seed=0, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    ids = np.array([rng.integers(0, width, n_rows) for width in widths], dtype).reshape(len(widths), n_rows)
    return rng.gamma(0.5, size=n_rows), ids


def by_slice(tally):
    """Return {terms: (n, mean, m2)} as the oracle does, found from where the tables say that cells are."""
    out = {}
    for table, (a, b) in enumerate(zip(tally.first_column.tolist(), tally.second_column.tolist(), strict=True)):
        for cell in range(tally.first_cell[table], tally.first_cell[table + 1]):
            i, j = divmod(cell - int(tally.first_cell[table]), int(tally.second_width[table]))
            terms = ((a, i),) if a == b else ((a, i), (b, j))
            if tally.moments.n[cell]:
                out[terms] = tuple(part[cell] for part in tally.moments)
    return out


def check(tally, losses, ids):
    found, expected = by_slice(tally), oracle.moments(losses.astype(np.float64), ids)
    assert found.keys() == expected.keys()
    for terms, (n, mean, m2) in expected.items():
        assert found[terms][0] == n
        np.testing.assert_allclose(found[terms][1:], (mean, m2), rtol=1e-10, atol=1e-12, err_msg=str(terms))


def same_bits(a, b):
    assert [part.tobytes() for part in a.moments] == [part.tobytes() for part in b.moments]


@pytest.mark.parametrize("n_rows", [0, 1, 23, 500, BLOCK_ROWS - 1, BLOCK_ROWS + 1, 3 * BLOCK_ROWS])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_equals_the_groupby(n_rows, dtype):
    losses, ids = random_rows(n_rows, seed=n_rows, dtype=dtype)
    check(pair_tally(losses, ids, WIDTHS), losses, ids)


def test_float32_losses_are_summed_in_float64():
    losses, ids = random_rows(5000)
    check(pair_tally(losses.astype(np.float32), ids, WIDTHS), losses.astype(np.float32), ids)


def test_one_column_has_no_pairs_and_no_column_has_no_cell():
    losses, ids = random_rows(40, widths=(3,))
    check(pair_tally(losses, ids, [3]), losses, ids)
    assert len(pair_tally(losses, ids[:0], []).moments.n) == 0


def test_without_pairs_only_single_columns_are_there():
    losses, ids = random_rows(100)
    alone = pair_tally(losses, ids, WIDTHS, pairs=False)
    assert len(alone.moments.n) == sum(WIDTHS)
    np.testing.assert_array_equal(alone.moments.mean, pair_tally(losses, ids, WIDTHS).moments.mean[: sum(WIDTHS)])


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_pieces_and_threads(monkeypatch, rows):
    losses, ids = random_rows(200)
    monkeypatch.setattr(module, "chunk_rows", lambda n_cells: rows)
    one = pair_tally(losses, ids, WIDTHS, n_threads=1)
    check(one, losses, ids)
    for n_threads in (2, 3, 5):
        same_bits(one, pair_tally(losses, ids, WIDTHS, n_threads=n_threads))


def test_pieces_depend_on_the_tables_alone():
    assert chunk_rows(1) == 1 << 16
    assert chunk_rows(1 << 30) == 1 << 20
    assert chunk_rows(20_000) == 1 << 18


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**16))
def test_batches_merge_to_the_whole_and_row_order_is_free(n_rows, cut, seed):
    losses, ids = random_rows(n_rows, seed=seed)
    cut = min(cut, n_rows)
    parts = [pair_tally(losses[rows], ids[:, rows], WIDTHS, n_threads=1) for rows in (slice(0, cut), slice(cut, None))]
    check(merge(*parts), losses, ids)
    order = np.random.default_rng(seed).permutation(n_rows)
    check(pair_tally(losses[order], ids[:, order], WIDTHS, n_threads=1), losses, ids)


def test_merge_with_the_tally_of_no_rows_changes_no_bit():
    losses, ids = random_rows(100)
    tally = pair_tally(losses, ids, WIDTHS)
    same_bits(merge(tables_of(WIDTHS), tally), tally)
    same_bits(merge(tally, tables_of(WIDTHS)), tally)


def test_relabelled_values_give_relabelled_results():
    losses, ids = random_rows(300)
    turned = ids.copy()
    turned[2] = 4 - ids[2]
    found = {
        tuple((c, 4 - v if c == 2 else v) for c, v in terms): values
        for terms, values in by_slice(pair_tally(losses, turned, WIDTHS)).items()
    }
    assert found == by_slice(pair_tally(losses, ids, WIDTHS))


def test_a_large_offset_leaves_the_variance():
    losses, ids = random_rows(1000)
    near, far = pair_tally(losses, ids, WIDTHS), pair_tally(losses + 1e6, ids, WIDTHS)
    np.testing.assert_allclose(far.moments.m2, near.moments.m2, rtol=1e-6, atol=1e-6)


def test_equal_losses_have_no_variance_at_all():
    ids = random_rows(500)[1]
    assert pair_tally(np.full(500, 0.1), ids, WIDTHS).moments.m2.tolist() == [0.0] * len(tables_of(WIDTHS).moments.n)


def test_read_only_and_transposed_input():
    losses, ids = random_rows(100)
    across = np.asfortranarray(ids)
    across.setflags(write=False)
    same_bits(pair_tally(losses, across, WIDTHS), pair_tally(losses, ids, WIDTHS))


LOSSES, IDS = random_rows(10)


@pytest.mark.parametrize(
    ("losses", "ids", "widths", "error", "text"),
    [
        (LOSSES.astype(int), IDS, WIDTHS, TypeError, "wanted float64 or float32"),
        (LOSSES, IDS.astype(int), WIDTHS, TypeError, "wanted uint8 or uint16"),
        (LOSSES, IDS[:2], WIDTHS, ValueError, r"shape \(2, 10\); wanted \(4, 10\)"),
        (LOSSES[:, None], IDS, WIDTHS, ValueError, "wanted"),
        (LOSSES, np.full_like(IDS, 4), (3, 5, 5, 5), ValueError, "column 0 reaches 4; wanted 0..2"),
        (np.append(LOSSES[1:], np.nan), IDS, WIDTHS, ValueError, "not finite"),
        (np.append(LOSSES[1:], np.inf), IDS, WIDTHS, ValueError, "not finite"),
    ],
)
def test_refused(losses, ids, widths, error, text):
    with pytest.raises(error, match=text):
        pair_tally(losses, ids, widths)
