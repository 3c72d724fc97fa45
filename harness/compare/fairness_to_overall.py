"""How a rate of every slice differs from that of the rest of its column's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.slice_rates import RATES, SliceRates
from harness.records.fairness import ToOverall
from harness.stats.mover import independent_difference
from harness.stats.wilson import wilson_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NumbersT = TypeVar("NumbersT", Floats, Ints)
METHOD = "Newcombe hybrid score"


def to_overall(rate: SliceRates, columns: Sequence[NDArray[np.intp]], confidence: float, min_n: int) -> ToOverall:
    """Return slice - rest of one rate for every slice of every column.

    Parameters
    ----------
    rate : SliceRates
        Of every slice of the grid.
    columns : sequence of intp [n_slices_of_column]
        The slices of each column; they share no row, and the rest of a slice are the other slices of its column.
    confidence : float
        Two-sided level.
    min_n : int
        Rows that the denominators of slice and rest need.

    Undefined when: slice or rest has fewer than `min_n` rows in the denominator. Weighted or clustered rows: no interval, since the rows
    of one cluster may be in the slice and in the rest, and the tally does not hold how they vary together.
    """
    slices = np.concatenate(columns) if columns else np.zeros(0, dtype=np.intp)
    numerator, denominator = RATES[rate.name]
    counted, n = rate.counted[slices], rate.n[slices]
    rest_counted, rest_n = _rest(rate.counted, columns), _rest(rate.n, columns)
    if rate.totals is None:
        value, rest_value = rate.value[slices], rest_counted / np.where(rest_n > 0, rest_n, np.nan)
    else:
        part, whole = rate.totals.total @ numerator, rate.totals.total @ denominator
        rest_whole = _rest(whole, columns)
        value, rest_value = rate.value[slices], _rest(part, columns) / np.where(rest_whole > 0, rest_whole, np.nan)
    reason: NDArray[np.object_] = np.full(len(slices), None, dtype=np.object_)
    reason[rest_n < min_n] = f"fewer than {min_n} rows in the rest"
    reason[n < min_n] = f"fewer than {min_n} rows"
    is_defined = (n >= min_n) & (rest_n >= min_n)
    low, high = newcombe_interval(counted, n, rest_counted, rest_n, confidence)
    has_interval = is_defined & (rate.totals is None)
    method = np.where(is_defined, METHOD if rate.totals is None else "no interval: rows are weighted or clustered", "").astype(np.object_)
    difference = value - rest_value
    return ToOverall(
        rate=rate.name,
        slice_id=slices.astype(np.int64),
        n=n,
        n_rest=rest_n,
        value=np.where(is_defined, value, np.nan),
        rest_value=np.where(is_defined, rest_value, np.nan),
        difference=np.where(is_defined, difference, np.nan),
        ci_low=np.where(has_interval, low, np.nan),
        ci_high=np.where(has_interval, high, np.nan),
        ci_method=method,
        undefined_reason=reason,
    )


def newcombe_interval(counted: Ints, n: Ints, other_counted: Ints, other_n: Ints, confidence: float) -> tuple[Floats, Floats]:
    """Return the interval of the difference of two independent proportions from Wilson's interval of each.

    Formula: that of `independent_difference`.

    Parameters
    ----------
    counted, n, other_counted, other_n : int64 [n_tests]
        Counts; the samples share no row.
    confidence : float
        Two-sided level.

    Undefined when: a sample is empty.

    Notes
    -----
    Newcombe, Statistics in Medicine 17:873-890, 1998, method 10.

    Examples
    --------
    Newcombe's table II, contrast (a): 56/70 - 48/80, 0.0524 to 0.3339.

    >>> low, high = newcombe_interval(np.array([56]), np.array([70]), np.array([48]), np.array([80]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.0524]), array([0.3339]))
    """
    p, q = counted / np.where(n > 0, n, np.nan), other_counted / np.where(other_n > 0, other_n, np.nan)
    own, other = wilson_interval(counted, n, confidence), wilson_interval(other_counted, other_n, confidence)
    return independent_difference(p, *own, q, *other)


def _rest(values: NumbersT, columns: Sequence[NDArray[np.intp]]) -> NumbersT:
    """Return per slice the sum over the other slices of its column."""
    return np.concatenate([values[own].sum() - values[own] for own in columns]) if columns else values[:0]
