"""How rare a difference is when whole days, not rows, are drawn to be reference or current."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.drift.statistic import DriftStatistic
from harness.records.drift import DayCounts

Counts = NDArray[np.float64]
BY_ROWS = "rows treated as independent"
BLAS_ALONE = 200_000  # multiplications of a product up to which OpenBLAS wakes no threads, which would take longer than the product
ROUNDING = 1e-12  # resamples that equal the found value but for the order of sums count as equal


@dataclass(frozen=True, kw_only=True)
class DayTested(DriftStatistic):
    """Base of the statistics whose p-value comes from resampling days, where the pair has counts by day.

    Parameters
    ----------
    n_resamples
        Of the days; the least p-value is 1 / (n_resamples + 1).
    seed
        Of the draws. Pairs with the same numbers of days share their draws.
    """

    n_resamples: int = 999
    seed: int = 0

    def check(self) -> None:
        """Refuse fewer resamples than one."""
        super().check()
        if self.n_resamples < 1:
            raise ValueError(f"n_resamples: found {self.n_resamples!r}, wanted a whole number of at least 1")


def day_permutation_p(
    days: DayCounts, statistic: Callable[[Counts, Counts], NDArray[np.float64]], n_resamples: int = 999, seed: int = 0
) -> float:
    """Return how often days drawn at random to be the current ones differ from the others as much as the current days do.

    Formula: (1 + number of resamples whose statistic is at least the found one) / (n_resamples + 1). A resample keeps the number of
    reference days and of current days and every day whole; a day with rows on both sides counts as two.

    Parameters
    ----------
    days : DayCounts
        Counts by day; days without a row on a side are not among its days.
    statistic : callable
        From reference counts and current counts, float64 [n_resamples, n_bins] each, to float64 [n_resamples]; greater is further apart.
    n_resamples, seed : int
        Number and seed of the resamples.

    Returns
    -------
    float
        In (0, 1]; NaN where a side has no day or the found value is undefined.

    Notes
    -----
    Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 9(1):39, 2010, equation 2: the found arrangement counts as one
    of those that could have been drawn, so that the p-value is never 0 and the level is kept. Days are taken to be alike and independent of
    each other: a weekday rhythm is fine where both sides hold whole weeks, a slow trend is not.

    Examples
    --------
    Two days against two, wholly apart; of the six ways to draw two of four days two are as far apart.

    >>> days = DayCounts(np.array([[9, 0], [9, 0], [0, 0], [0, 0]]), np.array([[0, 0], [0, 0], [0, 9], [0, 9]]))
    >>> round(day_permutation_p(days, lambda r, c: np.abs(r[:, 0] - c[:, 0]), 9999), 2)
    0.33
    """
    units, n_reference = day_units(days)
    if not 0 < n_reference < len(units):
        return math.nan
    found = float(statistic(units[:n_reference].sum(axis=0)[None], units[n_reference:].sum(axis=0)[None])[0])
    if math.isnan(found):
        return math.nan
    reference = _dealt_out(_draws(len(units), n_reference, n_resamples, seed), units)
    drawn = statistic(reference, units.sum(axis=0) - reference)
    return float((1 + np.count_nonzero(drawn >= found - ROUNDING * abs(found))) / (n_resamples + 1))


def _dealt_out(draws: NDArray[np.bool_], units: Counts) -> Counts:
    """Return the counts of the drawn days, [n_resamples, n_bins]: whole numbers below 2**53, so exact."""
    block = BLAS_ALONE // max(units.size, 1)
    if block < 4:
        return draws.astype(np.float64) @ units
    return np.concatenate([draws[i : i + block].astype(np.float64) @ units for i in range(0, len(draws), block)])


def day_units(days: DayCounts) -> tuple[Counts, int]:
    """Return the counts of the days that have rows, those of the reference first, and how many of them are the reference's."""
    reference, current = (side[side.any(axis=1)].astype(np.float64) for side in (days.reference, days.current))
    return np.concatenate([reference, current]), len(reference)


def day_note(days: DayCounts, n_resamples: int) -> str:
    """Say how the p-value was found, and which is the least possible one where there are few ways to draw the days."""
    units, n_reference = day_units(days)
    n_ways = math.comb(len(units), n_reference)
    least = f", at least {1 / n_ways:.2g}" if n_ways <= n_resamples else ""
    return f"p by {n_resamples} resamples of {len(units)} days{least}"


def day_test(
    days: DayCounts,
    prepared: Callable[[NDArray[np.int64]], Counts],
    statistic: Callable[[Counts, Counts], NDArray[np.float64]],
    n_resamples: int,
    seed: int,
) -> tuple[float | None, str]:
    """Return the p-value by days and the words for the note; `prepared` makes the counts that are tested of those by bins."""
    tested = DayCounts(*(prepared(side).astype(np.int64) for side in (days.reference, days.current)))
    p_value = day_permutation_p(tested, statistic, n_resamples, seed)
    return (None, "no test by days") if math.isnan(p_value) else (p_value, day_note(tested, n_resamples))


@lru_cache(maxsize=64)  # windows of one log: all columns and statistics ask for the same draws
def _draws(n_units: int, n_reference: int, n_resamples: int, seed: int) -> NDArray[np.bool_]:
    is_reference = np.zeros((n_resamples, n_units), np.bool_)
    is_reference[:, :n_reference] = True
    return np.random.default_rng(seed).permuted(is_reference, axis=1)
