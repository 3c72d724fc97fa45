"""log_loss: how the mean loss differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

from harness.compare.paired_mean import PairedMean
from harness.records.tally import Moments, PairedTally


class PairedLogLoss(PairedMean):
    """Difference of the mean log loss, in nats; below 0 the challenger is better."""

    name: ClassVar[str] = "log_loss"
    component: ClassVar[str] = "log_loss"
    higher_is_better: ClassVar[bool] = False

    def moments(self, paired: PairedTally) -> tuple[Moments, Moments]:
        """Return the moments of the champion's loss and of the difference."""
        return paired.champion_log_loss, paired.log_loss
