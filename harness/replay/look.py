"""A first look at a log whose columns nobody has explained."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from harness.errors import ReplayError
from harness.records.onboarding import ColumnSummary
from harness.records.replay import LogFiles

_ROWS = 200_000
_FEW = 60


def look(log: LogFiles) -> tuple[ColumnSummary, ...]:
    """Summarise every column over the first 200,000 rows."""
    files = [str(p) for p in log.paths]
    table = ds.dataset(files, format="csv" if files[0].endswith(".csv") else "parquet").head(_ROWS)
    return tuple(_summary(log, name, table.column(name).combine_chunks()) for name in table.column_names)


def time_span(log: LogFiles, column: str) -> tuple[Any, Any]:
    """Return the first and last time of a column over the whole log."""
    files = [str(p) for p in log.paths]
    table = ds.dataset(files, format="csv" if files[0].endswith(".csv") else "parquet").to_table([column])
    try:
        bounds = pc.min_max(table.column(column).cast(pa.timestamp("us"), safe=False))
    except pa.ArrowException as trouble:
        raise ReplayError(
            f"replay.timestamp: column '{column}' is {table.column(column).type}, wanted a timestamp; name another"
        ) from trouble
    if bounds["min"].as_py() is None:
        raise ReplayError(f"replay.timestamp: column '{column}' is null in every row, wanted a timestamp; name another")
    return bounds["min"].as_py(), bounds["max"].as_py()


def _summary(log: LogFiles, name: str, column: Any) -> ColumnSummary:
    found = log.column(name)
    assert found is not None
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks else pa.array([], column.type)
    kind = found.kind
    if kind == "text" and _is_time(column):
        kind = "time"
    if kind in ("tensor", "other"):
        return ColumnSummary(name, found.type, kind, len(column), column.null_count, 0, (), None, None)
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if pa.types.is_floating(plain.type):  # NaN is how pandas writes null: neither a value of a label nor a score
        plain = pc.if_else(pc.is_nan(plain), pa.scalar(None, plain.type), plain)
    distinct = pc.unique(plain.drop_null())
    values = tuple(distinct.to_pylist()) if len(distinct) <= _FEW else ()
    bounds = pc.min_max(plain) if not pa.types.is_boolean(plain.type) else None
    low, high = (bounds["min"].as_py(), bounds["max"].as_py()) if bounds is not None else (None, None)
    return ColumnSummary(name, found.type, kind, len(plain), plain.null_count, len(distinct), values, low, high)


def _is_time(column: Any) -> bool:
    sample = column.drop_null().slice(0, 100)
    if len(sample) == 0:
        return False
    try:
        sample.cast(pa.timestamp("us"))
    except pa.ArrowException:
        return False
    return True
