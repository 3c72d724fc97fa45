"""Columns of any Arrow type as the arrays in which two sides of a log are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.records.column import ColumnKind

EXACT_IN_FLOAT64 = 2**53  # whole numbers up to it are all representable
EXACT_DIGITS = 15  # decimals of so many digits come back from float64 as they were
_BLOCK_ROWS = 1 << 20
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class Unfit(Exception):
    """Values that no array of a `Column` holds; the message says why."""


class ColumnValues:
    """Takes the values of a column part by part; the arrays are as `records.column.Column` has them.

    Attributes
    ----------
    kind, values, codes, categories, is_missing, note
        As in `Column`; complete after `finish`.
    """

    kind: ColumnKind = "number"

    def __init__(self, n_rows: int) -> None:
        self.n_rows, self._row = n_rows, 0
        self.values: NDArray[Any] | None = None
        self.codes: NDArray[np.int32] | None = None
        self.categories: tuple[str, ...] = ()
        self.is_missing: NDArray[np.bool_] | None = None
        self.note = ""

    def add(self, part: pa.Array) -> None:
        """Append the rows of a part."""
        self._take(self._next(len(part)), part)

    def skip(self, n_rows: int) -> None:
        """Append rows without a value."""
        self.add(pa.nulls(n_rows, self._null_type))

    def finish(self) -> None:
        """Give the arrays their final form."""

    _null_type: Any = pa.float64()

    def _next(self, n_rows: int) -> slice:
        self._row += n_rows
        return slice(self._row - n_rows, self._row)

    def _take(self, rows: slice, part: pa.Array) -> None:
        raise NotImplementedError


class Floats(ColumnValues):
    """Numbers as float32 or float64, NaN missing."""

    def __init__(self, n_rows: int, dtype: Any, note: str = "") -> None:
        super().__init__(n_rows)
        self.values, self.note = np.empty(n_rows, dtype), note

    def _take(self, rows: slice, part: pa.Array) -> None:
        assert self.values is not None
        self.values[rows] = _floats(part)


class Seconds(Floats):
    """Durations and times of day as float64 seconds, NaN missing."""

    def _take(self, rows: slice, part: pa.Array) -> None:
        assert self.values is not None
        if not pt.is_floating(part.type):
            own = pa.int32() if pt.is_time32(part.type) else pa.int64()
            self.values[rows] = _floats(part.cast(own)) / _PER_SECOND[part.type.unit]
        else:
            self.values[rows] = _floats(part)


class Whole(ColumnValues):
    """64-bit whole numbers: float64 where that holds all of them, else int64."""

    _null_type = pa.int64()

    def __init__(self, n_rows: int, dtype: Any) -> None:
        super().__init__(n_rows)
        self.values, self.is_missing = np.empty(n_rows, dtype), np.zeros(n_rows, np.bool_)
        self._low = self._high = 0

    def _take(self, rows: slice, part: pa.Array) -> None:
        assert self.values is not None
        assert self.is_missing is not None
        if part.null_count:
            self.is_missing[rows] = part.is_null().to_numpy(zero_copy_only=False)
            part = part.fill_null(0)
        found = self.values[rows] = part.to_numpy(zero_copy_only=False)
        if len(found):
            self._low, self._high = min(self._low, int(found.min())), max(self._high, int(found.max()))

    def finish(self) -> None:
        """Turn values that float64 holds into float64, in the memory that they have."""
        assert self.values is not None
        if max(-self._low, self._high) > EXACT_IN_FLOAT64:
            if self._high <= np.iinfo(np.int64).max:
                self.values = self.values.view(np.int64)
                return
            self.note = "holds whole numbers above 2^63, compared as float64: the last digits are lost"
        whole, floats = self.values, self.values.view(np.float64)
        for start in range(0, len(whole), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            floats[block] = whole[block].astype(np.float64)
        assert self.is_missing is not None
        floats[self.is_missing] = np.nan
        self.values, self.is_missing = floats, None


class Times(ColumnValues):
    """Dates and timestamps as int64 microseconds since the epoch in UTC; 0 where missing."""

    kind: ColumnKind = "time"
    _null_type = pa.timestamp("us")

    def __init__(self, n_rows: int) -> None:
        super().__init__(n_rows)
        self.values, self.is_missing = np.empty(n_rows, np.int64), np.zeros(n_rows, np.bool_)

    def _take(self, rows: slice, part: pa.Array) -> None:
        assert self.values is not None
        assert self.is_missing is not None
        is_fine = pt.is_timestamp(part.type) and part.type.unit == "ns"  # what is finer than a microsecond is cut off
        zone = part.type.tz if pt.is_timestamp(part.type) else None
        try:
            counts = part.cast(pa.timestamp("us", zone), safe=not is_fine).cast(pa.int64())
        except pa.ArrowInvalid as trouble:
            raise Unfit("holds times beyond the range of microseconds, the year 294,000") from trouble
        if counts.null_count:
            self.is_missing[rows] = counts.is_null().to_numpy(zero_copy_only=False)
            counts = counts.fill_null(0)
        self.values[rows] = counts.to_numpy(zero_copy_only=False)


class Booleans(ColumnValues):
    """Booleans as categories."""

    kind: ColumnKind = "category"
    _null_type = pa.bool_()

    def __init__(self, n_rows: int) -> None:
        super().__init__(n_rows)
        self.codes, self.categories = np.empty(n_rows, np.int32), ("false", "true")

    def _take(self, rows: slice, part: pa.Array) -> None:
        assert self.codes is not None
        self.codes[rows] = part.cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False)


class Texts(ColumnValues):
    """Texts as categories: dictionaries of the parts are joined by Arrow, so that no text is a Python object but once."""

    kind: ColumnKind = "category"
    _null_type = pa.string()

    def __init__(self, n_rows: int) -> None:
        super().__init__(n_rows)
        self._parts: list[Any] = []

    def _take(self, rows: slice, part: pa.Array) -> None:
        encoded = part if pt.is_dictionary(part.type) else part.dictionary_encode()
        # 64-bit offsets: the texts of all parts together may be more than 2 GB.
        self._parts.append(encoded.cast(pa.dictionary(pa.int32(), pa.large_string())))

    def finish(self) -> None:
        """Join the dictionaries; categories are those that a row has, in order of appearance."""
        type_ = pa.dictionary(pa.int32(), pa.large_string())
        joined = pa.chunked_array(self._parts, type_).unify_dictionaries()
        self._parts.clear()
        codes, row = np.empty(self.n_rows, np.int32), 0
        for chunk in joined.chunks:
            codes[row : row + len(chunk)] = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            row += len(chunk)
        texts = joined.chunk(0).dictionary if joined.num_chunks else pa.array([], pa.large_string())
        seen = pd.unique(codes)
        seen = seen[seen >= 0]
        table = np.full(len(texts) + 1, -1, np.int32)
        table[seen] = np.arange(len(seen), dtype=np.int32)
        self.codes = table[codes]
        self.categories = tuple(texts.take(pa.array(seen)).to_pylist())


def _floats(part: pa.Array) -> NDArray[Any]:
    """Return a numeric part as an array that a float array takes; NaN where null."""
    if pt.is_dictionary(part.type):
        part = part.dictionary_decode()
    if pt.is_decimal(part.type):
        return _floats_of_decimals(part)
    return np.asarray(part.to_numpy(zero_copy_only=False))


def _floats_of_decimals(part: pa.Array) -> NDArray[np.float64]:
    """Return the float64 nearest to each decimal; Arrow's own cast is off by the last bit now and then, and 0.1 would not equal 0.1."""
    digits, scale = part.type.precision, part.type.scale
    if digits > EXACT_DIGITS:
        return np.asarray(part.cast(pa.float64()).to_numpy(zero_copy_only=False))
    whole = part.cast(pa.decimal128(digits, scale)).view(pa.decimal128(digits, 0)).cast(pa.int64())
    counts = np.asarray(whole.to_numpy(zero_copy_only=False), np.float64)
    found: NDArray[np.float64] = counts / 10.0**scale  # both are exact, so that the quotient is rounded once
    return found
