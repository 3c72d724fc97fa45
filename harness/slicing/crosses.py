"""Combinations of slice columns that occur, to dense ids and names."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.slicing.columns import NO_SLICE, refuse_same_names

_MAX_TABLE = 1 << 24  # a table of all combinations is faster than a sort while it fits in the cache's reach


class CrossEncoder:
    """Numbers the combinations that occur: every row is seen, then `finish` names them, then rows are encoded.

    Parameters
    ----------
    by
        Name of the cross, "carrier*origin".
    names
        Per column, the names that its final ids stand for.
    """

    def __init__(self, by: str, names: Sequence[tuple[str, ...]]) -> None:
        self.by, self._names = by, names
        n_codes = math.prod(len(own) for own in names)
        self._seen = np.zeros(n_codes, bool) if n_codes <= _MAX_TABLE else None
        self._present = np.zeros(0, np.int64)
        self._dense = np.zeros(0, np.int32)

    def see(self, ids: Sequence[NDArray[np.int32]]) -> None:
        """Take in rows: per column, final ids int32 [n]."""
        codes = self._codes(ids)
        if self._seen is not None:
            self._seen[codes] = True
        else:
            self._present = np.union1d(self._present, codes)

    def finish(self, max_slices: int) -> tuple[str, ...]:
        """Return the names ("UA*EWR") of the combinations that were seen.

        Raises
        ------
        ReplayError
            When there are more than `max_slices`, or two of one name.
        """
        if self._seen is not None:
            self._present, self._dense = np.flatnonzero(self._seen), np.cumsum(self._seen, dtype=np.int32) - np.int32(1)
        if len(self._present) > max_slices:
            raise ReplayError(
                f"replay.slices: {len(self._present):,} slices of {self.by}, above slices.max_slices={max_slices:,};"
                " slice by fewer or coarser columns, or raise max_slices"
            )
        return refuse_same_names(self.by, tuple(self._name(code) for code in self._present.tolist()))

    def encode(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Return the dense ids of rows that were seen, int32 [n]."""
        codes = self._codes(ids)
        found = self._dense[codes] if self._seen is not None else np.searchsorted(self._present, codes)
        return found.astype(np.int32, copy=False)

    def encode_known(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Return the dense ids of any rows, int32 [n]; -1 where a column's id is -1, or no row of this combination was seen."""
        known = np.logical_and.reduce([column != NO_SLICE for column in ids])
        rows = np.flatnonzero(known)
        codes = self._codes([column[rows] for column in ids])
        seen = self._seen[codes] if self._seen is not None else np.isin(codes, self._present)
        found = np.full(len(known), NO_SLICE, np.int32)
        rows = rows[seen]
        found[rows] = self.encode([column[rows] for column in ids])
        return found

    def _codes(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
        codes = np.zeros(len(ids[0]), np.int64)
        for column, own in zip(ids, self._names, strict=True):
            codes = codes * len(own) + column
        return codes

    def _name(self, code: int) -> str:
        parts = []
        for own in reversed(self._names):
            code, part = divmod(code, len(own))
            parts.append(own[part])
        return "*".join(reversed(parts))
