"""How shares of rows that a multiclass model has right differ between two variants, by Tango's interval."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.paired_share import Table, share_estimate, share_interval
from harness.compare.weighted_share import ShareWeights, weighted_share_bounds, weighted_share_estimate
from harness.records.task_tally import PairedMulticlassTally

N_COMPONENTS = 12  # of `PairedMulticlassTally.totals`


class PairedClassShare(PairedMetric[PairedMulticlassTally]):
    """A share of the same rows for both variants; as `PairedShare`, weighted and clustered rows included.

    Undefined when: fewer than 2 rows.
    """

    first_component: ClassVar[int]  # of the four of the table, among those of `PairedMulticlassTally.totals`

    @abstractmethod
    def table(self, paired: PairedMulticlassTally) -> Table:
        """Return int64 [n_cells, 2, 2]: rows [counted by the champion, counted by the challenger]."""

    def estimate(self, paired: PairedMulticlassTally) -> Estimate:
        """Return both shares, the standard error of their difference and the p-value."""
        plain = share_estimate(self.table(paired))
        return plain if paired.totals is None else weighted_share_estimate(plain.n, paired.totals, self._weights())

    def interval(self, paired: PairedMulticlassTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return Tango's score interval; NaN where the difference is not defined."""
        if paired.totals is None:
            return share_interval(self.table(paired), confidence)
        return weighted_share_bounds(paired.totals, self._weights(), estimate, confidence)

    def _weights(self) -> ShareWeights:
        """Return the coefficients of the four cells of the table."""
        neither, challenger, champion, both = np.eye(N_COMPONENTS)[self.first_component : self.first_component + 4]
        return ShareWeights(challenger, champion, both, neither + challenger + champion + both)


class PairedMulticlassAccuracy(PairedClassShare):
    """Difference of accuracy: rows that only one of the two decides rightly."""

    name: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True
    first_component: ClassVar[int] = 0

    def table(self, paired: PairedMulticlassTally) -> Table:
        """Return the rows by whether champion and challenger decide them rightly."""
        return paired.right


class PairedTopKAccuracy(PairedClassShare):
    """Difference of top-k accuracy: rows whose class only one of the two has among its k highest scores.

    Undefined when: fewer than 2 rows, or there are no more than k classes: a difference of 0 would then say nothing, and look certain.
    """

    name: ClassVar[str] = "top_k_accuracy"
    higher_is_better: ClassVar[bool] = True
    first_component: ClassVar[int] = 4

    def table(self, paired: PairedMulticlassTally) -> Table:
        """Return the rows by whether champion and challenger have their class in the top k."""
        return paired.in_top_k

    def estimate(self, paired: PairedMulticlassTally) -> Estimate:
        """Return both shares, the standard error of their difference and the p-value."""
        found, is_empty = super().estimate(paired), paired.top_k >= paired.n_classes
        values = {name: np.where(is_empty, np.nan, getattr(found, name)) for name in ("champion", "challenger", "se", "p_value")}
        method = np.where(is_empty, "undefined: there are no more than k classes", found.method).astype(np.object_)
        return replace(found, **values, method=method)

    def interval(self, paired: PairedMulticlassTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the interval of the difference; NaN where it is not defined."""
        low, high = super().interval(paired, estimate, confidence)
        is_empty = paired.top_k >= paired.n_classes
        return np.where(is_empty, np.nan, low), np.where(is_empty, np.nan, high)
