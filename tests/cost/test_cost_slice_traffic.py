from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.cost.slice_traffic as module
from harness.cost.slice_traffic import slice_traffic
from harness.records.tally import Grid

HOUR_US = 3_600_000_000
GRID = Grid(("all", "a", "a", "b", "b", "b"), ("all", "x", "y", "1", "2", "3"), ("all",))


def log(seed, n, n_hours, is_sorted):
    rng = np.random.default_rng(seed)
    stamps = rng.integers(-2 * HOUR_US, (n_hours - 2) * HOUR_US, n)
    ids = np.column_stack([np.zeros(n), rng.integers(1, 3, n), rng.choice([0, 3, 4, 5], n)]).astype(np.uint16)
    return np.sort(stamps) if is_sorted else stamps, ids, rng.integers(-1, 2, n).astype(np.int32)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    n=st.integers(1, 80),
    n_hours=st.integers(1, 40),
    is_sorted=st.booleans(),
    max_cells=st.sampled_from([1, 30, 1 << 18]),
    chunk=st.sampled_from([1, 7, 1 << 20]),
)
def test_every_row_is_counted_in_its_hour_and_parts(seed, n, n_hours, is_sorted, max_cells, chunk):
    stamps, ids, versions = log(seed, n, n_hours, is_sorted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MAX_CELLS", max_cells)
        patch.setattr(module, "_CHUNK_ROWS", chunk)
        found = slice_traffic(stamps, ids, GRID, 2.0, versions, ("v1", "v2"))
    wanted = Counter()
    for stamp, row, version in zip(stamps.tolist(), ids.tolist(), versions.tolist(), strict=True):
        wanted[stamp // HOUR_US, "all", "all"] += 0.5
        wanted[stamp // HOUR_US, "a", GRID.slice_value[row[1]]] += 0.5
        if row[2]:
            wanted[stamp // HOUR_US, "b", GRID.slice_value[row[2]]] += 0.5
        wanted[stamp // HOUR_US, "model_version", ("v1", "v2", "missing")[version]] += 0.5
    parts = [(found.part_by[i], found.part_value[i]) for i in found.part_id]
    assert (
        dict(zip([(h, *part) for h, part in zip(found.hour.tolist(), parts, strict=True)], found.requests.tolist(), strict=True)) == wanted
    )
    assert (np.diff(found.hour) >= 0).all()
    assert (found.requests > 0).all()


def test_without_versions_there_are_none():
    stamps, ids, versions = log(0, 20, 3, is_sorted=True)
    assert "model_version" not in slice_traffic(stamps, ids, GRID, 1.0).part_by
    known = slice_traffic(stamps, ids, GRID, 1.0, np.abs(versions), ("v1", "v2"))
    assert known.part_value[-2:] == ("v1", "v2")


def test_no_rows():
    found = slice_traffic(np.zeros(0, np.int64), np.zeros((0, 3), np.uint16), GRID, 1.0)
    assert (found.hour.size, found.part_id.size, found.requests.size) == (0, 0, 0)
    assert found.part_by == GRID.slice_by
