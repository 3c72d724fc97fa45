"""f1: how the harmonic mean of precision and recall differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.eight_cells import CHALLENGER, CHAMPION, LABEL
from harness.compare.paired_confusion import Coefficients, Complex, PairedConfusion


class PairedF1(PairedConfusion):
    """Difference of F1, 2 TP / (2 TP + FP + FN); `n` counts the rows that are positive or that either selects.

    Undefined when: there is no positive row, or no negative one.
    """

    name: ClassVar[str] = "f1"
    higher_is_better: ClassVar[bool] = True
    denominators: ClassVar[tuple[Coefficients, ...]] = (LABEL, 1.0 - LABEL)
    rests_on: ClassVar[Coefficients] = np.maximum.reduce([LABEL, CHAMPION, CHALLENGER])
    no_denominator: ClassVar[str] = "one class only"

    def of_confusion(self, confusion: Complex) -> Complex:
        """Return 2 TP / (2 TP + FP + FN)."""
        hits = 2.0 * confusion[:, 3]
        return hits / (hits + confusion[:, 1] + confusion[:, 2])
