"""Decodes a log on a CUDA device with cuDF: Parquet is decompressed, decoded and its texts are encoded there; what a row means is decided in one place.

Values come back as Arrow arrays of the log's own types and go through the same rules as those that PyArrow decodes. A card's conversion from
float64 to float32 gives every NaN the same bits and the host's keeps them, so that tensors are narrowed on the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import DeviceError
from harness.records.conf import ReplayConf
from harness.records.replay import InputGroup, LogFiles
from harness.replay import arrow_reader
from harness.replay.arrow_reader import LogReader
from harness.replay.dataset import format_of
from harness.replay.row_groups import batch_ends, chunks_of, in_order_met, rebatched

if TYPE_CHECKING:
    import cudf

CHUNK_BYTES = 256 << 20  # decoded, on the card and then on the host; PyArrow's row groups of a million rows hold 8 MB a column
_SHARE_OF_FREE = 8  # a chunk takes at most this part of the card's free memory: its pages, compressed and not, lie beside its columns
# What cuDF raises: libcudf's errors are RuntimeError, memory is MemoryError (halved below), a column that pandas' metadata renamed is KeyError.
_TROUBLE = (RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError, OSError, pa.ArrowException)


def reader_for(device: str, log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], with_labels: bool = True) -> LogReader:
    """Return what decodes the log: on a card with device "cuda", by PyArrow otherwise.

    What PyArrow has to read although a card was asked for is in the reader's `device_notes`.
    """
    reason = None if device != "cuda" else _why_not(log)
    if device == "cuda" and reason is None:
        return CudfReader(log, conf, groups, with_labels)
    reader = LogReader(log, conf, groups, with_labels)
    if reason:
        reader.device_notes.append(f"device=cuda: the log was decoded by PyArrow on the CPU, since {reason}")
    return reader


def _why_not(log: LogFiles) -> str | None:
    if format_of(log.paths[0]) == "csv":
        return "it is CSV, of which cuDF guesses other types than PyArrow"
    try:
        import cudf  # noqa: F401
    except ImportError as trouble:
        return f"cuDF cannot be imported ({str(trouble).splitlines()[0] if str(trouble) else type(trouble).__name__})"
    return None


def is_decoded_on_card(type_: pa.DataType) -> bool:
    """Say whether cuDF decodes a Parquet column of this type to the values that PyArrow gives.

    Not so decimals (of another precision), lists, times of day, durations, half floats, bytes and nulls.

    >>> [is_decoded_on_card(t) for t in (pa.int8(), pa.timestamp("ms", "UTC"), pa.decimal128(9, 2), pa.list_(pa.int8(), 2))]
    [True, True, False, False]
    """
    if pt.is_dictionary(type_):
        return _is_text(type_.value_type)
    if pt.is_integer(type_) or pt.is_float32(type_) or pt.is_float64(type_) or pt.is_boolean(type_):
        return True
    return _is_text(type_) or pt.is_timestamp(type_) or pt.is_date32(type_)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pt.is_string(type_) or pt.is_large_string(type_))


class CudfReader(LogReader):
    """Decodes the columns that a configuration needs on the current CUDA device; every batch is what `LogReader` gives.

    Codes of a column that is dictionary-encoded in the file itself are in the order in which a row group meets its values, and not in that of
    the file's dictionary; the prepared replay has no trace of either.

    Parameters
    ----------
    chunk_bytes
        Decoded bytes of the row groups that are on the card at once; None takes `CHUNK_BYTES`, or an eighth of the card's free memory where that is less.
    """

    def __init__(
        self,
        log: LogFiles,
        conf: ReplayConf,
        groups: Sequence[InputGroup],
        with_labels: bool = True,
        chunk_bytes: int | None = None,
    ) -> None:
        super().__init__(log, conf, groups, with_labels)
        self._chunk_bytes = chunk_bytes
        self._encoded = self._columns_of_codes()

    def _columns_of_codes(self) -> set[str]:
        """Return the columns of which nothing but categories is used, so that codes can stand for the values."""
        c = self.conf
        label = c.label if c.labels is None and c.task != "regression" else None
        codes = {s.column for s in c.slice_columns if not s.edges}
        codes |= {name for name in (label, c.production.version) if name and self.with_labels}
        values = {c.timestamp, *(f.column for f in c.where), *(s.column for s in c.slice_columns if s.edges)}
        if self.with_labels:
            values |= {c.weight, c.cluster, c.production.score, *(c.labels.on if c.labels else ())}
        return codes - values - {name for group in self.groups for name in group.columns}

    def _decoded(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        if not columns:  # the rows are still counted
            yield from super()._decoded(columns)
            return
        for path in self.log.paths:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                names = [field.name for field in file.schema_arrow if field.name in columns]  # PyArrow's order is the file's too
                yield from rebatched(self._tables(path, file, names), batch_ends(file, names, arrow_reader.BATCH_ROWS))

    def _tables(self, path: Path, file: pq.ParquetFile, names: list[str]) -> Iterator[pa.Table]:
        if self._chunk_bytes is None:
            self._chunk_bytes = min(CHUNK_BYTES, _free_bytes() // _SHARE_OF_FREE)
        for row_groups in chunks_of(file, names, self._chunk_bytes):
            yield from self._chunk(path, file, names, row_groups)

    def _chunk(self, path: Path, file: pq.ParquetFile, names: list[str], row_groups: list[int]) -> Iterator[pa.Table]:
        """Yield row groups, decoded on the card; in halves where its memory is short, and by PyArrow where it cannot."""
        try:
            tables = [self._on_card(path, file, names, row_groups)]
        except _TROUBLE as trouble:
            if isinstance(trouble, MemoryError) and len(row_groups) > 1:
                middle = len(row_groups) // 2
                yield from self._chunk(path, file, names, row_groups[:middle])
                yield from self._chunk(path, file, names, row_groups[middle:])
                return
            tables = [self._on_host(path, file, names, row_groups, trouble)]
        yield from tables

    def _on_host(self, path: Path, file: pq.ParquetFile, names: list[str], row_groups: list[int], trouble: Exception) -> pa.Table:
        reason = f"{type(trouble).__name__}: {' '.join(str(trouble).split())[:160]}"
        table = file.read_row_groups(row_groups, columns=names)  # before the note, since a damaged file is refused here
        self._note(f"device=cuda: some row groups of {path.name} were decoded by PyArrow on the CPU, since cuDF could not ({reason})")
        # Of one type with the tables that the card decoded.
        columns = [
            c.dictionary_encode() if self._is_encoded(n, c.type) else c for n, c in zip(names, table.select(names).columns, strict=True)
        ]
        return pa.table(columns, names=names)

    def _is_encoded(self, name: str, type_: pa.DataType) -> bool:
        return pt.is_dictionary(type_) or (name in self._encoded and (_is_text(type_) or pt.is_integer(type_)))

    def _on_card(self, path: Path, file: pq.ParquetFile, names: list[str], row_groups: list[int]) -> pa.Table:
        schema = file.schema_arrow
        ours = [name for name in names if not is_decoded_on_card(schema.field(name).type)]
        theirs = [name for name in names if name not in ours]
        copied = file.read_row_groups(row_groups, columns=ours) if ours else None
        if ours:
            listed = ", ".join(f"{name} ({schema.field(name).type})" for name in ours)
            self._note(f"device=cuda: columns decoded by PyArrow on the CPU, since cuDF does not decode their types alike: {listed}")
        frame = _frame_of(path, theirs, row_groups) if theirs else None
        columns = [copied.column(n) if n in ours else self._column(frame, n, schema.field(n).type) for n in names]  # type: ignore[union-attr]
        n_rows = sum(file.metadata.row_group(g).num_rows for g in row_groups)
        wrong = [name for name, column in zip(names, columns, strict=True) if len(column) != n_rows]
        if wrong:
            raise ValueError(f"column '{wrong[0]}' has another number of rows than the {n_rows:,} of its row groups")
        return pa.table(columns, names=names)

    def _column(self, frame: cudf.DataFrame, name: str, type_: pa.DataType) -> pa.Array:
        values = cast("cudf.Series", frame[name])  # a frame where a name stands twice, which Parquet's readers refuse
        if self._is_encoded(name, type_):
            is_dictionary = pt.is_dictionary(type_)
            return _encoded(values, type_.value_type if is_dictionary else type_, is_dictionary and type_.ordered)
        return values.to_arrow().cast(type_)  # cuDF has neither time zones nor days: the values are the same

    def _kept(self, batch: pa.RecordBatch, keep: NDArray[np.bool_]) -> pa.RecordBatch:
        kept = super()._kept(batch, keep)
        for i, name in enumerate(kept.schema.names):
            if name in self._encoded and pt.is_dictionary(kept.schema.field(i).type):
                kept = kept.set_column(i, name, in_order_met(kept.column(i)))
        return kept

    def _note(self, text: str) -> None:
        if text not in self.device_notes:
            self.device_notes.append(text)


def _frame_of(path: Path, columns: list[str], row_groups: list[int]) -> cudf.DataFrame:
    """Return columns of some row groups as a cuDF frame."""
    import cudf

    frame = cudf.read_parquet(str(path), columns=columns, row_groups=[row_groups], use_pandas_metadata=False, ignore_missing_columns=False)
    # A column that pandas wrote as its index becomes the frame's index, whatever `use_pandas_metadata` says.
    return frame if set(columns) <= set(frame.columns) else frame.reset_index()


def _encoded(values: cudf.Series, type_: pa.DataType, ordered: bool) -> pa.DictionaryArray:
    """Return a cuDF series as codes into its values, in no order that is promised; null where null."""
    codes, found = values.factorize(use_na_sentinel=True)
    on_host = codes.astype("int32").get()  # 4 bytes a row over the bus and not 8
    return pa.DictionaryArray.from_arrays(pa.array(on_host, mask=on_host < 0), found.to_arrow().cast(type_), ordered=ordered)


def _free_bytes() -> int:
    """Return the free memory of the current card.

    Raises
    ------
    DeviceError
        There is none, or its driver does not answer.
    """
    import cupy

    try:
        return int(cupy.cuda.runtime.memGetInfo()[0])
    except RuntimeError as trouble:
        raise DeviceError(f"device: cuda was asked for, and the card does not answer ({trouble}); use device=cpu") from trouble
