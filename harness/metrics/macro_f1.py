"""macro_f1: how well the classes are found, each counting the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.multiclass_f1 import Average, ClassF1
from harness.metrics.values import Case, ratio
from harness.records.task_tally import MulticlassTally

MIN_CLASS_ROWS = 5  # of every class: with 3 or 4 of one the interval covers .94 on average and .91 at worst, with fewer .87 and less


@dataclass(frozen=True)
class MacroF1(ClassF1):
    """How well the classes are found, each counting the same.

    Formula: mean of F1_k over the classes that occur in the cell, as a label or as a prediction; a class that only one of them has
    counts with F1 = 0 (scikit-learn with `labels` left out). A class that neither has is in no mean: 0 would blame the model for a
    class that it never met.

    Undefined when: the cell has fewer than 2 rows. No interval at 0 and 1, and where a class of the log has fewer than 5 rows in the
    cell.
    """

    name: ClassVar[str] = "macro_f1"
    title: ClassVar[str] = "how well the classes are found, each counting the same (mean F1)"
    source: ClassVar[str] = (
        "van Rijsbergen 1979, ch. 7; Yang & Liu 1999, SIGIR; variance: Takahashi et al. 2022, Applied Intelligence 52:4961"
    )

    def average(self, label: NDArray[np.float64], predicted: NDArray[np.float64], both: NDArray[np.float64]) -> Average:
        """Return the mean of F1 over the classes that occur, and its slopes.

        Examples
        --------
        F1 of 6/7 and 4/5; the third class does not occur.

        >>> parts = [np.array([part]) for part in ([4.0, 2, 0], [3.0, 3, 0], [3.0, 2, 0])]
        >>> MacroF1().average(*parts).value.round(4).tolist()  # (.8571 + .8) / 2
        [0.8286]
        """
        size = label + predicted
        occurs = size > 0
        share = ratio(occurs, occurs.sum(axis=1, keepdims=True))
        per_row = share * np.where(occurs, ratio(np.ones_like(size), size), 0.0)
        f1 = np.where(occurs, ratio(2 * both, size), 0.0)
        slope = -f1 * per_row
        return Average(np.asarray((share * f1).sum(axis=1), np.float64), slope, slope, 2 * per_row)

    def no_interval(self, tally: MulticlassTally) -> list[Case]:
        """Return where a class has too few rows."""
        fewest = tally.confusion.sum(axis=2).min(axis=1)
        return [(fewest < MIN_CLASS_ROWS, f"no interval: fewer than {MIN_CLASS_ROWS} rows of a class")]
