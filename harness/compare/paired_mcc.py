"""mcc: how the correlation of decisions and labels differs between two variants."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.eight_cells import CHALLENGER, CHAMPION, LABEL
from harness.compare.paired_confusion import Coefficients, Complex, PairedConfusion


class PairedMcc(PairedConfusion):
    """Difference of Matthews' correlation coefficient, over all rows.

    Undefined when: there is one class only, or one of the two predicts all rows alike.
    """

    name: ClassVar[str] = "mcc"
    higher_is_better: ClassVar[bool] = True
    denominators: ClassVar[tuple[Coefficients, ...]] = tuple(
        side for which in (LABEL, CHAMPION, CHALLENGER) for side in (which, 1.0 - which)
    )
    rests_on: ClassVar[Coefficients] = np.ones(8)
    widest: ClassVar[float] = 2.0
    no_denominator: ClassVar[str] = "one class only, or one of the two predicts all rows alike"

    def of_confusion(self, confusion: Complex) -> Complex:
        """Return (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))."""
        tn, fp, fn, tp = confusion.T
        # Two roots of pairs: the product of four counts of 1e9 each would lose its last digits.
        return np.asarray((tp * tn - fp * fn) / (np.sqrt((tp + fp) * (tn + fn)) * np.sqrt((tp + fn) * (tn + fp))))
