"""mse: how far predictions are from the labels, large errors counting more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from harness.metrics.metric import Direction
from harness.metrics.regression_metric import Complex, RegressionMetric


@dataclass(frozen=True)
class Mse(RegressionMetric):
    """How far predictions are from the labels, large errors counting more: the mean squared error.

    Formula: sum w (p - y)² / sum w. Its interval is that of `rmse`, squared.

    Undefined when: the cell has fewer than 2 rows.

    Examples
    --------
    >>> import numpy as np
    >>> Mse().formula(np.array([[4.0, 14.0]])).tolist()  # 4 rows, errors 1, 0, -3 and 2
    [3.5]
    """

    name: ClassVar[str] = "mse"
    title: ClassVar[str] = "how far predictions are from the labels, large errors counting more (mean squared error)"
    unit: ClassVar[str] = "unit of the label, squared"
    direction: ClassVar[Direction] = "lower"
    interval: ClassVar[str] = "linearised, log, Student t"
    source: ClassVar[str] = "Binder 1983, International Statistical Review 51:279"
    components: ClassVar[tuple[str, ...]] = ("weight", "squared_error")
    scale: ClassVar[Literal["linear", "log", "log(1 - value)"]] = "log"

    def formula(self, t: Complex) -> Complex:
        """Return the mean squared error from totals."""
        return t[:, 1] / t[:, 0]
