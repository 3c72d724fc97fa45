"""A column of a log on a card: its values by the cell of their row, from which sides, windows and slices are taken without the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.place_sums import fetched
from harness.drift.row_index import column_of_slice
from harness.records.drift import Sample
from harness.records.drift_cells import DriftCells
from kernels.array_library import library_of
from kernels.devices import check_fits

_BYTES_PER_ROW = 48  # marks, values and cells of the rows that are there, their order, and the second buffers of its sort


@dataclass(frozen=True)
class PlacedSample(Sample):
    """A side whose finite values are on a card too: `there` gives them, in any order."""

    there: Callable[[], Any] | None = None


class ColumnOnCard:
    """The values of one column on a card, with the cells of its rows.

    Values are put in the order of the cells of one column of ids at a time, so that the values of a cell, of neighbouring stretches of time or of a
    whole side stand together. The next column of ids takes the place of the last.

    Parameters
    ----------
    values : float32, float64 or int64 [n_rows], CUDA
        NaN is missing. int32 where they are codes of categories, of which only `values` is read.
    ids : int32 [n_rows, n_columns], CUDA
        As `DriftCells.ids`.
    cells : DriftCells
        What the ids mean.
    is_missing : bool [n_rows], CUDA, optional
        None where NaN says it.
    """

    def __init__(self, values: Any, ids: Any, cells: DriftCells, is_missing: Any = None) -> None:
        self.values, self.ids, self.is_missing, self._cells = values, ids, is_missing, cells
        self._ordered: tuple[int, Any, NDArray[np.int64]] | None = None

    def side(self, side: int) -> Any:
        """Return the finite values of a side, CUDA."""
        return self._of(0, np.flatnonzero(self._cells.time.side == side))

    def window(self, side: int, window: int) -> Any:
        """Return the finite values of a window (1 ..) of a side, CUDA."""
        time = self._cells.time
        return self._of(0, np.flatnonzero((time.side == side) & (time.window == window)))

    def slice(self, slice_id: int, side: int) -> Any:
        """Return the finite values of a slice (1 ..) on a side, CUDA."""
        return self._of(column_of_slice(self._cells, slice_id), np.array([self._cells.cell_of_slice(slice_id, side)]))

    def _of(self, column: int, cells: NDArray[np.intp]) -> Any:
        xp, _, back = library_of(self.values)
        values, starts = self._by_cell(column)
        runs = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1) if len(cells) else []
        parts = [values[int(starts[run[0]]) : int(starts[run[-1] + 1])] for run in runs]
        return back(parts[0] if len(parts) == 1 else xp.concatenate([values[:0], *parts]))

    def _by_cell(self, column: int) -> tuple[Any, NDArray[np.int64]]:
        """Return the finite values in the order of their cells by one column of ids, and where each cell starts among them."""
        if self._ordered is None or self._ordered[0] != column:
            self._ordered = None  # before the next one takes its memory
            self._ordered = (column, *self._ordered_by(column))
        return self._ordered[1:]

    def _ordered_by(self, column: int) -> tuple[Any, NDArray[np.int64]]:
        check_fits("a column in the order of its slices", _BYTES_PER_ROW * int(self.values.shape[0]))
        library = library_of(self.values)
        xp, values, ids = library.xp, library.array, library.own(self.ids)[:, column]
        is_there = ids >= 0
        if values.dtype.kind == "f":
            is_there &= xp.isfinite(values)
        if self.is_missing is not None:
            is_there &= ~library.own(self.is_missing)
        values, ids = values[is_there], ids[is_there]
        counts = fetched(xp.bincount(ids, minlength=self._cells.n_cells)).astype(np.int64)
        return values[xp.argsort(ids, kind="stable")], np.concatenate([[0], np.cumsum(counts)])
