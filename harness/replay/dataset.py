"""How PyArrow opens the files of a log, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from harness.records.replay import LogFiles

_BUFFER_BYTES = 1 << 16  # of each column's stream; without it a column chunk is read as a whole


def format_of(file: Path) -> str:
    """Return the format of a file by its name: csv or parquet."""
    return "csv" if file.suffix == ".csv" else "parquet"


def table_of(files: LogFiles, columns: Sequence[str]) -> Any:
    """Return columns of a log as one PyArrow table in memory."""
    return _dataset_of(files).to_table(columns=list(columns))


def record_batches(files: LogFiles, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most `batch_rows` rows in the order of the log; columns that were not asked for may be among theirs.

    A Parquet file is decoded as its batches are asked for. The scanner of a PyArrow data set decodes ahead of a slower consumer, by
    hundreds of megabytes, and its pre-buffering holds the bytes of every column until a file is read.
    """
    if format_of(files.paths[0]) == "csv":
        yield from _dataset_of(files).scanner(columns=list(columns), batch_size=batch_rows).to_batches()
        return
    for path in files.paths:
        with pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            yield from file.iter_batches(batch_rows, columns=list(columns))


def _dataset_of(files: LogFiles) -> Any:
    return ds.dataset([str(p) for p in files.paths], format=format_of(files.paths[0]))


def one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column of a table (or of a batch) as one array."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def reason_of(trouble: Exception) -> str:
    """Return PyArrow's reason without the path, which it puts before the reason, twice."""
    line = str(trouble).splitlines()[0]
    return line.rpartition("': ")[2].rstrip(".")[:200]
