"""Latency percentiles with distribution-free intervals, and the number of requests below which there is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.records.measurement import Percentile

REPORTED = (50.0, 90.0, 99.0)
_UPPER_BOUND_CONFIDENCE = 0.99  # MLPerf's early-stopping rule
_EXCEEDANCES = 1
_NS_PER_MS = 1e6


@cache
def n_needed(q: float) -> int:
    """Find the fewest requests that bound a latency percentile from above.

    Formula: the smallest n with P(Binomial(n, 1 - q/100) <= 1) <= 0.01. With one request allowed above it, the second
    largest latency is then an upper bound of the percentile at a one-sided confidence of 99 %.

    Parameters
    ----------
    q : float
        Percentile in percent, 0 < q < 100.

    Raises
    ------
    ValueError
        When q is not between 0 and 100.

    Source: the early-stopping criterion of MLPerf Inference (`loadgen/early_stopping.cc` in mlcommons/inference), with one
    request over the bound and confidence .99.

    Examples
    --------
    >>> [n_needed(q) for q in (50, 90, 95, 99, 99.9)]
    [11, 64, 130, 662, 6636]
    """
    if not 0 < q < 100:
        raise ValueError(f"a percentile lies between 0 and 100, found {q}")
    above = 1.0 - q / 100.0
    low, high = 1, ceil(20.0 / min(above, 0.5))  # Poisson: P(<= 1) at a mean of 20 is 4e-8
    while low < high:
        middle = (low + high) // 2
        if stats.binom.cdf(_EXCEEDANCES, middle, above) <= 1.0 - _UPPER_BOUND_CONFIDENCE:
            high = middle
        else:
            low = middle + 1
    return low


def latency_percentiles(
    latencies_ns: NDArray[np.int64], confidence: float = 0.95, percentiles: Sequence[float] = REPORTED
) -> tuple[Percentile, ...]:
    """Say how long half, nine tenths and ninety-nine hundredths of the requests take at most.

    Formula: the value is the type-7 quantile. Its interval runs from the l-th to the u-th smallest latency, where for
    B ~ Binomial(n, q/100) l is the largest with P(B < l) <= (1 - confidence)/2 and u the smallest with
    P(B >= u) <= (1 - confidence)/2. It holds for every distribution, at the stated confidence or more, when the
    requests are independent, as they are in a closed loop.

    Parameters
    ----------
    latencies_ns : NDArray[np.int64]
        [n], one per request, in nanoseconds.
    confidence : float
        Of the two-sided interval.
    percentiles : sequence of float
        In percent.

    Returns
    -------
    tuple of Percentile
        In milliseconds. Undefined when n is below `n_needed`: the value is then None. A bound is None when no order
        statistic reaches the confidence.

    Source: David & Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1; Hyndman & Fan 1996 for type 7.

    Examples
    --------
    >>> few, = latency_percentiles(np.arange(5) * 1_000_000, percentiles=[99.0])
    >>> few.value_ms, few.n, few.n_needed
    (None, 5, 662)
    """
    ordered_ms = np.sort(latencies_ns) / _NS_PER_MS
    return tuple(_percentile(ordered_ms, float(q), confidence) for q in percentiles)


def _percentile(ordered_ms: NDArray[np.float64], q: float, confidence: float) -> Percentile:
    n, needed = ordered_ms.size, n_needed(q)
    if n < needed:
        return Percentile(q, None, None, None, n, needed)
    tail = (1.0 - confidence) / 2.0
    lower = int(stats.binom.ppf(tail, n, q / 100.0))
    upper = int(stats.binom.ppf(1.0 - tail, n, q / 100.0)) + 1
    low = float(ordered_ms[lower - 1]) if lower >= 1 else None
    high = float(ordered_ms[upper - 1]) if upper <= n else None
    return Percentile(q, float(np.percentile(ordered_ms, q)), low, high, n, needed)
