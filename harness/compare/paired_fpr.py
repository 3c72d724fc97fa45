"""fpr: how the share of negative rows that are selected differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.paired_share import PairedShare, Table


class PairedFpr(PairedShare):
    """Difference of the false positive rate, over the negative rows."""

    name: ClassVar[str] = "fpr"
    higher_is_better: ClassVar[bool] = False

    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return the pairs by whether champion and challenger count the row, int64 [n_cells, 2, 2]."""
        return cells[:, 0]
