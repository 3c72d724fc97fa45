"""weighted_f1: how well the classes are found, each counting as many rows as it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.multiclass_f1 import Average, ClassF1
from harness.metrics.values import ratio
from harness.records.tally import ClusterTotals
from harness.stats.effective_clusters import effective_clusters


@dataclass(frozen=True)
class WeightedF1(ClassF1):
    """How well the classes are found, each counting as many rows as it has.

    Formula: sum of n_k * F1_k / n, n_k the rows of class k; a class without rows counts nothing.

    Undefined when: the cell has fewer than 2 rows. No interval at 0 and 1.
    """

    name: ClassVar[str] = "weighted_f1"
    title: ClassVar[str] = "how well the classes are found, each counting as many rows as it has (weighted mean F1)"
    source: ClassVar[str] = "van Rijsbergen 1979, ch. 7; variance: Takahashi et al. 2022, Applied Intelligence 52:4961"

    def average(self, label: NDArray[np.float64], predicted: NDArray[np.float64], both: NDArray[np.float64]) -> Average:
        """Return the mean of F1 weighted by the classes' rows, and its slopes.

        Examples
        --------
        F1 of 6/7 with 4 rows and of 4/5 with 2.

        >>> WeightedF1().average(*(np.array([part]) for part in ([4.0, 2], [3.0, 3], [3.0, 2]))).value.round(4).tolist()
        [0.8381]
        """
        size, n = label + predicted, label.sum(axis=1, keepdims=True)
        per_row = np.where(size > 0, ratio(label, size), 0.0) * ratio(np.ones_like(n), n)
        f1 = np.where(size > 0, ratio(2 * both, size), 0.0)
        value = ratio((label * f1).sum(axis=1, keepdims=True), n)
        slope = -f1 * per_row
        return Average(value[:, 0], slope + (f1 - value) * ratio(np.ones_like(n), n), slope, 2 * per_row)

    def effective(self, totals: ClusterTotals, n_classes: int) -> NDArray[np.float64]:
        """Return the effective number of clusters of all rows: rare classes weigh little."""
        return effective_clusters(totals.total, totals.cross, (np.arange(totals.total.shape[1]) < n_classes).astype(np.float64))
