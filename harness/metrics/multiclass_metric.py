"""What metrics of labels of several classes have in common: their task, and the weighted totals that they read."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.metric import Metric, Task
from harness.records.tally import ClusterTotals
from harness.records.task_tally import MulticlassTally
from harness.stats.effective_clusters import effective_clusters

PART, WEIGHT = np.array([1.0, 0.0]), np.array([0.0, 1.0])  # coefficients of what `part_and_weight` returns


class MulticlassMetric(Metric[MulticlassTally]):
    """A metric of labels of several classes and a probability for each of them."""

    task: ClassVar[Task] = "multiclass"
    takes_weights: ClassVar[bool] = True


def part_and_weight(totals: ClusterTotals, part: slice, n_classes: int) -> ClusterTotals:
    """Return two totals for those of a `MulticlassTally`: some components added up, and the weight of all rows.

    Examples
    --------
    Two rows of weight 1 and 3, of two classes; the second is decided rightly (component 5).

    >>> total = np.array([[1.0, 3, 1, 3, 0, 3, 0, 0, 0]])
    >>> rows = np.array([[1.0, 0, 1, 0, 0, 0, 0, 0, 0], [0, 3, 0, 3, 0, 3, 0, 0, 0]])
    >>> two = part_and_weight(ClusterTotals(np.array([2]), total, (rows.T @ rows)[None]), slice(4, 6), 2)
    >>> two.total.tolist(), two.cross.tolist()
    ([[3.0, 4.0]], [[[9.0, 9.0], [9.0, 10.0]]])
    """
    parts = np.zeros((totals.total.shape[1], 2))
    parts[part, 0], parts[:n_classes, 1] = 1.0, 1.0
    cross = np.einsum("ki,ckl,lj->cij", parts, totals.cross, parts, optimize=True)
    return ClusterTotals(totals.n_clusters, totals.total @ parts, np.asarray(cross, np.float64))


def clusters_of_rarest(totals: ClusterTotals, n_classes: int) -> NDArray[np.float64]:
    """Return the smallest of the classes' effective numbers of clusters, float64 [n_cells]; NaN where a class has no rows."""
    classes = np.eye(totals.total.shape[1])[:n_classes]
    return np.asarray(np.min([effective_clusters(totals.total, totals.cross, one) for one in classes], axis=0), np.float64)
