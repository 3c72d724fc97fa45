"""Opens the files of a log with PyArrow and checks that they can be read and have one schema."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.types as pt

from harness.errors import ReplayError, did_you_mean
from harness.records.conf import ReplayConf
from harness.records.replay import LogColumn, LogFiles
from harness.replay.dataset import format_of, reason_of
from harness.replay.fingerprint import fingerprint


def list_files(path: str, key: str = "replay.path") -> tuple[Path, ...]:
    """List the files that `path` (a file, glob or folder) names, sorted by name."""
    here = Path(path)
    if any(c in path for c in "*?["):
        found = sorted(Path(p) for p in glob.glob(path, recursive=True))  # noqa: PTH207 (absolute patterns)
    elif here.is_dir():
        found = sorted(p for p in here.rglob("*") if p.is_file() and p.suffix in (".parquet", ".csv") and not p.name.startswith((".", "_")))
        if not found:
            raise ReplayError(f"{key}: folder '{path}' holds no .parquet or .csv file; name the folder that holds the log")
    else:
        found = [here] if here.is_file() else []
    if not found:
        siblings = [str(p) for p in here.parent.glob("*")] if here.parent.is_dir() and "*" not in path else []
        raise ReplayError(f"{key}: no file '{path}'{did_you_mean(path, siblings)}; give a file, a folder or a glob such as data/*.parquet")
    return tuple(found)


def open_replay(conf: ReplayConf, cache_dir: Path | None) -> LogFiles:
    """Open a replay's log and, where its labels arrive in another file, that one too.

    Raises
    ------
    ReplayError
        As `open_log`.
    """
    log = open_log(conf.path, cache_dir)
    return replace(log, labels=open_log(conf.labels.path, cache_dir, "replay.labels.path")) if conf.labels else log


def open_log(path: str, cache_dir: Path | None, key: str = "replay.path") -> LogFiles:
    """Open the log at `path`, which the configuration names under `key`, and check that every file is readable and has the same schema.

    Raises
    ------
    ReplayError
        When there is no such file, a file is truncated, or schemas differ.
    """
    paths = list_files(path, key)
    schemas, n_rows = [], 0
    for file in paths:
        try:
            part = ds.dataset(str(file), format=format_of(file))
            schemas.append(part.schema)
            n_rows += part.count_rows()
        except (pa.ArrowException, OSError) as trouble:
            raise ReplayError(
                f"{key}: {file} cannot be read ({reason_of(trouble)}); it is damaged or not {format_of(file)}: write it again"
            ) from trouble
    for file, schema in zip(paths[1:], schemas[1:], strict=True):
        _same_schema(key, paths[0], schemas[0], file, schema)
    if n_rows == 0:
        raise ReplayError(f"{key}: '{path}' holds no rows; name a log with rows")
    columns = tuple(_column(field) for field in schemas[0])
    return LogFiles(paths, columns, n_rows, fingerprint(paths, cache_dir))


def _same_schema(key: str, first: Path, wanted: pa.Schema, file: Path, found: pa.Schema) -> None:
    for field in wanted:
        if field.name not in found.names:
            raise ReplayError(f"{key}: {file} lacks column '{field.name}' that {first} has; all files of a log have one schema")
        other = found.field(field.name).type
        if other != field.type:
            raise ReplayError(f"{key}: column '{field.name}' is {other} in {file} and {field.type} in {first}; write them with one type")
    extra = [n for n in found.names if n not in wanted.names]
    if extra:
        raise ReplayError(f"{key}: {file} has column '{extra[0]}' that {first} lacks; all files of a log have one schema")


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
