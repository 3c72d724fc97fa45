"""r2: which share of the labels' variation the predictions explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from harness.metrics.metric import Direction
from harness.metrics.regression_metric import Complex, Floats, RegressionMetric
from harness.metrics.values import Case
from harness.records.task_tally import RegressionTally
from harness.stats.resolved import ROUNDING


@dataclass(frozen=True)
class R2(RegressionMetric):
    """Which share of the labels' variation the predictions explain; below 0 where the labels' own mean is nearer than they are.

    Formula: 1 - sum w (p - y)² / sum w (y - mean y)², with the mean of the cell. The sums are of labels less the mean label of all rows. The
    interval is by the delta method on the scale log(1 - R²), which fourth moments give.

    Undefined when: the cell has fewer than 2 rows, or its labels do not vary (scikit-learn gives 0 or 1), or so little beside their
    distance from the mean label of all rows (less than 1 / 30,000) that rounding hides it. The interval is hidden from about 1 / 180.

    Examples
    --------
    >>> R2().formula(np.array([[4.0, 1.0, 2.0, 5.0]])).tolist()  # labels 0, 0, 2, 2 less 0.5; their squares about their mean sum to 4
    [0.75]
    """

    name: ClassVar[str] = "r2"
    title: ClassVar[str] = "which share of the labels' variation the predictions explain"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    lowest: ClassVar[float] = float("-inf")
    highest: ClassVar[float] = 1.0
    interval: ClassVar[str] = "linearised, log(1 - R²), Student t"
    source: ClassVar[str] = "Kvålseth 1985, The American Statistician 39:279, R²_1; interval: Binder 1983"
    components: ClassVar[tuple[str, ...]] = ("weight", "squared_error", "y", "y_squared")
    scale: ClassVar[Literal["linear", "log", "log(1 - value)"]] = "log(1 - value)"

    def formula(self, t: Complex) -> Complex:
        """Return R² from totals."""
        return 1.0 - t[:, 1] / (t[:, 3] - t[:, 2] * t[:, 2] / t[:, 0])

    def undefined(self, tally: RegressionTally, totals: Floats) -> list[Case]:
        """Return where there are too few rows, or where labels do not vary."""
        with np.errstate(divide="ignore", invalid="ignore"):
            varies = totals[:, 3] - totals[:, 2] ** 2 / totals[:, 0] > ROUNDING * totals[:, 3]
        return [
            *super().undefined(tally, totals),
            (
                ~varies & np.isfinite(totals[:, 3]),
                "the labels do not vary, or too little beside their distance from the mean label of all rows",
            ),
        ]
