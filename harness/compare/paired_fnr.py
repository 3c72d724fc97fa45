"""fnr: how the share of positive rows that are missed differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.paired_share import PairedShare, Table


class PairedFnr(PairedShare):
    """Difference of the false negative rate, over the positive rows; recall's with the sign turned."""

    name: ClassVar[str] = "fnr"
    higher_is_better: ClassVar[bool] = False

    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return the pairs by whether champion and challenger count the row, int64 [n_cells, 2, 2]."""
        return cells[:, 1, ::-1, ::-1]  # counted is predicted 0
