"""balanced_accuracy: how the mean of both classes' shares of right decisions differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.eight_cells import LABEL
from harness.compare.paired_confusion import Coefficients, Complex, PairedConfusion


class PairedBalancedAccuracy(PairedConfusion):
    """Difference of balanced accuracy, (TP / (TP + FN) + TN / (TN + FP)) / 2, over all rows.

    Undefined when: there is one class only.
    """

    name: ClassVar[str] = "balanced_accuracy"
    higher_is_better: ClassVar[bool] = True
    denominators: ClassVar[tuple[Coefficients, ...]] = (LABEL, 1.0 - LABEL)
    rests_on: ClassVar[Coefficients] = np.ones(8)
    no_denominator: ClassVar[str] = "one class only"

    def of_confusion(self, confusion: Complex) -> Complex:
        """Return (TP / (TP + FN) + TN / (TN + FP)) / 2."""
        tn, fp, fn, tp = confusion.T
        return np.asarray(0.5 * (tp / (tp + fn) + tn / (tn + fp)))
