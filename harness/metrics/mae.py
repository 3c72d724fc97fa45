"""mae: how far predictions are from the labels on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.metric import Direction
from harness.metrics.regression_metric import Complex, RegressionMetric


@dataclass(frozen=True)
class Mae(RegressionMetric):
    """How far predictions are from the labels on average: the mean absolute error.

    Formula: sum w |p - y| / sum w.

    Undefined when: the cell has fewer than 2 rows.

    Examples
    --------
    >>> import numpy as np
    >>> Mae().formula(np.array([[4.0, 6.0]])).tolist()  # 4 rows, absolute errors 1, 0, 3 and 2
    [1.5]
    """

    name: ClassVar[str] = "mae"
    title: ClassVar[str] = "how far predictions are from the labels on average (mean absolute error)"
    direction: ClassVar[Direction] = "lower"
    source: ClassVar[str] = "Binder 1983, International Statistical Review 51:279"
    components: ClassVar[tuple[str, ...]] = ("weight", "absolute_error")

    def formula(self, t: Complex) -> Complex:
        """Return the mean absolute error from totals."""
        return t[:, 1] / t[:, 0]
