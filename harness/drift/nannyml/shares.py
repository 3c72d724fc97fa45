"""Shares of a window beside those of the reference as NannyML makes them: Doane's bins or categories, all else in one more bin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.nannyml.statistic import NO_BINS, finite_values, first_edge, values_with_infinite
from harness.records.drift import ColumnPair, Sample

Shares = NDArray[np.float64]
SharesBeside = Callable[[Sample], tuple[Shares, Shares]]


def shares_beside_reference(pair: ColumnPair) -> SharesBeside | str:
    """Return a function from a sample to the shares of the reference and its own, in the reference's bins; or why there are none.

    Bins of a number are `numpy.histogram_bin_edges(reference, "doane")`, those of a category the reference's values. What lies in none of
    them, infinite values too, is one more bin, which the reference has nothing in.

    Notes
    -----
    NannyML, drift/univariate/methods.py, `ContinuousJensenShannonDistance`, `CategoricalJensenShannonDistance`. The bin of what is left
    takes 1 less the sum of the shares, rounding included.
    """
    counts = _category_counts(pair) if pair.kind == "category" else _binned_counts(pair)
    if isinstance(counts, str):
        return counts
    in_reference, _ = counts(pair.reference)
    # NannyML divides by the rows with a value; the reference's infinite ones are left out.
    of_reference = in_reference / np.float64(pair.reference.n_present - pair.reference.n_infinite)

    def beside(sample: Sample) -> tuple[Shares, Shares]:
        found, n = counts(sample)
        own = found / np.float64(n)
        rest = 1 - np.sum(own)
        return (np.append(of_reference, 0.0), np.append(own, rest)) if rest > 0 else (of_reference, own)

    return beside


def _category_counts(pair: ColumnPair) -> Callable[[Sample], tuple[NDArray[Any], int]]:
    is_known = pair.reference.counts[:-1] > 0  # the last bin is missing
    return lambda sample: (sample.counts[:-1][is_known], sample.n_present)


def _binned_counts(pair: ColumnPair) -> Callable[[Sample], tuple[NDArray[Any], int]] | str:
    edges = _doane(finite_values(pair.reference).astype(np.float64))
    if edges is None:
        return NO_BINS
    edge = first_edge(pair)

    def counts(sample: Sample) -> tuple[NDArray[Any], int]:
        values = values_with_infinite(sample, edge)
        return np.histogram(values, edges)[0], len(values)

    return counts


def _doane(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            edges = np.histogram_bin_edges(values, bins="doane")
        except ValueError:  # neighbouring floats, or a range beyond float64
            return None
    return edges if np.isfinite(edges).all() else None
