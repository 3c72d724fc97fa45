"""micro_f1: F1 of all classes' decisions counted together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.multiclass_share import ClassShare
from harness.records.task_tally import MulticlassTally


@dataclass(frozen=True)
class MicroF1(ClassShare):
    """F1 of all classes' decisions counted together; equal to accuracy, since every row has one label and one predicted class.

    Formula: 2 sum of TP / (2 sum of TP + sum of FP + sum of FN) = sum of TP / n: each wrong row is one FP and one FN.

    Undefined when: the cell has fewer than 2 rows.
    """

    name: ClassVar[str] = "micro_f1"
    title: ClassVar[str] = "F1 of all classes' decisions counted together (equal to accuracy)"

    def successes(self, tally: MulticlassTally) -> NDArray[np.int64]:
        """Return the rows on the diagonal of the confusion table."""
        return np.asarray(np.trace(tally.confusion, axis1=1, axis2=2), np.int64)

    def components(self, n_classes: int) -> slice:
        """Return the components "label and predicted"."""
        return slice(2 * n_classes, 3 * n_classes)
