"""Which rows of a batch are looked at, and when they were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import Filter
from harness.replay.times import microseconds_of


def kept_rows(batch: pa.RecordBatch, rules: Sequence[Filter]) -> NDArray[np.bool_]:
    """Return the rows that pass every rule of `replay.where`, bool [n].

    Raises
    ------
    ReplayError
        When a rule compares a column with values of another type.
    """
    keep = np.ones(batch.num_rows, bool)
    for rule in rules:
        wanted = pa.array(rule.values)
        column = batch.column(rule.column)
        try:
            keep &= pc.is_in(column, value_set=wanted.cast(_value_type(column.type))).to_numpy(zero_copy_only=False)
        except pa.ArrowException as trouble:
            raise ReplayError(
                f"replay.where: column '{rule.column}' is {column.type}, and {list(rule.values)} is not; compare like with like"
            ) from trouble
    return keep


def times_of_rows(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    """Return the times of the column that `replay.timestamp` names, int64 [n] microseconds since the epoch in UTC.

    Raises
    ------
    ReplayError
        When a row has no time, or the column holds none.
    """
    column = batch.column(name)
    if column.null_count:
        raise ReplayError(
            f"replay.timestamp: column '{name}' has no time in {column.null_count} rows; fill them in or leave them out by replay.where"
        )
    return microseconds_of(column, "replay.timestamp", name)


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pt.is_dictionary(type_) else type_
