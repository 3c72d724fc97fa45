"""mape: how far predictions are from the labels as a share of the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.metric import Direction
from harness.metrics.regression_metric import Complex, Floats, RegressionMetric
from harness.metrics.values import Case
from harness.records.task_tally import RegressionTally


@dataclass(frozen=True)
class Mape(RegressionMetric):
    """How far predictions are from the labels as a share of the label: the mean absolute percentage error, 1 being 100 %.

    Formula: sum w |p - y| / |y| / sum w over rows with y other than 0. How many rows are left out, the interval's method says.
    scikit-learn keeps them, with |y| replaced by 2.2e-16.

    Undefined when: fewer than 2 rows have a label other than 0.

    Examples
    --------
    >>> Mape().formula(np.array([[4.0, 1.0]])).tolist()  # labels 10, 20, 10, 10; absolute errors 1, 4, 2 and 5
    [0.25]
    """

    name: ClassVar[str] = "mape"
    title: ClassVar[str] = (
        "how far predictions are from the labels as a share of the label (mean absolute percentage error, labels of 0 left out)"
    )
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "lower"
    source: ClassVar[str] = "Hyndman & Koehler 2006, International Journal of Forecasting 22:679, section 2.2; Binder 1983"
    components: ClassVar[tuple[str, ...]] = ("nonzero", "absolute_percentage_error")

    def formula(self, t: Complex) -> Complex:
        """Return the mean absolute percentage error from totals."""
        return t[:, 1] / t[:, 0]

    def undefined(self, tally: RegressionTally, totals: Floats) -> list[Case]:
        """Return where there are too few rows with a label other than 0."""
        return [*super().undefined(tally, totals), (tally.n - tally.n_zero < 2, "fewer than 2 rows with a label other than 0")]

    def method(self, tally: RegressionTally) -> NDArray[np.object_]:
        """Return the interval's name with the number of rows left out."""
        counts, which = np.unique(tally.n_zero, return_inverse=True)
        texts = [f"{self.interval}; {n:,} rows with label 0 left out" if n else self.interval for n in counts.tolist()]
        return np.array(texts, dtype=np.object_)[which]

    def n_clusters(self, tally: RegressionTally) -> NDArray[np.int64]:
        """Return the clusters, or the rows with a label other than 0 where there are none."""
        return np.where(tally.is_clustered, tally.totals.n_clusters, tally.n - tally.n_zero)
