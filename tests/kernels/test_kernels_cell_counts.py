"""Counts of categories by cell against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.cell_counts as module
from kernels.cell_counts import cell_counts
from tests.oracles import column_cells as oracle

RECODE = np.array([2, 0, 1, 2, 2], np.int32)


def random_codes(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, len(RECODE), n_rows).astype(np.int32)
    return codes, np.stack([rng.integers(0, 3, n_rows), rng.choice([-1, 3, 4], n_rows)], axis=1).astype(np.int32)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 2**16))
def test_equals_the_definition_in_any_parts_and_order(n_rows, cut, seed):
    codes, ids = random_codes(n_rows, seed)
    counts = cell_counts(codes, ids, 5, RECODE, 4, n_threads=1)
    np.testing.assert_array_equal(counts, oracle.category_cells(codes, ids, 5, RECODE, 4))
    order = np.random.default_rng(seed).permutation(n_rows)
    parts = [cell_counts(codes[rows], ids[rows], 5, RECODE, 4) for rows in (order[:cut], order[cut:])]
    np.testing.assert_array_equal(sum(parts), counts)


@pytest.mark.parametrize("n_threads", [2, 3, None])
def test_pieces_of_threads(monkeypatch, n_threads):
    monkeypatch.setattr(module, "MIN_PIECE_ROWS", 1)
    codes, ids = random_codes(400)
    np.testing.assert_array_equal(
        cell_counts(codes, ids, 5, RECODE, 4, n_threads=n_threads), oracle.category_cells(codes, ids, 5, RECODE, 4)
    )


def test_no_category_at_all():
    counts = cell_counts(np.full(3, -1, np.int32), np.zeros((3, 1), np.int32), 1, np.zeros(0, np.int32), 1)
    assert counts.tolist() == [[3]]


CODES, IDS = random_codes(10)


@pytest.mark.parametrize(
    ("codes", "ids", "recode", "error", "text"),
    [
        (CODES.astype(np.int8), IDS, RECODE, TypeError, "values has dtype int8; wanted int32"),
        (CODES, IDS[:4], RECODE, ValueError, "wanted .n,., .n,., .n, columns."),
        (CODES, IDS, RECODE + 1, ValueError, r"recode holds 1\.\.3; wanted 0\.\.2, as the last bin is missing"),
        (np.full_like(CODES, 5), IDS, RECODE, ValueError, "20 codes or ids are outside the 5 categories and 5 cells"),
        (np.full_like(CODES, -2), IDS, RECODE, ValueError, "20 codes or ids are outside"),
        (CODES, np.full_like(IDS, 5), RECODE, ValueError, "20 codes or ids are outside"),
        (CODES, np.full_like(IDS, -2), RECODE, ValueError, "20 codes or ids are outside"),
    ],
)
def test_refused(codes, ids, recode, error, text):
    with pytest.raises(error, match=text):
        cell_counts(codes, ids, 5, recode, 4)
