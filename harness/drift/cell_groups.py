"""Which cells make up all rows of a side, a window and a slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE
from harness.records.drift_cells import DriftCells


class CellGroups:
    """Numbers what a column is looked at in: both sides, windows of the reference, windows of the current rows, slices on either side.

    Attributes
    ----------
    members : list of int64 arrays
        Cells of `DriftCells` of each group.
    """

    def __init__(self, cells: DriftCells) -> None:
        self._time, self._n_slices, self.n_time = cells.time, cells.n_slices, cells.time.n_time
        self._n_windows = (len(cells.reference_windows), len(cells.windows))
        sides = [np.flatnonzero(cells.time.side == side) for side in (REFERENCE_SIDE, CURRENT_SIDE)]
        self.members: list[NDArray[np.int64]] = [own.astype(np.int64) for own in sides]
        for own, n_windows in zip(sides, self._n_windows, strict=True):
            self.members += [own[cells.time.window[own] == window].astype(np.int64) for window in range(1, n_windows)]
        self.members += [np.array([cell], np.int64) for cell in range(self.n_time, cells.n_cells)]

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return len(self.members)

    def n_windows(self, side: int) -> int:
        """Windows of a side, "all" among them."""
        return self._n_windows[side]

    def side(self, side: int) -> int:
        """Return the group of all rows of a side."""
        return side

    def window(self, side: int, window: int) -> int:
        """Return the group of a window (1 ..) of a side."""
        return 1 + window + (self._n_windows[REFERENCE_SIDE] - 1 if side == CURRENT_SIDE else 0)

    def slice(self, slice_id: int, side: int) -> int:
        """Return the group of a slice (1 ..) on one side."""
        return sum(self._n_windows) + 2 * (slice_id - 1) + side

    def of_side(self, side: int) -> NDArray[np.int64]:
        """Return the groups of one side: all rows, windows, slices."""
        windows = [self.window(side, w) for w in range(1, self._n_windows[side])]
        slices = [self.slice(s, side) for s in range(1, self._n_slices)]
        return np.array([self.side(side), *windows, *slices], np.int64)

    def summed(self, by_cell: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return counts by group from counts by cell, int64 [n_groups, n_bins]."""
        return np.stack([by_cell[own].sum(axis=0) for own in self.members])

    def days(self, stretches: NDArray[np.int64], side: int, window: int | None) -> NDArray[np.int64] | None:
        """Return counts by day of a side, or of one of its windows, int64 [n_days, n_bins]; None where days are not known."""
        time = self._time
        own = np.flatnonzero((time.side == side) & (True if window is None else time.window == window))
        if not len(own) or (time.day[own] < 0).any():
            return None
        days, place = np.unique(time.day[own], return_inverse=True)
        found = np.zeros((len(days), stretches.shape[1]), np.int64)
        np.add.at(found, place, stretches[own])
        return found
