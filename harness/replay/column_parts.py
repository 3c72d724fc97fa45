"""One column of a log, file after file, of the rows that are kept."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.replay import LogFiles
from harness.replay.dataset import format_of, reason_of, record_batches

PART_ROWS = 1 << 20  # 8 MB of a wide column: few enough calls that two threads do not wait for each other
BATCH_ROWS = 131_072
_BUFFER_BYTES = 1 << 20


def column_parts(files: LogFiles, name: str, keep: NDArray[np.bool_], as_codes: bool) -> Iterator[pa.Array]:
    """Yield the values of one column in the kept rows, in the order of the log; row groups without a kept row are not read.

    Parameters
    ----------
    files
        Parquet files; each is opened anew, so that threads may read different columns at once.
    keep
        bool [n_rows] of the log.
    as_codes
        Whether texts come as dictionaries, of which each text is decoded once a row group.
    """
    first = 0
    for path in files.paths:
        codes = [name] if as_codes else None
        with pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False, read_dictionary=codes) as file:
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
            starts = first + np.cumsum([0, *sizes])
            masks = [keep[a:b] for a, b in itertools.pairwise(starts.tolist())]
            wanted = [i for i, mask in enumerate(masks) if mask.any()]
            first = int(starts[-1])
            if wanted:
                batches = file.iter_batches(PART_ROWS, row_groups=wanted, columns=[name], use_threads=False)
                whole = np.concatenate([masks[i] for i in wanted])
                yield from (array.column(name) for array in _kept(batches, whole))


def kept_batches(files: LogFiles, columns: Sequence[str], keep: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    """Yield the kept rows of some columns, batch by batch; `keep` bool [n_rows] of the log."""
    return _kept(record_batches(files, columns, BATCH_ROWS), keep)


def _kept(batches: Iterator[pa.RecordBatch], keep: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in batches:
        part = keep[row : row + batch.num_rows]
        row += batch.num_rows
        if part.all():
            yield batch
        elif part.any():
            yield batch.filter(pa.array(part))


def schema_of(files: LogFiles) -> Any:
    """Return the schema of Parquet files that have one."""
    return pq.read_schema(files.paths[0])


def as_parquet(files: LogFiles, cache_dir: Path, key: str = "replay.path") -> LogFiles:
    """Return a log whose columns can be read one at a time: itself, or the Parquet copy of CSV files, written once and kept in the cache.

    The copy is known by the bytes of the log and by the version of PyArrow, which guesses the types of a CSV file. It may be deleted.

    Raises
    ------
    ReplayError
        When a file cannot be decoded, or the cache cannot be written.
    """
    if format_of(files.paths[0]) != "csv":
        return files
    copy = cache_dir / "csv" / f"{files.fingerprint[:24]}-{pa.__version__}.parquet"
    if not copy.exists():
        temporary = copy.with_name(f".{copy.name}.{os.getpid()}")
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            _write(files, temporary)
            temporary.replace(copy)
        except pa.ArrowException as trouble:
            raise ReplayError(f"{key}: the log cannot be decoded ({reason_of(trouble)}); a file is damaged: write it again") from trouble
        except OSError as trouble:
            raise ReplayError(
                f"cache_dir: {copy.parent} cannot be written ({trouble.strerror or trouble}); free disk space or set cache_dir to another folder"
            ) from trouble
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return replace(files, paths=(copy,))


def _write(files: LogFiles, target: Path) -> None:
    writer: Any = None
    try:
        for batch in record_batches(files, [c.name for c in files.columns], BATCH_ROWS):
            writer = writer or pq.ParquetWriter(target, batch.schema)
            writer.write_batch(batch, row_group_size=PART_ROWS)
    finally:
        if writer is not None:
            writer.close()
