"""psi: the population stability index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from harness.drift.day_test import Counts
from harness.drift.shares import SharesStatistic
from harness.errors import did_you_mean, one_of
from harness.records.drift import ColumnPair

ZEROS = ("floor", "add")
ADDED = 1e-5  # popmon adds it to every share


@dataclass(frozen=True, kw_only=True)
class Psi(SharesStatistic):
    """How far the shares of the current rows have moved from those of the reference: the population stability index.

    Formula: sum over bins of (r - c) ln(r / c), r and c the shares of either side, natural logarithm. Bins: deciles of the reference, equal
    ones merged, and below, above, missing; of a category its values. Bins that are empty on both sides leave the sum and their number B.

    Without drift its mean is (B - 1)(1/n + 1/m) and its 95 % point that of chi-square with B - 1 degrees, times (1/n + 1/m): of few rows PSI is
    large by itself, and the note says how large.

    Undefined when: a side has no rows.

    Parameters
    ----------
    zeros : str
        What stands for the share of a bin that is empty on one side: `floor`, half a row of that side; `add`: 1e-5 is added to every share of
        both sides, as popmon does.

    Notes
    -----
    Siddiqi, Credit Risk Scorecards, 2006, p. 136; its distribution without drift: Yurdakul & Naranjo 2020, Journal of Risk Model Validation
    14(4):89, section 3.
    """

    zeros: str = "floor"

    def default_name(self) -> str:
        """Return psi."""
        return "psi"

    def check(self) -> None:
        """Refuse an unknown rule for empty bins."""
        super().check()
        if self.zeros not in ZEROS:
            raise ValueError(f"zeros: found '{self.zeros}', wanted {one_of(ZEROS)}{did_you_mean(self.zeros, ZEROS)}")

    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return PSI of counts [..., n_bins].

        Examples
        --------
        Two of four rows against three of four: -.25 ln(.5 / .75) + .25 ln(.5 / .25).

        >>> round(float(Psi().of_counts(np.array([2.0, 2.0]), np.array([3.0, 1.0]))), 6)
        0.274653
        """
        if self.zeros == "add":
            r, c = (side / side.sum(axis=-1, keepdims=True) + ADDED for side in (reference, current))
        else:
            r, c = (np.maximum(side, 0.5) / side.sum(axis=-1, keepdims=True) for side in (reference, current))
        in_use = (reference > 0) | (current > 0)
        return np.asarray(np.where(in_use, (r - c) * np.log(r / c), 0.0).sum(axis=-1), np.float64)

    def remark(self, pair: ColumnPair, reference: Counts, current: Counts) -> str:
        """Say what PSI is without any drift."""
        degrees = int(np.count_nonzero(reference + current)) - 1
        spread = 1.0 / reference.sum() + 1.0 / current.sum()
        point = float(chdtri(degrees, 0.05)) * spread if degrees else 0.0
        return f"without drift: mean {degrees * spread:.3g}, 95 % point {point:.3g}"
