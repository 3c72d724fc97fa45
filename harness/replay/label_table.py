"""Labels that arrive in another file: looked up by key for each batch of the log."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import LabelSource
from harness.records.replay import LogFiles
from harness.replay.dataset import one_chunk, reason_of, table_of
from harness.replay.join_keys import JoinKeys, equal_keys, hashes_of
from harness.replay.times import microseconds_of, time_text


class LabelTable:
    """The label file in memory, sorted by a hash of its keys; the log streams past it.

    Memory per label row: 12 bytes (hash and order), 2 (whether it has a label, and whether a row asked for it), 8 with `observed_at`, the label, and the keys: 8 for a
    number or a time, 8 and its bytes for a text. Hashes only narrow the search: keys are compared themselves.

    Raises
    ------
    ReplayError
        When a key stands there twice, no row has a key, a label has no time of observation, or times of the two files have no unit in common.
    """

    def __init__(self, log: LogFiles, source: LabelSource, as_of_us: int | None) -> None:
        assert log.labels is not None
        self.source, self._file, self._as_of_us = source, Path(source.path).name, as_of_us
        self._join = JoinKeys(log, log.labels, source)
        self._n_sought, self._n_given, self._first_key = 0, 0, ""
        table, self.n_rows = self._with_keys(_read(log.labels, source))
        self._is_asked = np.zeros(len(table), bool)
        column = one_chunk(table.column(source.column))
        self._labels = column.dictionary_encode() if pt.is_string(column.type) or pt.is_large_string(column.type) else column
        self._has_label = _valid(self._labels)
        self._observed_us = self._times(table)
        self._keys = self._join.of(table)
        del table, column  # before the sort, which takes as much again
        self._order, self._hashes = _sorted(hashes_of(self._keys))
        self._longest_run = self._refuse_duplicates()

    def _with_keys(self, table: pa.Table) -> tuple[pa.Table, int]:
        """Return the rows that have a key, and the number of all."""
        has_key = reduce(pc.and_, (pc.is_valid(table.column(name)) for name in self.source.on))
        kept = table if pc.all(has_key).as_py() else table.filter(has_key)
        if not len(kept):
            raise ReplayError(
                f"replay.labels.on: no row of {self._file} has a value in {_list(self.source.on)}; name the columns that hold the key"
            )
        return kept, len(table)

    def _times(self, table: pa.Table) -> NDArray[np.int64] | None:
        name = self.source.observed_at
        if name is None:
            return None
        column = one_chunk(table.column(name))
        n_rows = int(np.count_nonzero(self._has_label & ~_valid(column)))
        if n_rows:
            raise ReplayError(
                f"replay.labels.observed_at: column '{name}' has no time in {n_rows:,} rows of {self._file} that have a label; fill them in, or"
                " leave observed_at null"
            )
        times = np.full(len(column), np.iinfo(np.int64).max)
        times[_valid(column)] = microseconds_of(column.drop_null(), "replay.labels.observed_at", name)
        return times

    def _refuse_duplicates(self) -> int:
        """Return how many different keys share one hash at most (1, but for accidents), refusing equal keys."""
        starts = np.flatnonzero(np.append(True, self._hashes[1:] != self._hashes[:-1]))
        runs = np.diff(np.append(starts, len(self._hashes)))
        longest = int(runs.max())
        if longest == 1:
            return 1
        shared = self._order[np.repeat(runs > 1, runs)]
        names = [f"k{i}" for i in range(len(self._keys))]
        rows = pa.table([pa.array(k[shared]) if isinstance(k, np.ndarray) else k.take(pa.array(shared)) for k in self._keys], names=names)
        counts = rows.group_by(names).aggregate([([], "count_all")])
        repeated = counts.filter(pc.greater(counts.column("count_all"), 1))
        if len(repeated):
            self._refuse(repeated, names)
        return longest

    def _refuse(self, repeated: pa.Table, names: list[str]) -> None:
        first = repeated.sort_by([(n, "ascending") for n in names]).slice(0, 1)
        key = self._join.shown([first.column(n)[0].as_py() for n in names])
        raise ReplayError(
            f"replay.labels.on: {len(repeated):,} keys stand in {self._file} more than once, for example {key}"
            f" ({first.column('count_all')[0].as_py()} rows), wanted one row per key; keep one label of each, or name more columns in labels.on"
        )

    def labels_of(self, batch: pa.RecordBatch) -> tuple[pa.Array, NDArray[np.bool_] | None]:
        """Return each row's label (null where it has none) and, with `observed_at`, which rows' labels became known only after `as_of_us`.

        Parameters
        ----------
        batch
            Rows of the log with the columns of `labels.on`.
        """
        found = self._positions(batch)
        self._n_sought += len(found)
        self._is_asked[found[found >= 0]] = True
        has_none = found < 0
        is_late = None
        if self._observed_us is not None:
            is_late = ~has_none & self._is_late(found)
            has_none = has_none | is_late
        labels = self._labels.take(pa.array(np.maximum(found, 0), mask=has_none))
        self._n_given += len(labels) - labels.null_count
        return labels, is_late

    def _is_late(self, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self._as_of_us is None or self._observed_us is None:
            return np.zeros(len(found), bool)
        return np.asarray((self._observed_us[found] > self._as_of_us) & self._has_label[found], np.bool_)

    def _positions(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Return the label row of each row of the log, -1 where there is none."""
        has_key = reduce(np.logical_and, (_valid(batch.column(name)) for name in self.source.on))
        keys = self._join.of(batch)
        if not self._first_key and has_key.any():
            self._first_key = self._join.shown_at(keys, int(has_key.argmax()))
        hashes = hashes_of(keys)
        order, first = np.argsort(hashes), np.empty(len(hashes), np.int64)
        first[order] = np.searchsorted(self._hashes, hashes[order])  # in order they meet each other in the cache: six times as fast
        found = np.full(batch.num_rows, -1, np.int64)
        for step in range(self._longest_run):
            at = np.minimum(first + step, len(self._hashes) - 1)
            rows = np.flatnonzero(has_key & (found < 0) & (self._hashes[at] == hashes))
            candidates = self._order[at[rows]]
            equal = np.ones(len(rows), bool)
            for own, other in zip(keys, self._keys, strict=True):
                equal &= equal_keys(own, rows, other, candidates)
            found[rows[equal]] = candidates[equal]
        return found

    def finish(self) -> None:
        """Refuse a join that gave no row of the log a label, saying why.

        Raises
        ------
        ReplayError
            When no key of the log stands in the file, or the labels of those that do are all null or were observed too late.
        """
        if not self._n_given:
            raise ReplayError(self._why_no_label())

    def _why_no_label(self) -> str:
        asked, file = self._is_asked, self._file
        rows = f"replay.labels.on: none of the {self._n_sought:,} rows of the log that were looked up has"
        if not self._first_key:
            return f"{rows} a value in {_list(self.source.on)}; name the columns that hold the key"
        if not asked.any():
            own = self._join.shown_at(self._keys, 0)
            return (
                f"{rows} its key in {file}: the log's first is {self._first_key}, the file's first {own}; write the keys of both alike, or name"
                " the columns that hold the same key"
            )
        is_late = asked & self._has_label
        if self._as_of_us is not None and self._observed_us is not None and is_late.any():
            as_of, first = (time_text(int(us), "us") for us in (self._as_of_us, self._observed_us[is_late].min()))
            return (
                f"replay.labels.observed_at: all {is_late.sum():,} labels of {file} that match were observed after {as_of}, the first {first};"
                " set replay.label_maturity.as_of to a later time or wait"
            )
        return f"replay.labels.column: column '{self.source.column}' is null in all {asked.sum():,} rows of {file} whose key the log has; give labels"

    def notes(self) -> list[str]:
        """Say how many keys of the label file belong to no row that was read."""
        n_idle, n_keyless = int((~self._is_asked).sum()), self.n_rows - len(self._is_asked)
        notes = []
        if n_idle:
            notes.append(f"labels: {n_idle:,} of {len(self._is_asked):,} keys in {self._file} belong to no row of the log that was read")
        if n_keyless:
            notes.append(f"labels: {n_keyless:,} of {self.n_rows:,} rows of {self._file} have no key and were not used")
        return notes


def _read(files: LogFiles, source: LabelSource) -> pa.Table:
    columns = dict.fromkeys([*source.on, source.column, *([source.observed_at] if source.observed_at else [])])
    try:
        return table_of(files, list(columns))
    except (pa.ArrowException, OSError) as trouble:
        raise ReplayError(f"replay.labels.path: the labels cannot be decoded ({reason_of(trouble)}); write the file again") from trouble


def _sorted(hashes: NDArray[np.uint64]) -> tuple[NDArray[Any], NDArray[np.uint64]]:
    order = np.argsort(hashes, kind="stable")
    order = order.astype(np.int32) if len(hashes) < 2**31 else order
    return order, hashes[order]


def _valid(column: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def _list(names: tuple[str, ...]) -> str:
    return " and ".join(f"'{name}'" for name in names)
