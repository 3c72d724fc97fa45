"""recall: how the share of positive rows that are found differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.paired_share import PairedShare, Table


class PairedRecall(PairedShare):
    """Difference of recall, over the positive rows."""

    name: ClassVar[str] = "recall"
    higher_is_better: ClassVar[bool] = True

    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return the pairs by whether champion and challenger count the row, int64 [n_cells, 2, 2]."""
        return cells[:, 1]
