"""ks: the greatest distance of two distribution functions, and how likely it is without drift."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, kstwo

from harness.drift.day_test import BY_ROWS, Counts, DayTested, day_test
from harness.drift.readings import left_out, nobody, reading, undefined
from harness.drift.shares import compared, joined
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading, TwoSample

_SLOW_ROWS, _TAIL = 10_000, 2.2  # from 2.2 on SciPy doubles the one-sided probability, as a sum of n terms
_BEYOND_DOUBT = 30.0  # n ks^2: p is below 1e-25, whichever of the two it is
EXACT_ROWS = 10_000  # of the larger side, up to which the p-value is exact: SciPy's own limit for method="auto"

# SciPy's exact count of sides of equal size may round to a little more than 1, which it refuses with a warning. From here on the
# asymptotic p-value of such sides is within 7e-5 of the exact one.
NEARLY_ONE = 0.9999


@dataclass(frozen=True, kw_only=True)
class KolmogorovSmirnov(DayTested):
    """How far apart the distribution functions of both sides are at most, 0 .. 1.

    Formula: D = max over x of |F(x) - G(x)| of the finite values, exact, ties counted once. The p-value is exact up to 10,000 rows a side
    (conservative where values are tied), else that of Kolmogorov's D of round(n m / (n + m)) rows, as SciPy's; by days, D of the binned shares.
    Where only a stored profile of the reference is at hand, D is read at the borders of the bins and is a lower bound.

    Undefined when: a side has no finite value.

    Notes
    -----
    Hodges 1958, Arkiv för Matematik 3:469; Simard & L'Ecuyer 2011, Journal of Statistical Software 39(11), for one sample. SciPy's `ks_2samp`.
    """

    def default_name(self) -> str:
        """Return ks."""
        return "ks"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that values in an order have it."""
        return kind in ("number", "time")

    def read(self, pair: ColumnPair) -> Reading:
        """Compare the two distribution functions."""
        ordered = pair.ordered
        if ordered is None:
            return self._of_bins(pair)
        n, m = ordered.n_reference, ordered.n_current
        if not n or not m:
            return undefined(self.threshold, n, m, nobody(n, "finite values"))
        p_value, how = ks_test(pair, ordered, self.n_resamples, self.seed)
        return reading(ordered.ks, self.threshold, p_value, n, m, left_out(pair), how)

    def _of_bins(self, pair: ColumnPair) -> Reading:
        reference, current = (compared(pair, side.counts)[:-1] for side in (pair.reference, pair.current))
        n, m = int(reference.sum()), int(current.sum())
        if not n or not m:
            return undefined(self.threshold, n, m, nobody(n, "values"))
        value = float(ks_of_counts(reference, current))
        p_value, how = ks_test(pair, TwoSample(value, math.nan, math.nan, n, m), self.n_resamples, self.seed)
        return reading(value, self.threshold, p_value, n, m, "of the bins, a lower bound: the values are not at hand", how)


def ks_test(pair: ColumnPair, ordered: TwoSample, n_resamples: int, seed: int) -> tuple[float | None, str]:
    """Return the p-value of "both sides have one distribution" by Kolmogorov and Smirnov's D, and how it was found."""
    if pair.days is not None and bins_show(pair, ordered):
        p_value, how = day_test(pair.days, partial(counts_of_values, pair), ks_of_counts, n_resamples, seed)
        return p_value, f"{how}, of the bins"
    n, m = ordered.n_reference, ordered.n_current
    effective = max(round(n * m / (n + m)), 1)
    asymptotic = _asymptotic_p(ordered.ks, effective)
    is_beyond_doubt = effective * ordered.ks**2 > _BEYOND_DOUBT
    is_small = not is_beyond_doubt and max(n, m) <= EXACT_ROWS and pair.reference.values is not None and pair.current.values is not None
    if not is_small or (n == m and asymptotic >= NEARLY_ONE):
        return asymptotic, f"asymptotic p, {BY_ROWS}"
    assert pair.reference.values is not None
    assert pair.current.values is not None
    return _exact_p(_Samples(ordered.ks, n, m, (pair.reference.values(), pair.current.values()))), f"exact p, {BY_ROWS}"


def counts_of_values(pair: ColumnPair, counts: NDArray[np.int64]) -> Counts:
    """Return counts [..., n_bins] of the values alone, as they are tested: without the missing, the outer bins with their neighbours."""
    return joined(pair, compared(pair, counts))[..., :-1]


def bins_show(pair: ColumnPair, ordered: TwoSample) -> bool:
    """Say whether the bins show at least half of D: equal deciles are merged, and a column of few values may lie in one bin altogether.

    Where they do not, days cannot be resampled by their counts, and rows are treated as independent.
    """
    sides = [counts_of_values(pair, side.counts) for side in (pair.reference, pair.current)]
    return all(side.any() for side in sides) and 2.0 * float(ks_of_counts(sides[0], sides[1])) >= ordered.ks


def ks_of_counts(reference: Counts, current: Counts) -> NDArray[np.float64]:
    """Return D at the borders of ascending bins, of counts [..., n_bins].

    Examples
    --------
    Distribution functions 1/4, 1/2, 1 against 0, 1/4, 1.

    >>> float(ks_of_counts(np.array([1.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0])))
    0.25
    """
    f, g = (np.cumsum(side, axis=-1) / side.sum(axis=-1, keepdims=True) for side in (reference, current))
    return np.asarray(np.abs(f - g).max(axis=-1), np.float64)


@lru_cache(maxsize=8)  # as _exact_p
def _asymptotic_p(ks: float, n: int) -> float:
    """Return P(D_n >= ks), as SciPy's `kstwo`; in the tail of large n by Smirnov's one-sided limit, doubled, with its first correction.

    Formula: 2 exp(-(6 n ks + 1)^2 / (18 n)), within 1 part in 10^4 of `kstwo`, which takes time in proportion to n there: a second at 250,000.
    Source: Simard & L'Ecuyer 2011, Journal of Statistical Software 39(11), section 2.3, for the tail; Maag & Dicaire 1971, Biometrika 58:653, for the correction.
    """
    if n * ks * ks >= (_TAIL if n > _SLOW_ROWS else _BEYOND_DOUBT):
        return float(min(2.0 * np.exp(-((6.0 * n * ks + 1.0) ** 2) / (18.0 * n)), 1.0))
    return float(np.clip(kstwo.sf(ks, n), 0.0, 1.0))


@dataclass(frozen=True)
class _Samples:
    """Two samples whose D is known; the p-value is of D and of their sizes alone, so only these tell two of them apart."""

    ks: float
    n_reference: int
    n_current: int
    values: tuple[NDArray[Any], NDArray[Any]] = field(compare=False)


@lru_cache(maxsize=4)  # ks and both of Wasserstein's distances ask for it in turn
def _exact_p(samples: _Samples) -> float:
    return float(ks_2samp(*samples.values, method="exact").pvalue)
