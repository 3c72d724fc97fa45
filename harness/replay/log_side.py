"""One log of two that are compared: which of its rows take part, and when they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import ReplayConf
from harness.records.replay import LogFiles
from harness.replay.column_parts import BATCH_ROWS, as_parquet, column_parts, kept_batches, schema_of
from harness.replay.dataset import reason_of, record_batches
from harness.replay.row_filter import kept_rows, times_of_rows


@dataclass(frozen=True)
class LogSide:
    """The rows of one log that are compared.

    Args:
        files: of the log, as Parquet.
        schema: of these files.
        keep: bool [n_rows] of the log: rows that are compared.
        key: under which the configuration names the log.
    """

    files: LogFiles
    schema: Any
    keep: NDArray[np.bool_]
    key: str

    @property
    def n_kept(self) -> int:
        """Rows that are compared."""
        return int(self.keep.sum())

    def type_of(self, name: str) -> pa.DataType | None:
        """Return the type of a column; None where there is no such column."""
        at = self.schema.get_field_index(name)
        return self.schema.field(at).type if at >= 0 else None

    def parts(self, name: str, as_codes: bool) -> Iterator[pa.Array]:
        """Yield a column of the compared rows; see `column_parts`."""
        try:
            yield from column_parts(self.files, name, self.keep, as_codes)
        except (pa.ArrowException, OSError) as trouble:
            raise undecodable(self.key, trouble) from trouble

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the compared rows, batch by batch."""
        try:
            yield from kept_batches(self.files, names, self.keep)
        except (pa.ArrowException, OSError) as trouble:
            raise undecodable(self.key, trouble) from trouble


@dataclass(frozen=True)
class LookedAt:
    """What one pass over the deciding columns finds.

    Args:
        side: `keep` are the rows that `replay.where` and `replay.limit` keep.
        timestamps_us: int64, one per kept row; None where the replay names no time column.
        n_beyond: rows beyond `replay.limit`.
        n_filtered: rows that `replay.where` leaves out.
    """

    side: LogSide
    timestamps_us: NDArray[np.int64] | None
    n_beyond: int
    n_filtered: int


def look_at(files: LogFiles, conf: ReplayConf, key: str, cache_dir: Path, limit: int | None) -> LookedAt:
    """Return which rows of a log `replay.where` and the limit keep, and their times.

    Raises
    ------
    ReplayError
        When a row that is kept has no time, a rule compares unlike types, or files cannot be decoded.
    """
    files = as_parquet(files, cache_dir, key)
    n_read = min(limit or files.n_rows, files.n_rows)
    keep = np.zeros(files.n_rows, np.bool_)
    keep[:n_read] = not conf.where  # where there are no rules, nothing of them is read
    times: list[NDArray[np.int64]] = []
    names = [*dict.fromkeys([*(rule.column for rule in conf.where), *([conf.timestamp] if conf.timestamp else [])])]
    row = 0
    for whole in _read(files, names, key) if names else ():
        batch = whole.slice(0, min(whole.num_rows, n_read - row))
        if batch.num_rows == 0:
            break
        passes = kept_rows(batch, conf.where)
        keep[row : row + batch.num_rows] = passes
        row += batch.num_rows
        if conf.timestamp:
            times.append(times_of_rows(batch if passes.all() else batch.filter(pa.array(passes)), conf.timestamp))
    found = np.concatenate([np.zeros(0, np.int64), *times]) if conf.timestamp else None
    return LookedAt(LogSide(files, schema_of(files), keep, key), found, files.n_rows - n_read, n_read - int(keep.sum()))


def narrowed(side: LogSide, taken: NDArray[np.bool_]) -> LogSide:
    """Return a side that keeps, of the rows that it kept, those `taken` (bool, one per kept row)."""
    keep = np.zeros_like(side.keep)
    keep[np.flatnonzero(side.keep)[taken]] = True
    return replace(side, keep=keep)


def _read(files: LogFiles, names: Sequence[str], key: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from record_batches(files, names, BATCH_ROWS)
    except (pa.ArrowException, OSError) as trouble:
        raise undecodable(key, trouble) from trouble


def undecodable(key: str, trouble: Exception) -> ReplayError:
    """Return what a user reads when PyArrow gives up on the log that the configuration names under `key`."""
    return ReplayError(f"{key}: the log cannot be decoded ({reason_of(trouble)}); a file is damaged: write it again")
