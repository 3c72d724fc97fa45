"""Hashes of keys do not depend on the blocks in which texts are hashed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from harness.replay import join_keys
from harness.replay.join_keys import hashes_of

TEXTS = ["a", "", "b", "ä", "a", "long " * 50, "b"]


@pytest.mark.parametrize("block_rows", [1, 3, 7, 100])
def test_texts_are_hashed_block_by_block(monkeypatch, block_rows):
    made = []
    monkeypatch.setattr(join_keys, "_BLOCK_ROWS", block_rows)
    whole = join_keys._hashes
    monkeypatch.setattr(join_keys, "_hashes", lambda values: made.append(len(values)) or whole(values))
    found = hashes_of([pa.array(TEXTS, pa.large_string())])
    np.testing.assert_array_equal(found, pd.util.hash_array(np.array(TEXTS, object), categorize=False))
    assert found.dtype == np.uint64
    assert max(made) <= block_rows
    assert sum(made) == len(TEXTS)


def test_no_texts_have_no_hashes():
    assert hashes_of([pa.array([], pa.large_string())]).tolist() == []
