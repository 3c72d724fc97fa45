"""npv: how the share of negative rows among the rejected ones differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.eight_cells import CHALLENGER, CHAMPION
from harness.compare.paired_confusion import Coefficients, Complex, PairedConfusion


class PairedNpv(PairedConfusion):
    """Difference of the negative predictive value, TN / (TN + FN); `n` counts the rows that either predicts negative.

    Undefined when: one of the two predicts no row negative.
    """

    name: ClassVar[str] = "npv"
    higher_is_better: ClassVar[bool] = True
    denominators: ClassVar[tuple[Coefficients, ...]] = (1.0 - CHAMPION, 1.0 - CHALLENGER)
    rests_on: ClassVar[Coefficients] = 1.0 - np.minimum(CHAMPION, CHALLENGER)
    no_denominator: ClassVar[str] = "one of the two predicts no row negative"

    def of_confusion(self, confusion: Complex) -> Complex:
        """Return TN / (TN + FN)."""
        return confusion[:, 0] / (confusion[:, 0] + confusion[:, 2])
