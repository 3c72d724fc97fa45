"""Decodes a log with PyArrow in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import ReplayConf
from harness.records.replay import InputGroup, LogFiles, RowBatch
from harness.replay.categories import categories
from harness.replay.dataset import reason_of, record_batches
from harness.replay.features import FeatureReader, numbers
from harness.replay.label_table import LabelTable
from harness.replay.labels import label_decoder, no_labels
from harness.replay.row_filter import kept_rows, times_of_rows
from harness.replay.versions import VersionReader
from harness.replay.weights import ClusterReader, WeightReader

BATCH_ROWS = 131_072


class LogReader:
    """Decodes the columns that a configuration needs, batch by batch, in the order of the log.

    Parameters
    ----------
    with_labels
        False leaves labels, weights, clusters and what production logged out (labels are then "not known"): for features that are added to a
        prepared replay.
    """

    def __init__(self, log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], with_labels: bool = True) -> None:
        self.log, self.conf, self.groups, self.with_labels = log, conf, tuple(groups), with_labels
        self._features = FeatureReader(conf.nan)
        self._n_kept = 0
        self._labels = label_decoder(conf)
        self._weights = WeightReader(conf.weight) if conf.weight and with_labels else None
        self._clusters = ClusterReader(conf.cluster) if conf.cluster and with_labels else None
        self._score = conf.production.score if with_labels else None
        self._versions = VersionReader(conf.production.version) if conf.production.version and with_labels else None
        self._table: LabelTable | None = None
        self.device_notes: list[str] = []  # what was read on another device than the one asked for

    def columns(self) -> list[str]:
        """Names of the columns that are decoded."""
        c = self.conf
        production = [c.production.score, c.production.version]
        design = [*(c.labels.on if c.labels else (c.label,)), c.weight, c.cluster, *production] if self.with_labels else []
        wanted = [*design, c.timestamp, *(s.column for s in c.slice_columns), *(f.column for f in c.where)]
        wanted += [name for group in self.groups for name in group.columns]
        return list(dict.fromkeys(name for name in wanted if name is not None))

    def time_range(self) -> tuple[int, int] | None:
        """First and last timestamp in microseconds (UTC), or None where the log has no time column or no time in it."""
        if self.conf.timestamp is None:
            return None
        found: list[int] = []
        for batch in self._batches([self.conf.timestamp]):
            # `where` may leave out the rows without a time; those that it keeps are refused when they are decoded.
            times = self._times(batch.filter(batch.column(self.conf.timestamp).is_valid()))
            if times is not None and len(times):
                found += [int(times.min()), int(times.max())]
        return (min(found), max(found)) if found else None

    def __iter__(self) -> Iterator[RowBatch]:
        """Decode the log once, whenever its labels became known."""
        return self.batches()

    def batches(self, as_of_us: int | None = None) -> Iterator[RowBatch]:
        """Decode the log once; `limit` rows when the configuration says so.

        Parameters
        ----------
        as_of_us
            Labels that became known after it (`labels.observed_at`) are not known here; microseconds since the epoch, None takes all.
        """
        if self.with_labels and self.conf.labels and self.log.labels:
            self._table = LabelTable(self.log, self.conf.labels, as_of_us)
        row = 0
        limit = self.conf.limit or self.log.n_rows
        for raw in self._batches(self.columns()):
            batch = raw.slice(0, min(raw.num_rows, limit - row))
            if batch.num_rows == 0:
                break
            yield self._decode(batch, row)
            row += batch.num_rows

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._decoded(columns)
        except (pa.ArrowException, OSError) as trouble:
            raise ReplayError(
                f"replay.path: the log cannot be decoded ({reason_of(trouble)}); a file is damaged: write it again"
            ) from trouble

    def _decoded(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return record_batches(self.log, columns, BATCH_ROWS)

    def _kept(self, batch: pa.RecordBatch, keep: NDArray[np.bool_]) -> pa.RecordBatch:
        # The values of a row that is filtered out must not refuse the log.
        return batch if keep.all() else batch.filter(pa.array(keep))

    def _decode(self, batch: pa.RecordBatch, row: int) -> RowBatch:
        plain = [s for s in self.conf.slice_columns if not s.edges]
        banded = [s for s in self.conf.slice_columns if s.edges]
        keep = kept_rows(batch, self.conf.where)
        kept = self._kept(batch, keep)
        self._n_kept += kept.num_rows
        labels, is_late = self._labels_of(kept)
        return RowBatch(
            first_row=row,
            n_rows=batch.num_rows,
            labels=labels,
            timestamps_us=self._times(kept),
            categories=tuple(categories(kept.column(s.column)) for s in plain),
            numbers=tuple(numbers(kept.column(s.column)) for s in banded),
            keep=keep,
            tensors=tuple(self._features.tensor(kept, group) for group in self.groups),
            weights=self._weights.decode(kept.column(self._weights.name)) if self._weights else None,
            clusters=self._clusters.decode(kept.column(self._clusters.name)) if self._clusters else None,
            is_late=is_late,
            production_scores=numbers(kept.column(self._score)) if self._score else None,
            production_version_ids=self._versions.decode(kept.column(self._versions.name)) if self._versions else None,
        )

    def _labels_of(self, batch: pa.RecordBatch) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        if not self.with_labels or self.conf.label is None:
            return no_labels(self.conf.task, batch.num_rows), None
        if self._table is None:
            return self._labels.decode(batch.column(self.conf.label)), None
        column, is_late = self._table.labels_of(batch)
        return self._labels.decode(column), is_late

    def _times(self, batch: pa.RecordBatch) -> NDArray[np.int64] | None:
        return None if self.conf.timestamp is None else times_of_rows(batch, self.conf.timestamp)

    def finish(self) -> None:
        """Check what only the whole log can tell: that labels exist, and that labels, weights and clusters are what the task needs."""
        if self._n_kept == 0:  # where no row passes `where`, the labels are not to blame
            return
        for reader in (self._table, self._labels, self._weights, self._clusters):  # the join first: it knows why labels are lacking
            if reader is not None:
                reader.finish()

    def class_order(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final number of each class by the number that the batches gave it, int32, and the names of classes; empty but for multiclass."""
        return self._labels.order()

    def version_order(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final number of each version that answered by the number that the batches gave it, int32, and their names."""
        return self._versions.order() if self._versions else (np.zeros(0, np.int32), ())

    def notes(self) -> list[str]:
        """Return what a reader of the results should know of the labels."""
        return self._table.notes() if self._table else []
