"""ks of profile nannyml: Kolmogorov and Smirnov's distance, on 10,000 bins where the reference has that many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from harness.drift.nannyml.statistic import NO_BINS, Distance, NannymlStatistic, finite_values, first_edge, values_with_infinite
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample

N_BINS = 10_000
BINNED_FROM = 10_000  # reference rows with a value


@dataclass(frozen=True, kw_only=True)
class NannymlKs(NannymlStatistic):
    """How far the distribution functions of a window and of the reference are apart, 0 .. 1.

    Formula: max |F - G|; exact below 10,000 reference rows, else at the upper edges of 10,000 bins of equal width from the least to the
    greatest reference value, which is never more, and less by up to the share of a bin.

    Undefined when: a side has no value.

    Notes
    -----
    NannyML, drift/univariate/methods.py, `KolmogorovSmirnovStatistic`: with bins, values above the reference's greatest count in the size
    of the window and in no bin.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> side = lambda *v: Sample(4, 0, 0, v[0], v[-1], 0, 0, np.zeros(3, np.int64), values=lambda: np.array(v))
    >>> NannymlKs().read(ColumnPair("x", "number", Bins((1.0,)), side(1.0, 2, 3, 4), side(3.0, 4, 5, 6))).value
    0.5
    """

    own_name: ClassVar[str] = "ks"
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number",)
    greatest: ClassVar[float] = 1.0

    def fit(self, pair: ColumnPair) -> Distance | str:
        """Return the distance from the reference's values, or from their counts."""
        if pair.reference.n_present < BINNED_FROM:
            return _exact(values_with_infinite(pair.reference, first_edge(pair)), first_edge(pair))
        return _binned(finite_values(pair.reference), first_edge(pair))

    def left_out(self, pair: ColumnPair) -> str:
        """Say how many infinite values are not in the distance; the exact one takes them as values."""
        return super().left_out(pair) if pair.reference.n_present >= BINNED_FROM else ""


def _exact(reference: NDArray[Any], edge: float) -> Distance:
    def distance(sample: Sample) -> float:
        # The p-value is not read: the exact one takes longer than the distance, and the asymptotic one has none of one row a side.
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(ks_2samp(reference, values_with_infinite(sample, edge), method="asymp").statistic)

    return distance


def _binned(reference: NDArray[Any], edge: float) -> Distance | str:
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(np.min(reference), np.max(reference), N_BINS + 1)
    if not np.isfinite(edges).all():
        return NO_BINS
    below = np.cumsum(np.histogram(reference, edges)[0] / len(reference))

    def distance(sample: Sample) -> float:
        values = values_with_infinite(sample, edge)
        counts, _ = np.histogram(values, edges)
        under = np.count_nonzero(values < edges[0]) / len(values)
        return float(np.max(np.abs(below - (under + np.cumsum(counts / len(values))))))

    return distance
