"""ece_equal_mass: how far scores are from the observed rates, in bins that hold equally many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.metrics.binned_ece import BinnedEce, Bins
from harness.records.needs import Needs
from harness.records.tally import N_BINS, BinaryTally


@dataclass(frozen=True)
class EceEqualMass(BinnedEce):
    """How far scores are from the observed rates: expected calibration error over 15 bins of equal mass; see `BinnedEce`.

    A bin is four of the 60 bins by rank of the cell itself. Rows of one score stay together, so that with heavy ties bins are uneven. Where
    most scores are small, 15 equal-width bins put nearly all rows into one, and this error sees what that one hides. Bins of two slices
    have different borders.
    """

    name: ClassVar[str] = "ece_equal_mass"
    title: ClassVar[str] = "how far scores are from the observed rates, in 15 bins of equal mass"
    source: ClassVar[str] = (
        "Nixon et al. 2019, CVPR workshops (adaptive bins); null point: Bröcker & Smith 2007, Weather and Forecasting 22:651"
    )

    def needs(self) -> Needs:
        """Return that the rank curve is read."""
        return Needs(curve=True)

    def bins(self, tally: BinaryTally) -> Bins | None:
        """Return the bins by rank, four taken together."""
        if tally.curve is None:
            return None
        n, positive, score = (
            b.reshape(len(b), N_BINS, -1).sum(axis=2) for b in (tally.curve.bin_n, tally.curve.bin_positive, tally.curve.bin_score)
        )
        return n, positive, score
