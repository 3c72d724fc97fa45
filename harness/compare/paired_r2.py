"""r2: how the share of the labels' variation that is explained differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.paired_regression import Case, Complex, PairedRegression
from harness.records.task_tally import PAIRED_REGRESSION_COMPONENTS, PairedRegressionTally
from harness.stats.resolved import ROUNDING


class PairedR2(PairedRegression):
    """Difference of R²; above 0 the challenger is better.

    Formula: -sum w (b² - a²) / sum w (y - mean y)², with a and b the errors of champion and challenger.

    Undefined when: the labels do not vary, as in `r2`.
    """

    name: ClassVar[str] = "r2"
    higher_is_better: ClassVar[bool] = True
    components: ClassVar[tuple[str, ...]] = ("weight", "champion_squared_error", "squared_error", "y", "y_squared")

    def champion(self, t: Complex) -> Complex:
        """Return the champion's R²."""
        return 1.0 - t[:, 1] / (t[:, 4] - t[:, 3] * t[:, 3] / t[:, 0])

    def change(self, t: Complex) -> Complex:
        """Return the difference, over the labels' variation that both share."""
        return -t[:, 2] / (t[:, 4] - t[:, 3] * t[:, 3] / t[:, 0])

    def undefined(self, paired: PairedRegressionTally) -> list[Case]:
        """Return where there are too few rows, or where labels do not vary."""
        weight, y, squares = (paired.totals.total[:, PAIRED_REGRESSION_COMPONENTS.index(name)] for name in ("weight", "y", "y_squared"))
        with np.errstate(divide="ignore", invalid="ignore"):
            varies = squares - y * y / weight > ROUNDING * squares
        return [*super().undefined(paired), (~varies, "undefined: the labels do not vary")]
