"""The current rows of one column as contract checks read them, and the sentence of a broken promise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, Column, ComparedRows
from harness.records.contract import Violation
from harness.records.drift_cells import DriftCells

N_EXAMPLES = 3


@dataclass(frozen=True)
class CurrentRows:
    """One column of the current rows, in the order of the log.

    Parameters
    ----------
    column : Column
        All rows of both sides.
    rows : ComparedRows
        Which side each row is on, and its number in the log; where that was not kept, a row is shown by its place among the compared rows.
    cells : DriftCells
        Which window each row is in.
    """

    column: Column
    rows: ComparedRows
    cells: DriftCells

    @cached_property
    def index(self) -> NDArray[np.intp]:
        """Numbers of the current rows among the compared ones, intp [n]."""
        return np.flatnonzero(self.rows.side == CURRENT_SIDE)

    @cached_property
    def _place(self) -> slice | NDArray[np.intp]:
        return _stretch(self.index)

    @property
    def n(self) -> int:
        """Current rows."""
        return len(self.index)

    @cached_property
    def window(self) -> NDArray[np.int32]:
        """Window of every current row, int32 [n]; 0 where there are no windows."""
        return np.asarray(self.cells.time.window[self.cells.ids[self._place, 0]])

    @property
    def has_windows(self) -> bool:
        """Whether the current rows are cut into windows."""
        return len(self.cells.windows) > 1

    @cached_property
    def values(self) -> NDArray[Any]:
        """Values of a number or a time, or codes of a category, [n]."""
        return np.asarray(self._stored[self._place])

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each current row has no value, bool [n]."""
        if self.column.is_missing is not None:
            return self.column.is_missing[self._place]
        return _says_missing(self.values)

    @cached_property
    def _reference(self) -> NDArray[np.intp]:
        """Numbers of the reference rows that have a value among the compared ones."""
        index = np.flatnonzero(self.rows.side == REFERENCE_SIDE)
        missing = _says_missing(self._stored[index]) if self.column.is_missing is None else self.column.is_missing[index]
        return index[~missing]

    @cached_property
    def reference_values(self) -> NDArray[Any]:
        """Values, or codes, of the reference rows that have one."""
        return self._stored[self._reference]

    def reference_counts(self, value: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count the reference rows with one value, and with any, in each window of the reference: int64 [n_windows]; entry 0 is of no window."""
        window = self.cells.time.window[self.cells.ids[self._reference, 0]]
        n = len(self.cells.reference_windows)
        same, present = (np.bincount(w, minlength=n).astype(np.int64) for w in (window[self.reference_values == value], window))
        return same, present

    @property
    def _stored(self) -> NDArray[Any]:
        stored = self.column.codes if self.column.kind == "category" else self.column.values
        assert stored is not None, f"{self.column.name}: a {self.column.kind} without values"
        return stored

    def count_by_window(self, at: NDArray[np.intp]) -> NDArray[np.int64]:
        """Count some current rows, by their place among these, in each window: int64 [n_windows], window 0 is "all"."""
        return np.bincount(self.window[at], minlength=len(self.cells.windows)).astype(np.int64)

    def first_window(self, at: NDArray[np.intp]) -> str | None:
        """Return the name of the first window that holds one of some current rows; None without windows."""
        if not self.has_windows or not len(at):
            return None
        return self.cells.windows[int(self.window[at].min())]

    def text_at(self, i: int) -> str:
        """Write the value of one current row, by its place among these."""
        return "missing" if self.missing[i] else value_text(self.column, self.values[i])

    def violation(
        self, check: str, expected: str, found: str, at: NDArray[np.intp], window: str | None = None, more: str = ""
    ) -> Violation:
        """Say that some current rows, by their place among these and in their order, break a promise.

        `window` is the first one in which it is broken where that is not the first of the rows; `more` ends the sentence.
        """
        shown = at[:N_EXAMPLES]
        kept = self.rows.row_numbers
        word, numbers = ("row", self.index[shown]) if kept is None else ("log row", kept[self.index[shown]])
        rows, examples = tuple(int(number) for number in numbers), tuple(self.text_at(int(i)) for i in shown)
        window = window or self.first_window(at)
        since = f", first in window {window}" if window else ""
        which = "; ".join(f"{word} {row:,}: {text}" for row, text in zip(rows, examples, strict=True))
        sentence = f"{self.column.name}: expected {expected}, found {found}: {len(at):,} of {self.n:,} current rows{since} ({which}){more}"
        return Violation(self.column.name, check, expected, found, len(at), window, rows, examples, sentence)


def present_values(column: Column, rows: NDArray[np.intp] | slice) -> NDArray[Any]:
    """Return the values, or codes, of some rows of a column that have one, in the order of the log.

    Examples
    --------
    >>> present_values(Column("x", "double", "double", "number", np.array([4.0, np.nan, 2.0, 1.0])), slice(0, 3))
    array([4., 2.])
    """
    stored = column.codes if column.kind == "category" else column.values
    assert stored is not None, f"{column.name}: a {column.kind} without values"
    missing = _says_missing(stored[rows]) if column.is_missing is None else column.is_missing[rows]
    return np.asarray(stored[rows][~missing] if missing.any() else stored[rows])


def value_text(column: Column, value: Any) -> str:
    """Write one value of a column as a person reads it.

    Examples
    --------
    >>> value_text(Column("ts", "timestamp[us]", "timestamp[us]", "time"), 1_362_096_000_000_000)
    '2013-03-01T00:00:00'
    """
    if column.kind == "category":
        return column.categories[int(value)]
    if column.kind == "time":
        return time_text(int(value))
    return number_text(value)


def number_text(value: Any) -> str:
    """Write a number: a whole one in full, another to ten digits, a float32 as the shortest text that is it."""
    return str(int(value)) if isinstance(value, int | np.integer) else f"{float(str(value)):.10g}"


def time_text(microseconds: float) -> str:
    """Write microseconds since the epoch as a time in UTC; as a number where no calendar reaches."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))).replace(tzinfo=None).isoformat()
    except OverflowError:
        return f"{int(microseconds)} us"


def share_texts(*shares: float) -> list[str]:
    """Write shares of rows as per cent, to three digits, or to as many as tell different ones apart.

    Examples
    --------
    >>> share_texts(0.00501979), share_texts(1.0, 0.5), share_texts(0.010001, 0.01)
    (['0.502 %'], ['100 %', '50 %'], ['1.0001 %', '1 %'])
    """
    texts: list[str] = []
    for digits in range(3, 18):  # 17 digits write any two float64 in two ways
        texts = [f"{100 * share:.{digits}g} %" for share in shares]
        if len(set(texts)) == len(set(shares)):
            break
    return texts


def share_text(share: float) -> str:
    """Write one share of rows as per cent, to three digits."""
    return share_texts(share)[0]


def _stretch(index: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return ascending places as a slice where none is left out between them: rows of a side mostly stand together, and a view is no copy."""
    n = len(index)
    return slice(int(index[0]), int(index[-1]) + 1) if n and index[-1] - index[0] + 1 == n else index


def _says_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    return np.asarray(values < 0) if values.dtype == np.int32 else np.zeros(len(values), dtype=np.bool_)  # int32 are codes
