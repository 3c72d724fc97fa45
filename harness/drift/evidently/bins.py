"""Counts and shares of two sides as Evidently makes them: by value, or in Sturges' bins of both sides together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.evidently.statistic import reference_has_more_values_than, values_of
from harness.drift.reference_fits import fitted
from harness.records.drift import ColumnPair

MANY_VALUES = 20  # different reference values of a number above which it is cut into bins
SMALL_SHARE = 1e-4  # what an empty bin is given where no share is this small
BELOW_SMALLEST = 1e6  # else the smallest share over this


def value_counts(pair: ColumnPair) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of either side at each value that any side has, missing and infinite ones left out.

    Returns
    -------
    reference, current
        int64 [n_values], of numbers in ascending order, of categories in the order of their bins.
    """
    if pair.kind != "number":
        reference, current = pair.reference.counts[:-1], pair.current.counts[:-1]  # the last bin is missing
        is_there = (reference > 0) | (current > 0)
        return reference[is_there], current[is_there]
    values, n_reference = fitted("counts by value", pair, lambda own: _counted(values_of(own.reference)))
    others, n_current = _counted(values_of(pair.current))
    known = np.union1d(values, others)
    counts = np.zeros((2, len(known)), np.int64)
    counts[0, np.searchsorted(known, values)] = n_reference
    counts[1, np.searchsorted(known, others)] = n_current
    return counts[0], counts[1]


def shares(pair: ColumnPair) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the share of either side in each bin; None where the values are too close, or too far apart, to be cut.

    Of a number with more than 20 different reference values the bins are `numpy.histogram_bin_edges(both sides, "sturges")`; else each
    value is a bin. Both are of the rows with a finite value.

    Notes
    -----
    Evidently, legacy/calculations/stattests/utils.py, `get_binned_data`. Integers come as float64 here, so NumPy's least bin width of 1 for
    integers does not bind; it would only where a range of 20 or so is held by half a million rows.
    """
    if pair.kind == "number" and reference_has_more_values_than(pair, MANY_VALUES):
        reference, current = values_of(pair.reference), values_of(pair.current)
        edges = _sturges(np.concatenate([reference, current]))
        if edges is None:
            return None
        return _share(np.histogram(reference, edges)[0], len(reference)), _share(np.histogram(current, edges)[0], len(current))
    n_reference, n_current = value_counts(pair)
    return _share(n_reference, int(n_reference.sum())), _share(n_current, int(n_current.sum()))


def without_zeros(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares in which an empty bin holds 0.0001, or a millionth of the smallest share where that is 0.0001 or less.

    Nothing is scaled afterwards: they add up to a little more than 1.

    Examples
    --------
    >>> without_zeros(np.array([0.75, 0.25, 0.0])).tolist(), without_zeros(np.array([0.9999, 0.0001, 0.0])).tolist()
    ([0.75, 0.25, 0.0001], [0.9999, 0.0001, 1e-10])
    """
    smallest = share[share > 0].min()
    return np.where(share == 0, smallest / BELOW_SMALLEST if smallest <= SMALL_SHARE else SMALL_SHARE, share)


def _counted(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    found, counts = np.unique(values, return_counts=True)
    return found, counts.astype(np.int64)


def _share(counts: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    return counts / np.float64(n)


def _sturges(values: NDArray[Any]) -> NDArray[Any] | None:
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(values.max() - values.min()):
            return None
        try:
            return np.histogram_bin_edges(values, bins="sturges")
        except ValueError:  # neighbouring floats: there are fewer of them than bins
            return None
