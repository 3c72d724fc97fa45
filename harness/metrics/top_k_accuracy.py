"""top_k_accuracy: for which share of rows the right class is among the k with the highest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError
from harness.metrics.multiclass_share import ClassShare
from harness.metrics.values import Case
from harness.records.needs import Needs
from harness.records.task_tally import MulticlassTally


@dataclass(frozen=True)
class TopKAccuracy(ClassShare):
    """For which share of rows the right class is among the k with the highest scores.

    Formula: rows whose label ranks below k / n, where of equal scores the class with the lower number ranks first (scikit-learn: the
    higher number).

    Parameters
    ----------
    k : int
        How many classes count; at least 1.

    Undefined when: the cell has fewer than 2 rows, there are no more than k classes, or the tally was kept for another k.
    """

    k: int = 3

    name: ClassVar[str] = "top_k_accuracy"
    title: ClassVar[str] = "for which share of rows the right class is among the k with the highest scores"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"metrics.top_k_accuracy.k: found {self.k}, wanted at least 1; leave it out for 3")

    def needs(self) -> Needs:
        """Return that hits among the k highest scores are counted."""
        return Needs(top_k=self.k)

    def successes(self, tally: MulticlassTally) -> NDArray[np.int64]:
        """Return the rows with their class in the top k."""
        return tally.n_in_top_k

    def components(self, n_classes: int) -> slice:
        """Return the component "in the top k"."""
        return slice(3 * n_classes + 2, 3 * n_classes + 3)

    def undefined(self, tally: MulticlassTally) -> list[Case]:
        """Return where there is no value, and why."""
        n_classes = tally.confusion.shape[1]
        all_classes = np.full(len(tally.n), n_classes <= self.k)
        other: list[Case] = [(tally.top_k == k, f"the tally holds hits in the top {k}, not {self.k}") for k in np.unique(tally.top_k)]
        other = [] if (tally.top_k == self.k).all() else other
        return [(all_classes, f"there are only {n_classes} classes"), *other, *super().undefined(tally)]
