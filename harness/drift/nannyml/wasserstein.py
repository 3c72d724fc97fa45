"""wasserstein of profile nannyml: how far values moved, on 10,000 bins where the reference has that many rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from harness.drift.nannyml.ks import BINNED_FROM, N_BINS
from harness.drift.nannyml.statistic import NO_BINS, Distance, NannymlStatistic, finite_values, infinite_note
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Sample


@dataclass(frozen=True, kw_only=True)
class NannymlWasserstein(NannymlStatistic):
    """How far values moved, on average, in their own unit.

    Formula: integral of |F - G|; exact below 10,000 reference rows. Else sum of |F - G| at the upper edges of 10,000 bins of equal width
    over the reference's range, times their width, plus (k + 1) / m times the area under the distribution function of the k values beyond
    either end and that end itself; what is in the bins stands (k + 1) / m higher where k values lie below them.

    Undefined when: a side has no finite value, or the bins cannot be cut.

    Notes
    -----
    NannyML, drift/univariate/methods.py, `WassersteinDistance`; the + 1 is its own. Departure: infinite values are left out, and counted
    in the note; it gives NaN or infinity.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> side = lambda *v: Sample(4, 0, 0, v[0], v[-1], 0, 0, np.zeros(3, np.int64), values=lambda: np.array(v))
    >>> NannymlWasserstein().read(ColumnPair("x", "number", Bins((1.0,)), side(0.0, 0, 2, 2), side(1.0, 1, 3, 3))).value
    1.0
    """

    own_name: ClassVar[str] = "wasserstein"
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number",)

    def fit(self, pair: ColumnPair) -> Distance | str:
        """Return the distance from the reference's values, or from their counts."""
        reference = finite_values(pair.reference)
        if len(reference) < BINNED_FROM:
            return lambda sample: _exact(reference, finite_values(sample))
        return _binned(reference)

    def left_out(self, pair: ColumnPair) -> str:
        """Say how many infinite values of both sides are not in the distance."""
        return infinite_note(pair.reference.n_infinite + pair.current.n_infinite)


def _exact(reference: NDArray[Any], values: NDArray[Any]) -> float:
    if not len(values):
        return math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        return float(wasserstein_distance(reference, values))


def _binned(reference: NDArray[Any]) -> Distance | str:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            counts, edges = np.histogram(reference, bins=N_BINS)
    except ValueError:
        return NO_BINS
    width = edges[1] - edges[0]
    below = np.cumsum(counts / len(reference))

    def distance(sample: Sample) -> float:
        values = finite_values(sample)
        if not len(values):
            return math.nan
        low, high = values[values < edges[0]], values[values > edges[-1]]
        weight_low = (len(low) + 1) / len(values) if len(low) else 0.0
        weight_high = (len(high) + 1) / len(values) if len(high) else 0.0
        within = np.cumsum(np.histogram(values, bins=edges)[0] / len(values)) + weight_low
        area = float(np.sum(np.abs(below - within) * width))
        with np.errstate(over="ignore", invalid="ignore"):
            return area + weight_low * _area_below(low, edges[0]) + weight_high * _area_above(high, edges[-1])

    return distance


def _area_below(values: NDArray[Any], end: float) -> float:
    """Return the area under the distribution function of the values and the end above them."""
    x, share = _distribution(np.append(values, end))
    return float(np.sum(share[:-1] * np.diff(x)))


def _area_above(values: NDArray[Any], end: float) -> float:
    """Return the area over the distribution function of the values and the end below them."""
    x, share = _distribution(np.append(values, end))
    return float(np.sum((1 - share[:-1]) * np.diff(x)))


def _distribution(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    x, counts = np.unique(values, return_counts=True)
    return x, np.cumsum(counts) / len(values)
