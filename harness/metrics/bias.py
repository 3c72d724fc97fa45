"""bias: whether predictions are too high or too low on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.metric import Direction
from harness.metrics.regression_metric import Complex, RegressionMetric


@dataclass(frozen=True)
class Bias(RegressionMetric):
    """Whether predictions are too high (above 0) or too low on average: the mean error.

    Formula: sum w (p - y) / sum w.

    Undefined when: the cell has fewer than 2 rows.

    Examples
    --------
    >>> import numpy as np
    >>> Bias().formula(np.array([[4.0, -2.0]])).tolist()  # 4 rows, errors 1, 0, -3 and 0
    [-0.5]
    """

    name: ClassVar[str] = "bias"
    title: ClassVar[str] = "whether predictions are too high or too low on average (mean of prediction - label)"
    direction: ClassVar[Direction] = "none"
    lowest: ClassVar[float] = float("-inf")
    source: ClassVar[str] = "Binder 1983, International Statistical Review 51:279"
    components: ClassVar[tuple[str, ...]] = ("weight", "error")

    def formula(self, t: Complex) -> Complex:
        """Return the mean error from totals."""
        return t[:, 1] / t[:, 0]
