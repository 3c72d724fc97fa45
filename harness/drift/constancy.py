"""constancy: whether a column has stopped varying, or begun to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from harness.drift.day_test import BY_ROWS, Counts
from harness.drift.sigma import FigureShift, RowsTest
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample

EXACT_FLOAT = 2.0**53  # from here on different integers may be one float64


@dataclass(frozen=True, kw_only=True)
class Constancy(FigureShift):
    """Whether all values of a column are one, on one side and not on the other.

    A side is constant (1) where its minimum is its maximum, of a category where all its rows with a value have the same one; else 0. The value is
    current minus reference: 1, it has become constant; -1, it has begun to vary; 0, as before. Against five or more windows of the reference
    that differ it is current minus their share of constant ones, with N-sigma.

    p-value otherwise: how often the constant side, dealt at random from the rows of both, would have held one value (bin) only: sum over bins of
    C(t, n) / C(N, n), t the rows of both sides in the bin, n those of the constant side, N of both. It is exact for categories, and at most too
    large for numbers, whose bins hold several values; rows treated as independent.

    Undefined when: a side has fewer than two values. No p-value where both sides are constant, or neither.
    """

    def default_name(self) -> str:
        """Return constancy."""
        return "constancy"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that every column may be constant."""
        return kind != "none"

    def figure(self, pair: ColumnPair, sample: Sample) -> float:
        """Return 1 of a constant side, else 0."""
        return float(is_constant(pair, sample)) if sample.n_present > 1 else math.nan

    def rows(self, sample: Sample) -> int:
        """Return the rows with a value."""
        return sample.n_present

    def limit(self, pair: ColumnPair, reference: float) -> float | None:
        """Return the threshold."""
        return self.threshold

    def by_rows(self, pair: ColumnPair, value: float) -> RowsTest:
        """Deal the rows of both sides out at random."""
        if value == 0.0:
            return RowsTest(None, "constant as before" if is_constant(pair, pair.current) else "varies as before")
        side = pair.current if value > 0.0 else pair.reference
        total = (pair.reference.counts + pair.current.counts)[:-1].astype(np.float64)
        said = "it has become constant" if value > 0.0 else "it has begun to vary"
        return RowsTest(one_value_p(total, side.n_present), f"{said}, p of rows dealt at random, {BY_ROWS}")


def is_constant(pair: ColumnPair, sample: Sample) -> bool:
    """Say whether all rows with a value have the same one."""
    if pair.kind == "category" or sample.n_infinite:
        return int(sample.counts[:-1].max(initial=0)) == sample.n_present and sample.n_infinite in (0, sample.n_present)
    if sample.minimum != sample.maximum:
        return False
    if abs(sample.minimum) < EXACT_FLOAT or sample.values is None:
        return True
    values = sample.values()
    return bool((values == values[0]).all())


def one_value_p(total: Counts, n_drawn: int) -> float:
    """Return how often rows drawn without replacement from bins with `total` rows are all of one bin.

    Examples
    --------
    Two rows of three a and two b: 3/10 + 1/10.

    >>> round(one_value_p(np.array([3.0, 2.0]), 2), 12)
    0.4
    """
    enough, n_rows = total[total >= n_drawn], total.sum()
    chosen = gammaln(enough + 1.0) - gammaln(enough - n_drawn + 1.0) - gammaln(n_rows + 1.0) + gammaln(n_rows - n_drawn + 1.0)
    return float(min(np.exp(chosen).sum(), 1.0))
