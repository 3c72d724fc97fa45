"""Values of slice columns to dense ids, in the order a person would list them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import SliceColumn
from harness.records.replay import Categories

MISSING = "missing"
NO_SLICE = -1
_EXACT_IN_FLOAT64 = 2**53  # whole numbers below it are all representable


class CategoryEncoder:
    """Numbers the values of one column in order of appearance; `finish` gives the numbers their final order."""

    def __init__(self, conf: SliceColumn, max_slices: int) -> None:
        self.name, self.max_slices = conf.column, max_slices
        self._ids: dict[Any, int] = {}
        self._named: set[Any] = set()

    def add(self, categories: Categories, names_slices: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Return the provisional ids of a batch, int32 [n].

        Parameters
        ----------
        names_slices
            bool [n], rows whose values are slices; None: all rows. A value that only other rows have is none.
        """
        table = np.empty(len(categories.values) + 1, np.int32)
        naming = categories.codes if names_slices is None else categories.codes[names_slices]
        for code in _used(naming):
            self._named.add(categories.values[code] if code >= 0 else None)
        if len(self._named) > self.max_slices:
            raise ReplayError(
                f"replay.slices: column '{self.name}' has more than {self.max_slices:,} values (slices.max_slices);"
                " slice by a coarser column, or raise max_slices"
            )
        for code in _used(categories.codes):
            value = categories.values[code] if code >= 0 else None
            table[code] = self._ids.setdefault(value, len(self._ids))
        return table[categories.codes]

    def finish(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final id of each provisional id, -1 where it is no slice, and the names in final order; missing stands last."""
        values = sorted(self._named, key=_sort_key)
        remap = np.full(len(self._ids), NO_SLICE, np.int32)
        for final, value in enumerate(values):
            remap[self._ids[value]] = final
        return remap, refuse_same_names(self.name, _names(values))


class BandEncoder:
    """Cuts a numeric column at its edges: below the first, [a, b) between them, from the last on, and missing."""

    def __init__(self, conf: SliceColumn) -> None:
        self.name, self.edges = conf.column, conf.edges
        self._seen = np.zeros(len(conf.edges) + 2, bool)

    def add(self, numbers: NDArray[np.float64], names_slices: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Return the provisional ids of a batch, int32 [n]; `names_slices` as in `CategoryEncoder.add`."""
        ids = np.searchsorted(np.asarray(self.edges), numbers, side="right").astype(np.int32)
        ids[np.isnan(numbers)] = len(self.edges) + 1
        self._seen[ids if names_slices is None else ids[names_slices]] = True
        return ids

    def finish(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final id of each provisional id, -1 where it is no slice, and the names of the bands that hold rows."""
        text = [_name(float(edge)) for edge in self.edges]
        names = [f"< {text[0]}", *(f"[{a}, {b})" for a, b in itertools.pairwise(text)), f">= {text[-1]}", MISSING]
        remap = np.where(self._seen, np.cumsum(self._seen) - 1, NO_SLICE).astype(np.int32)
        return remap, refuse_same_names(self.name, tuple(name for name, seen in zip(names, self._seen, strict=True) if seen))


def refuse_same_names(by: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the slices of one column or cross, refusing two slices of the same name.

    Raises
    ------
    ReplayError
        When a name stands twice: no reader of the tables could tell the two slices apart.
    """
    name, n_slices = Counter(names).most_common(1)[0] if names else ("", 0)
    if n_slices > 1:
        raise ReplayError(
            f"replay.slices: {n_slices} different slices of '{by}' are called '{name}', wanted one name per slice;"
            " write one of those values differently in the log, or leave the slice out"
        )
    return names


def _used(codes: NDArray[np.int32]) -> list[int]:
    """Return the codes that occur, from -1 up: counted, which is cheaper than a sort."""
    return (np.flatnonzero(np.bincount(codes + np.int32(1))) - 1).tolist()


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return 2, ""
    return (0, value) if isinstance(value, (bool, int, float, Decimal, date)) else (1, str(value))


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    names = [_name(v) for v in values]
    if values and values[-1] is None and MISSING in names[:-1]:
        names[-1] = f"{MISSING} (null)"
    return tuple(names)


def _name(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_IN_FLOAT64:
        return str(int(value))  # an integer column with nulls is often written as floats
    return repr(value) if isinstance(value, float) else str(value)
