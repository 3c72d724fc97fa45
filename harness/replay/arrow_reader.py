"""Opens a log with PyArrow, checks that it can be read, and decodes it in batches."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError, did_you_mean, one_of
from harness.records.conf import ReplayConf
from harness.records.replay import Categories, InputGroup, LogColumn, LogFiles, RowBatch
from harness.replay.features import FeatureReader, numbers
from harness.replay.fingerprint import fingerprint

BATCH_ROWS = 131_072


def list_files(path: str) -> tuple[Path, ...]:
    """List the files that `path` (a file, glob or folder) names, sorted by name."""
    here = Path(path)
    if any(c in path for c in "*?["):
        found = sorted(Path(p) for p in glob.glob(path, recursive=True))  # noqa: PTH207 (absolute patterns)
    elif here.is_dir():
        found = sorted(p for p in here.rglob("*") if p.is_file() and p.suffix in (".parquet", ".csv") and not p.name.startswith((".", "_")))
        if not found:
            raise ReplayError(f"replay.path: folder '{path}' holds no .parquet or .csv file; name the folder that holds the log")
    else:
        found = [here] if here.is_file() else []
    if not found:
        siblings = [str(p) for p in here.parent.glob("*")] if here.parent.is_dir() and "*" not in path else []
        raise ReplayError(
            f"replay.path: no file '{path}'{did_you_mean(path, siblings)}; give a file, a folder or a glob such as data/*.parquet"
        )
    return tuple(found)


def open_log(path: str, cache_dir: Path | None) -> LogFiles:
    """Open the log at `path` and check that every file is readable and has the same schema.

    Raises
    ------
    ReplayError
        When there is no such file, a file is truncated, or schemas differ.
    """
    paths = list_files(path)
    schemas, n_rows = [], 0
    for file in paths:
        try:
            part = ds.dataset(str(file), format=_format(file))
            schemas.append(part.schema)
            n_rows += part.count_rows()
        except (pa.ArrowException, OSError) as trouble:
            raise ReplayError(
                f"replay.path: {file} cannot be read ({_first_line(trouble)}); it is damaged or not {_format(file)}: write it again"
            ) from trouble
    for file, schema in zip(paths[1:], schemas[1:], strict=True):
        _same_schema(paths[0], schemas[0], file, schema)
    if n_rows == 0:
        raise ReplayError(f"replay.path: '{path}' holds no rows; name a log with rows")
    columns = tuple(_column(field) for field in schemas[0])
    return LogFiles(paths, columns, n_rows, fingerprint(paths, cache_dir))


def _format(file: Path) -> str:
    return "csv" if file.suffix == ".csv" else "parquet"


def _first_line(trouble: Exception) -> str:
    line = str(trouble).splitlines()[0]
    return line.rpartition("': ")[2].rstrip(".")[:200]  # PyArrow puts the path before the reason, twice


def _same_schema(first: Path, wanted: pa.Schema, file: Path, found: pa.Schema) -> None:
    for field in wanted:
        if field.name not in found.names:
            raise ReplayError(f"replay.path: {file} lacks column '{field.name}' that {first} has; all files of a log have one schema")
        other = found.field(field.name).type
        if other != field.type:
            raise ReplayError(
                f"replay.path: column '{field.name}' is {other} in {file} and {field.type} in {first}; write them with one type"
            )
    extra = [n for n in found.names if n not in wanted.names]
    if extra:
        raise ReplayError(f"replay.path: {file} has column '{extra[0]}' that {first} lacks; all files of a log have one schema")


def _column(field: pa.Field) -> LogColumn:
    kind, width = _kind(field.type)
    return LogColumn(field.name, str(field.type), kind, width)


def _kind(type_: pa.DataType) -> tuple[str, int]:
    if pt.is_dictionary(type_):
        return _kind(type_.value_type)
    if pt.is_fixed_size_list(type_):
        return "tensor", type_.list_size
    for test, kind in (
        (pt.is_boolean, "boolean"),
        (pt.is_integer, "integer"),
        (pt.is_floating, "number"),
        (pt.is_decimal, "number"),
        (pt.is_timestamp, "time"),
        (pt.is_date, "time"),
        (pt.is_string, "text"),
        (pt.is_large_string, "text"),
    ):
        if test(type_):
            return kind, 1
    return "other", 1


class LogReader:
    """Decodes the columns that a configuration needs, batch by batch, in the order of the log."""

    def __init__(self, log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup]) -> None:
        self.log, self.conf, self.groups = log, conf, tuple(groups)
        self._features = FeatureReader(conf.nan)
        self._n_kept = 0
        self._dataset = ds.dataset([str(p) for p in log.paths], format=_format(log.paths[0]))
        self._label_values: set[Any] = set()

    def columns(self) -> list[str]:
        """Names of the columns that are decoded."""
        c = self.conf
        wanted = [c.label, *([c.timestamp] if c.timestamp else []), *(s.column for s in c.slice_columns), *(f.column for f in c.where)]
        wanted += [name for group in self.groups for name in group.columns]
        return list(dict.fromkeys(wanted))

    def time_range(self) -> tuple[int, int] | None:
        """First and last timestamp in microseconds (UTC), or None where the log has no time column or no time in it."""
        if self.conf.timestamp is None:
            return None
        found: list[int] = []
        for batch in self._batches([self.conf.timestamp]):
            # `where` may leave out the rows without a time; those that it keeps are refused when they are decoded.
            times = self._times(batch.filter(batch.column(0).is_valid()))
            if times is not None and len(times):
                found += [int(times.min()), int(times.max())]
        return (min(found), max(found)) if found else None

    def __iter__(self) -> Iterator[RowBatch]:
        """Decode the log once; `limit` rows when the configuration says so."""
        row = 0
        limit = self.conf.limit or self.log.n_rows
        for raw in self._batches(self.columns()):
            batch = raw.slice(0, min(raw.num_rows, limit - row))
            if batch.num_rows == 0:
                break
            yield self._decode(batch, row)
            row += batch.num_rows

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        scanner = self._dataset.scanner(columns=columns, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1)
        try:
            yield from scanner.to_batches()
        except (pa.ArrowException, OSError) as trouble:
            raise ReplayError(
                f"replay.path: the log cannot be decoded ({_first_line(trouble)}); a file is damaged: write it again"
            ) from trouble

    def _decode(self, batch: pa.RecordBatch, row: int) -> RowBatch:
        plain = [s for s in self.conf.slice_columns if not s.edges]
        banded = [s for s in self.conf.slice_columns if s.edges]
        keep = np.ones(batch.num_rows, bool)
        for rule in self.conf.where:
            wanted = pa.array(rule.values)
            column = batch.column(rule.column)
            try:
                keep &= pc.is_in(column, value_set=wanted.cast(_value_type(column.type))).to_numpy(zero_copy_only=False)
            except pa.ArrowException as trouble:
                raise ReplayError(
                    f"replay.where: column '{rule.column}' is {column.type}, and {list(rule.values)} is not; compare like with like"
                ) from trouble
        # The values of a row that is filtered out must not refuse the log.
        kept = batch if keep.all() else batch.filter(pa.array(keep))
        self._n_kept += kept.num_rows
        return RowBatch(
            first_row=row,
            n_rows=batch.num_rows,
            labels=self._labels(kept),
            timestamps_us=self._times(kept),
            categories=tuple(_categories(kept.column(s.column)) for s in plain),
            numbers=tuple(numbers(kept.column(s.column)) for s in banded),
            keep=keep,
            tensors=tuple(self._features.tensor(kept, group) for group in self.groups),
        )

    def _times(self, batch: pa.RecordBatch) -> NDArray[np.int64] | None:
        name = self.conf.timestamp
        if name is None:
            return None
        column = batch.column(name)
        if column.null_count:
            raise ReplayError(
                f"replay.timestamp: column '{name}' has no time in {column.null_count} rows; fill them in or leave them out by replay.where"
            )
        if not (pt.is_timestamp(column.type) or pt.is_date(column.type)):
            wanted = f"replay.timestamp: column '{name}' is {column.type}, wanted a timestamp; write it as one"
            if pt.is_integer(column.type):  # seconds, milliseconds or days: a number does not say
                raise ReplayError(wanted)
            try:
                column = column.cast(pa.timestamp("us"))
            except pa.ArrowException as trouble:
                raise ReplayError(wanted) from trouble
        return np.asarray(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy())

    def _labels(self, batch: pa.RecordBatch) -> NDArray[np.int8]:
        encoded = _categories(batch.column(self.conf.label))
        counts = np.bincount(encoded.codes + 1, minlength=len(encoded.values) + 1)
        # A dictionary may list values that no kept row has.
        self._label_values |= {v for v, n in zip(encoded.values, counts[1:], strict=True) if n and v is not None}
        positive = self.conf.positive
        check_labels(self.conf.label, self._label_values, positive, final=False)
        table = np.array([-1 if v is None else int(v == positive) for v in encoded.values] + [-1], np.int8)
        return table[encoded.codes]

    def finish(self) -> None:
        """Check what only the whole log can tell: that labels exist and hold the positive value."""
        if self._n_kept:  # where no row passes `where`, the labels are not to blame
            check_labels(self.conf.label, self._label_values, self.conf.positive, final=True)


def check_labels(name: str, values: set[Any], positive: Any, final: bool) -> None:
    """Refuse labels that are not two values of which one is `positive`.

    Raises
    ------
    ReplayError
        When there are three values, none at all, or none that is positive.
    """
    shown = one_of(sorted((repr(v) for v in values), key=str), 6)
    texts = any(isinstance(v, str) for v in values)
    if values and texts and not isinstance(positive, str):
        hint = ' (YAML reads yes and no without quotes as true and false: write "yes")' if isinstance(positive, bool) else ""
        raise ReplayError(
            f"replay.positive: found {positive!r}, and column '{name}' holds texts: {shown}; write the positive value in quotes{hint}"
        )
    if values and not texts and isinstance(positive, str):
        raise ReplayError(f"replay.positive: found the text {positive!r}, and column '{name}' holds {shown}; write it without quotes")
    if len(values) > 2:
        raise ReplayError(
            f"replay.label: column '{name}' holds more than two values for task binary: {shown}; map them to two, or name another label"
        )
    if final and not values:
        raise ReplayError(f"replay.label: column '{name}' is null in every row; nothing can be judged: give labels")
    if final and positive not in values:
        raise ReplayError(
            f"replay.positive: no row of column '{name}' is {positive!r}; its values are {shown}: set replay.positive to one of them"
        )


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pt.is_dictionary(type_) else type_


def _categories(column: pa.Array) -> Categories:
    if pt.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    encoded = column if pt.is_dictionary(column.type) else pc.dictionary_encode(column)
    codes = np.asarray(pc.fill_null(encoded.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False), np.int32)
    return Categories(codes, _values(encoded.dictionary))


def _values(dictionary: pa.Array) -> tuple[Any, ...]:
    values = dictionary.to_pylist()
    if pt.is_float32(dictionary.type):  # 0.1, and not 0.10000000149011612, names the float32
        values = [v if v is None else float(str(np.float32(v))) for v in values]
    return tuple(None if v is None or v != v else v for v in values)
