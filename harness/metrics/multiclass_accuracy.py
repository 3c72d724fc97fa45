"""accuracy: for which share of rows the class with the highest score is the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.multiclass_share import ClassShare
from harness.records.task_tally import MulticlassTally


@dataclass(frozen=True)
class MulticlassAccuracy(ClassShare):
    """For which share of rows the class with the highest score is the right one; of equal scores the first class counts.

    Formula: sum of the confusion table's diagonal / n.

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "for which share of rows the class with the highest score is the right one"

    def successes(self, tally: MulticlassTally) -> NDArray[np.int64]:
        """Return the rows on the diagonal of the confusion table."""
        return np.asarray(np.trace(tally.confusion, axis1=1, axis2=2), np.int64)

    def components(self, n_classes: int) -> slice:
        """Return the components "label and predicted"."""
        return slice(2 * n_classes, 3 * n_classes)
