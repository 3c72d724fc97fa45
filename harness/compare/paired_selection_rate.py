"""selection_rate: how the share of selected rows differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.paired_share import PairedShare, Table


class PairedSelectionRate(PairedShare):
    """Difference of the selection rate. It has no better direction; `higher_is_better` is True so that signs stay plain."""

    name: ClassVar[str] = "selection_rate"
    higher_is_better: ClassVar[bool] = True

    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return the pairs by whether champion and challenger count the row, int64 [n_cells, 2, 2]."""
        return np.asarray(cells.sum(axis=1, dtype=np.int64), dtype=np.int64)
