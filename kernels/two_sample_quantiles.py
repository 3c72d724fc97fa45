"""Exact quantiles of a column, found without sorting all of it.

Contract
--------
values float32, float64 or int64 [n_rows], finite, NumPy, or an `OrderedSample`; probabilities 0 .. 1. Values are counted in buckets
(`two_sample_buckets.py`), and only the buckets that hold a wanted order statistic are sorted. No rows: NaN.
Agreement: *exact*, the order statistics themselves and NumPy's interpolation between them in float64, for any row order and threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.chunks import thread_count
from kernels.two_sample import FEW_ROWS, OrderedSample, range_of
from kernels.two_sample_buckets import bucket_map, bucketed, fits, sorted_rows


def exact_quantiles(values: NDArray[Any] | OrderedSample, probabilities: ArrayLike, *, n_threads: int = 1) -> NDArray[np.float64]:
    """Return the quantiles of type 7 of a sample.

    Formula: with x_(1) <= ... <= x_(n) and h = (n - 1) p, the quantile is x_(floor h + 1) + (h - floor h) (x_(floor h + 2) - x_(floor h + 1)).
    Source: Hyndman & Fan 1996, "Sample quantiles in statistical packages", definition 7.

    Parameters
    ----------
    values : float32, float64 or int64 [n_rows], finite, or an `OrderedSample`
    probabilities : float [k], 0 .. 1, in any order
    n_threads : None for every core

    Returns
    -------
    float64 [k]; integers beyond 2**53 are rounded to it.

    Raises
    ------
    TypeError, ValueError
        Values are as `two_sample` refuses them, or a probability is not within 0 .. 1.

    Undefined (NaN) without rows.

    >>> exact_quantiles(np.array([4.0, 1.0, 3.0, 2.0]), [0.0, 0.5, 0.75, 1.0]).tolist()
    [1.0, 2.5, 3.25, 4.0]
    """
    wanted = np.asarray(probabilities, np.float64)
    if not ((wanted >= 0.0) & (wanted <= 1.0)).all():
        raise ValueError(f"probabilities are {wanted.tolist()}; wanted 0 .. 1: pass shares, not per cents")
    order = values if isinstance(values, OrderedSample) else None
    rows = order.values if order else np.asarray(values)
    ends = None if order else range_of("values", rows)
    if len(rows) == 0:
        return np.full(wanted.shape, np.nan)
    places = (len(rows) - 1) * wanted
    below = np.floor(places).astype(np.int64)
    low, high = np.split(_order_statistics(rows, ends, order is not None, np.append(below, np.ceil(places).astype(np.int64)), n_threads), 2)
    share, gap = places - below, high - low
    return np.where(share >= 0.5, high - gap * (1.0 - share), low + gap * share)  # from the nearer end, as NumPy does


def _order_statistics(
    values: NDArray[Any], ends: tuple[Any, Any] | None, are_sorted: bool, ranks: NDArray[np.int64], n_threads: int
) -> NDArray[np.float64]:
    """Return the values of these ranks, which count from 0."""
    buckets = bucket_map(values) if len(values) >= FEW_ROWS and not are_sorted else None
    if buckets is not None and fits(buckets, ends):
        side = bucketed(values, buckets, n_threads=thread_count(n_threads))
        last = np.cumsum(side.counts)
        is_wanted = np.zeros(len(last), np.bool_)
        is_wanted[np.searchsorted(last, ranks, side="right")] = True
        ranks = ranks - np.cumsum(np.where(is_wanted, 0, side.counts))[np.searchsorted(last, ranks, side="right")]
        values = sorted_rows(side, is_wanted)
    elif not are_sorted:
        values = np.sort(values)
    found: NDArray[np.float64] = values[ranks].astype(np.float64)
    return found
