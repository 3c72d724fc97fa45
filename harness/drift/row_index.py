"""Where the rows of each cell of a log are, found once for all of its columns."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, ComparedRows
from harness.records.drift_cells import DriftCells

Rows = NDArray[np.intp] | slice


class RowIndex:
    """Gives the rows of a side, of a window of a side, or of a slice of a side, in the order of the log."""

    def __init__(self, rows: ComparedRows, cells: DriftCells) -> None:
        self.rows, self.cells = rows, cells
        self._orders: dict[int, tuple[NDArray[np.intp], NDArray[np.int64]]] = {}  # by column of ids, once somebody asks

    @cached_property
    def sides(self) -> tuple[Rows, Rows]:
        """Rows of the reference, and current rows; slices where each side stands in one piece."""
        side, n_reference = self.rows.side, self.rows.n_reference
        for first, last in ((REFERENCE_SIDE, CURRENT_SIDE), (CURRENT_SIDE, REFERENCE_SIDE)):
            n_first = n_reference if first == REFERENCE_SIDE else self.rows.n_current
            if (side[:n_first] == first).all() and (side[n_first:] == last).all():
                pieces = (slice(0, n_first), slice(n_first, len(side)))
                return pieces if first == REFERENCE_SIDE else pieces[::-1]
        return np.flatnonzero(side == REFERENCE_SIDE), np.flatnonzero(side == CURRENT_SIDE)

    def window(self, side: int, window: int) -> Rows:
        """Return the rows of a window (1 ..) of one side."""
        stretches = np.flatnonzero((self.cells.time.side == side) & (self.cells.time.window == window))
        return self._joined([self._rows_of(0, int(stretch)) for stretch in stretches])

    def slice_rows(self, slice_id: int, side: int) -> Rows:
        """Return the rows of a slice (1 ..) on one side."""
        return self._rows_of(column_of_slice(self.cells, slice_id), self.cells.cell_of_slice(slice_id, side))

    def _rows_of(self, column: int, cell: int) -> NDArray[np.intp]:
        if column not in self._orders:
            self._orders[column] = _order(self.cells.ids[:, column], self.cells.n_cells)
        order, starts = self._orders[column]
        found: NDArray[np.intp] = order[starts[cell] : starts[cell + 1]]
        return found

    @staticmethod
    def _joined(parts: list[NDArray[np.intp]]) -> NDArray[np.intp]:
        if not parts:
            return np.zeros(0, np.intp)
        found = np.concatenate(parts)
        return found if all(a[-1] < b[0] for a, b in pairwise(parts)) else np.sort(found)


def column_of_slice(cells: DriftCells, slice_id: int) -> int:
    """Return the column of the ids in which a slice (1 ..) has its cells."""
    return 1 + list(dict.fromkeys(cells.slice_by[1:])).index(cells.slice_by[slice_id])


def _order(ids: NDArray[np.int32], n_cells: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the rows in the order of their cells, and where each cell starts among them."""
    # NumPy sorts 16 bits by radix, several times faster; the first cell stands at 1, and rows in no cell at 0.
    first = int(np.min(ids, initial=n_cells, where=ids >= 0))
    places = np.maximum(ids - (first - 1), 0)
    order = np.argsort(places.astype(np.uint16) if int(np.max(places, initial=0)) < 1 << 16 else places, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(ids + 1, minlength=n_cells + 1))])
    return order, starts[1:]
