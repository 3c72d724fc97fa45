"""accuracy: how the share of right decisions differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.paired_share import PairedShare, Table


class PairedAccuracy(PairedShare):
    """Difference of accuracy: rows that only one of the two decides rightly."""

    name: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True

    def table(self, cells: NDArray[np.int64]) -> Table:
        """Return the pairs by whether champion and challenger count the row, int64 [n_cells, 2, 2]."""
        # Among the negative rows "right" is predicted 0, so the table of predictions is turned round.
        return np.asarray(cells[:, 0, ::-1, ::-1] + cells[:, 1], dtype=np.int64)
