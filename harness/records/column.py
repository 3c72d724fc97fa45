"""One column of a log, every row of it, in its own type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ColumnKind = Literal["number", "time", "category", "none"]


@dataclass(frozen=True)
class Column:
    """One column of the rows that are compared.

    Args:
        name: of the column.
        type: as the schema of the current rows has it, "float", "dictionary<values=string, ...>".
        reference_type: as the schema of the reference rows has it; the same unless they come from another file.
        kind: number; time (dates and timestamps, as int64 microseconds since the epoch in UTC); category (texts, booleans); none: a column whose values
            cannot be compared (lists, structs, types that differ), `note` says why.
        values: float32, float64 or int64 [n_rows] of a number or a time; NaN is missing, infinite values stay. int64 only where float64 would not hold
            the values, or for a time. None for a category.
        codes: int32 [n_rows] into `categories`, -1 missing; None for a number or a time.
        categories: texts of the values, in order of appearance; booleans are "false" and "true".
        is_missing: bool [n_rows]; None where NaN or code -1 say it.
        note: what was lost or changed on the way, in a sentence; empty where nothing was.
    """

    name: str
    type: str
    reference_type: str
    kind: ColumnKind
    values: NDArray[Any] | None = None
    codes: NDArray[np.int32] | None = None
    categories: tuple[str, ...] = ()
    is_missing: NDArray[np.bool_] | None = None
    note: str = ""


@dataclass(frozen=True)
class ComparedRows:
    """The rows of a log and of its reference, one after the other: which side each is on, and when it was.

    Rows that `where` leaves out, rows of the training and of the tuning period are not among them.

    Args:
        side: int8 [n_rows]: 0 reference, 1 current.
        timestamps_us: int64 [n_rows], microseconds since the epoch in UTC; None where there is no time column.
        n_reference, n_current: rows of either side.
        left_out: (reason, rows) of the rows that are on neither side.
        notes: what a reader must know, in sentences.
        row_numbers: int64 [n_rows], number of each row in the file list it comes from, from 0; None where not kept.
    """

    side: NDArray[np.int8]
    timestamps_us: NDArray[np.int64] | None
    n_reference: int
    n_current: int
    left_out: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    row_numbers: NDArray[np.int64] | None = None

    @property
    def n_rows(self) -> int:
        """Rows of both sides."""
        return len(self.side)


REFERENCE_SIDE, CURRENT_SIDE = 0, 1
