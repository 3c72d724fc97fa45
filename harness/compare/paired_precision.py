"""precision: how the share of positive rows among the selected ones differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.eight_cells import CHALLENGER, CHAMPION
from harness.compare.paired_confusion import Coefficients, Complex, PairedConfusion


class PairedPrecision(PairedConfusion):
    """Difference of precision, TP / (TP + FP), each over the rows that the variant selects; `n` counts the rows that either selects.

    Undefined when: one of the two selects no row.
    """

    name: ClassVar[str] = "precision"
    higher_is_better: ClassVar[bool] = True
    denominators: ClassVar[tuple[Coefficients, ...]] = (CHAMPION, CHALLENGER)
    rests_on: ClassVar[Coefficients] = np.maximum(CHAMPION, CHALLENGER)
    no_denominator: ClassVar[str] = "one of the two predicts no row positive"

    def of_confusion(self, confusion: Complex) -> Complex:
        """Return TP / (TP + FP)."""
        return confusion[:, 3] / (confusion[:, 3] + confusion[:, 1])
