"""base_rate: whether more labels are positive, or fewer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.drift.day_test import Counts, DayTested, day_test
from harness.drift.missing_share import last_share_difference, two_shares
from harness.drift.readings import nobody, reading, undefined
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading

CLASSES = ("0", "1")


@dataclass(frozen=True, kw_only=True)
class BaseRate(DayTested):
    """By how much the share of positive labels has changed; of binary labels alone.

    Formula: positive / labelled rows of the current side minus that of the reference; rows without a label are in neither. p-value: the
    two-proportion score test, or the difference resampled by days.

    Undefined when: a side has no labelled row. No p-value where all labels of both sides are alike.

    Parameters
    ----------
    threshold
        Absolute: .05 is five rows in a hundred.
    """

    def default_name(self) -> str:
        """Return base_rate."""
        return "base_rate"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that labels in categories may have one."""
        return is_label and kind == "category"

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the shares of positive labels; None where the label is not "0" or "1"."""
        if not set(pair.bins.categories) <= set(CLASSES):
            return None
        places = [pair.bins.categories.index(name) if name in pair.bins.categories else None for name in CLASSES]

        def by_class(counts: NDArray[np.int64]) -> Counts:
            zero = np.zeros(counts.shape[:-1])
            return np.stack([zero if i is None else counts[..., i].astype(np.float64) for i in places], axis=-1)

        reference, current = by_class(pair.reference.counts), by_class(pair.current.counts)
        n, m = int(reference.sum()), int(current.sum())
        if not n or not m:
            return undefined(self.threshold, n, m, nobody(n, "labels"))
        value = float(current[1] / m - reference[1] / n)
        test = two_shares(int(reference[1]), n, int(current[1]), m)
        p_value, how = test.p_value, test.how
        if pair.days is not None and p_value is not None:
            p_value, how = day_test(pair.days, by_class, last_share_difference, self.n_resamples, self.seed)
        return reading(value, self.threshold, p_value, n, m, f"{reference[1] / n:.4g} to {current[1] / m:.4g}", how)
