"""Where the compared rows lie: sides, days, windows and slices as cells that kernels count in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TimeCells:
    """The finest stretches of time that rows are counted in, one cell each; they partition the rows.

    Args:
        side: int8 [n_time]: 0 reference, 1 current.
        window: int32 [n_time]: number of the window among those of its side, 1 ..; 0 where there are no windows.
        day: int64 [n_time]: days since the epoch in UTC; -1 where there are no times, or a stretch is longer than a day.
    """

    side: NDArray[np.int8]
    window: NDArray[np.int32]
    day: NDArray[np.int64]

    @property
    def n_time(self) -> int:
        """Cells of time."""
        return len(self.side)


@dataclass(frozen=True)
class DriftCells:
    """Cells of the compared rows.

    Cell t < n_time is stretch t of `time`; cell n_time + 2 * (slice - 1) + side is slice `slice` (1 ..) of that side. "All rows" of a side is the sum
    over its stretches, and so is a window: only stretches and slices are counted.

    Args:
        ids: int32 [n_rows, 1 + n_slice_columns]: column 0 the row's stretch, the others its cell by each slice column; no cell is in two columns.
        time: the stretches.
        windows: names of the windows of the current rows; window 0 is "all".
        reference_windows: names of those of the reference rows, cut by the same rule; window 0 is "all".
        slice_by, slice_value: of every slice; slice 0 is "all", "all".
    """

    ids: NDArray[np.int32]
    time: TimeCells
    windows: tuple[str, ...]
    reference_windows: tuple[str, ...]
    slice_by: tuple[str, ...]
    slice_value: tuple[str, ...]

    @property
    def n_slices(self) -> int:
        """Slices, "all" among them."""
        return len(self.slice_by)

    @property
    def n_cells(self) -> int:
        """Stretches of time, and two cells a slice."""
        return self.time.n_time + 2 * (self.n_slices - 1)

    def cell_of_slice(self, slice_id: int, side: int) -> int:
        """Return the cell of a slice (1 ..) on one side."""
        return self.time.n_time + 2 * (slice_id - 1) + side
