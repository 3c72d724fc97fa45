"""mape: how the mean absolute percentage error differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.paired_regression import Case, Complex, PairedRegression
from harness.records.task_tally import PairedRegressionTally


class PairedMape(PairedRegression):
    """Difference of the mean absolute percentage error, rows with label 0 left out; below 0 the challenger is better."""

    name: ClassVar[str] = "mape"
    higher_is_better: ClassVar[bool] = False
    components: ClassVar[tuple[str, ...]] = ("nonzero", "champion_absolute_percentage_error", "absolute_percentage_error")

    def champion(self, t: Complex) -> Complex:
        """Return the champion's mean absolute percentage error."""
        return t[:, 1] / t[:, 0]

    def change(self, t: Complex) -> Complex:
        """Return the mean of the rows' differences."""
        return t[:, 2] / t[:, 0]

    def rows(self, paired: PairedRegressionTally) -> NDArray[np.int64]:
        """Return the rows with a label other than 0."""
        return paired.rows - paired.n_zero

    def undefined(self, paired: PairedRegressionTally) -> list[Case]:
        """Return where there are too few of them."""
        return [(self.rows(paired) < 2, "undefined: fewer than 2 rows with a label other than 0")]
