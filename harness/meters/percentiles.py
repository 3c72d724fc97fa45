"""Latency percentiles with distribution-free intervals, and the number of requests below which there is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.records.percentile import Percentile

REPORTED = (50.0, 90.0, 95.0, 99.0, 99.9)
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
    latencies_ns: NDArray[np.int64],
    confidence: float = 0.95,
    percentiles: Sequence[float] = REPORTED,
    counts: NDArray[np.int64] | None = None,
) -> tuple[Percentile, ...]:
    """Say how long half, nine tenths and so on up to 99.9 % of the requests take at most.

    Formula: the value is the type-7 quantile. Its interval runs from the l-th to the u-th smallest latency, where for
    B ~ Binomial(n, q/100) l is the largest with P(B < l) <= (1 - confidence)/2 and u the smallest with
    P(B >= u) <= (1 - confidence)/2. It holds for every distribution, at the stated confidence or more, when the
    requests are independent, as they are in a closed loop.

    Parameters
    ----------
    latencies_ns : NDArray[np.int64]
        In nanoseconds, in any order: one per request, or with `counts` one per distinct time.
    confidence : float
        Of the two-sided interval.
    percentiles : sequence of float
        In percent.
    counts : NDArray[np.int64], optional
        How many requests took each of `latencies_ns`; a time may come twice. None: one each.

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
    >>> median, = latency_percentiles(np.array([1_000_000, 3_000_000]), percentiles=[50.0], counts=np.array([10, 10]))
    >>> median.value_ms, median.n
    (2.0, 20)
    """
    order = np.argsort(latencies_ns, kind="stable")
    up_to = np.cumsum(np.ones(order.size, np.int64) if counts is None else counts[order])
    return tuple(_percentile(latencies_ns[order] / _NS_PER_MS, up_to, float(q), confidence) for q in percentiles)


def _percentile(ordered_ms: NDArray[np.float64], up_to: NDArray[np.int64], q: float, confidence: float) -> Percentile:
    """Return one percentile of times of which `up_to[i]` requests took at most `ordered_ms[i]`."""
    n, needed = int(up_to[-1]) if up_to.size else 0, n_needed(q)
    if n < needed:
        return Percentile(q, None, None, None, n, needed)

    def smallest(rank: int) -> float:
        return float(ordered_ms[np.searchsorted(up_to, rank)])

    tail = (1.0 - confidence) / 2.0
    lower = int(stats.binom.ppf(tail, n, q / 100.0))
    upper = int(stats.binom.ppf(1.0 - tail, n, q / 100.0)) + 1
    whole, part = divmod((n - 1) * q / 100.0, 1.0)
    below, above = smallest(int(whole) + 1), smallest(min(int(whole) + 2, n))
    value = below + part * (above - below)
    return Percentile(q, value, smallest(lower) if lower >= 1 else None, smallest(upper) if upper <= n else None, n, needed)
