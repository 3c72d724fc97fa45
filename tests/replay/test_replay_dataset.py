"""A log is decoded as its batches are asked for, and not ahead of them."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.replay.dataset import record_batches
from harness.replay.log_files import open_log


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    rng = np.random.default_rng(0)
    for part in range(2):
        table = pa.table({name: rng.random(200_000) for name in ("a", "b", "c", "a.d")})
        pq.write_table(table, folder / f"{part}.parquet", row_group_size=20_000)
    return open_log(str(folder), None)


def test_memory_does_not_grow_with_the_log_when_batches_are_taken_slowly(log):
    before, most = pa.total_allocated_bytes(), 0
    for batch in record_batches(log, ["a", "b", "c"], 10_000):
        time.sleep(0.005)  # a reader that decodes ahead would do it now
        most = max(most, pa.total_allocated_bytes() - before)
        del batch
    assert most < 4e6  # of 9.6 MB


@pytest.mark.parametrize("batch_rows", [7_001, 500_000])
def test_batches_hold_the_rows_of_all_files_in_order(log, batch_rows):
    wanted = np.concatenate([pq.read_table(path).column("a.d").to_numpy() for path in log.paths])
    batches = list(record_batches(log, ["a.d", "b"], batch_rows))
    np.testing.assert_array_equal(np.concatenate([b.column("a.d").to_numpy() for b in batches]), wanted)
    assert max(b.num_rows for b in batches) <= batch_rows
