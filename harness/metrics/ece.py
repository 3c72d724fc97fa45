"""ece: how far scores are from the observed rates, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.binned_ece import BinnedEce, Bins
from harness.records.tally import BinaryTally


@dataclass(frozen=True)
class Ece(BinnedEce):
    """How far scores are from the observed rates: expected calibration error over 15 equal-width bins of [0, 1]; see `BinnedEce`."""

    name: ClassVar[str] = "ece"
    title: ClassVar[str] = "how far scores are from the observed rates, in 15 equal-width bins"
    source: ClassVar[str] = "Naeini, Cooper & Hauskrecht 2015, AAAI; null point: Bröcker & Smith 2007, Weather and Forecasting 22:651"

    def bins(self, tally: BinaryTally) -> Bins:
        """Return the equal-width bins, which every tally has."""
        return tally.bin_n, tally.bin_positive, tally.bin_score
