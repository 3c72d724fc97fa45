"""rmse: how far predictions are from the labels, large errors counting more, in the label's unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from harness.metrics.metric import Direction
from harness.metrics.regression_metric import Complex, RegressionMetric


@dataclass(frozen=True)
class Rmse(RegressionMetric):
    """How far predictions are from the labels, large errors counting more, in their unit: the root of the mean squared error.

    Formula: sqrt(sum w (p - y)² / sum w), its interval by the delta method on the log scale.

    Undefined when: the cell has fewer than 2 rows.

    Examples
    --------
    >>> Rmse().formula(np.array([[4.0, 9.0]])).tolist()  # 4 rows, errors 0, 0, 3 and 0
    [1.5]
    """

    name: ClassVar[str] = "rmse"
    title: ClassVar[str] = "how far predictions are from the labels, large errors counting more (root mean squared error)"
    direction: ClassVar[Direction] = "lower"
    interval: ClassVar[str] = "linearised, log, Student t"
    source: ClassVar[str] = "Binder 1983, International Statistical Review 51:279"
    components: ClassVar[tuple[str, ...]] = ("weight", "squared_error")
    scale: ClassVar[Literal["linear", "log", "log(1 - value)"]] = "log"

    def formula(self, t: Complex) -> Complex:
        """Return the root mean squared error from totals."""
        return np.sqrt(t[:, 1] / t[:, 0])
