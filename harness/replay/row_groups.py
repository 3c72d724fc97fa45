"""Row groups of Parquet files read some at a time, and put back together as the batches that a walk by batches gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from harness.replay.dataset import one_chunk

_VALUE_BYTES = 8  # of a decoded value at least; a Parquet dictionary can hold it in less than a bit
_TEXT_BYTES = 40  # of a decoded text at least: 8 for its offset and 32 of its own, which a Parquet dictionary holds once for all rows


def chunks_of(file: pq.ParquetFile, columns: Sequence[str], most_bytes: int) -> list[list[int]]:
    """Return the row groups of a file in their order, as many at a time as decode to about `most_bytes`, and one at least.

    Groups without rows are left out. The size of decoded texts is a guess: Parquet does not say it.
    """
    found: list[list[int]] = []
    room = 0
    for group in range(file.metadata.num_row_groups):
        if not file.metadata.row_group(group).num_rows:
            continue
        size = _decoded_bytes(file, group, columns)
        if not found or size > room:
            found.append([])
            room = most_bytes
        found[-1].append(group)
        room -= size
    return found


def _decoded_bytes(file: pq.ParquetFile, group: int, columns: Sequence[str]) -> int:
    part = file.metadata.row_group(group)
    leaves = (part.column(i) for i in range(part.num_columns))
    asked = [leaf for leaf in leaves if any(leaf.path_in_schema == c or leaf.path_in_schema.startswith(f"{c}.") for c in columns)]
    least = {True: _TEXT_BYTES, False: _VALUE_BYTES}
    return sum(max(leaf.total_uncompressed_size, part.num_rows * least[leaf.physical_type == "BYTE_ARRAY"]) for leaf in asked)


def batch_ends(file: pq.ParquetFile, columns: Sequence[str], batch_rows: int) -> list[int]:
    """Return the row after each batch of `ParquetFile.iter_batches`: also where a row group ends, if a column is dictionary-encoded.

    A dictionary belongs to one row group, so that PyArrow cuts a batch there; other batches go on across row groups.
    """
    n_rows = file.metadata.num_rows
    ends = {*range(batch_rows, n_rows, batch_rows), n_rows}
    if any(pt.is_dictionary(file.schema_arrow.field(name).type) for name in columns):
        groups = range(file.metadata.num_row_groups)
        ends |= set(np.cumsum([file.metadata.row_group(g).num_rows for g in groups]).tolist())
    return sorted(ends - {0})


def rebatched(tables: Iterable[pa.Table], ends: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """Cut consecutive tables of one file at the rows `ends`.

    >>> tables = [pa.table({"a": [1, 2, 3, 4]}), pa.table({"a": [5, 6]})]
    >>> [batch.column("a").tolist() for batch in rebatched(tables, [3, 5, 6])]
    [[1, 2, 3], [4, 5], [6]]
    """
    held: pa.Table | None = None
    start, waiting = 0, list(reversed(ends))
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        while waiting and waiting[-1] <= start + len(held):
            n_rows = waiting.pop() - start
            yield _one_batch(held.slice(0, n_rows))
            held, start = held.slice(n_rows), start + n_rows


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    columns = [one_chunk(column) for column in table.columns]  # of two chunks' dictionaries PyArrow makes one
    return pa.RecordBatch.from_arrays(columns, names=table.column_names)


def in_order_met(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a dictionary-encoded column whose codes are in the order in which its rows meet the values, as `dictionary_encode` gives them.

    >>> encoded = pa.DictionaryArray.from_arrays(pa.array([2, None, 0, 2]), pa.array(["a", "b", "c"]))
    >>> in_order_met(encoded).indices.tolist(), in_order_met(encoded).dictionary.tolist()
    ([0, None, 1, 0], ['c', 'a'])
    """
    codes: Any = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    met = pd.unique(codes)
    met = met[met >= 0]
    table = np.full(len(column.dictionary) + 1, -1, np.int32)  # its last entry is that of null
    table[met] = np.arange(len(met), dtype=np.int32)
    final = table[codes]
    return pa.DictionaryArray.from_arrays(
        pa.array(final, mask=final < 0), column.dictionary.take(pa.array(met)), ordered=column.type.ordered
    )
