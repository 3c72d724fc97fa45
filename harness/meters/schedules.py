"""When the requests of an open-loop trial are sent: Poisson arrivals, or the log's own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.records.load import Schedule

_NS_PER_S, _NS_PER_US, _US_PER_S = 1e9, 1e3, 1e6
_MISSING_TIME = np.iinfo(np.int64).min  # NaT, once times are integers


def poisson_schedule(rate_per_s: float, seconds: float, rng: np.random.Generator) -> Schedule:
    """Draw the arrivals of many independent callers over a given time.

    Formula: N ~ Poisson(rate_per_s · seconds), and N independent uniform times in [0, seconds), sorted.

    Parameters
    ----------
    rate_per_s : float
        Mean arrivals per second.
    seconds : float
        Length of the schedule; how many requests there are is left to chance, and may be none.
    rng : np.random.Generator
        Source of the draws.

    Returns
    -------
    Schedule
        Kind poisson; `send_ns` int64 [N], ascending.

    Raises
    ------
    ValueError
        When the rate or the time is not positive and finite.

    Source: Ross, Introduction to Probability Models, 11th ed., theorem 5.2: given their number, the arrival times of a Poisson
    process are the order statistics of independent uniform times.

    Examples
    --------
    >>> schedule = poisson_schedule(1000.0, 2.0, np.random.default_rng(0))
    >>> schedule.kind, 1800 < schedule.send_ns.size < 2200, bool((np.diff(schedule.send_ns) >= 0).all())
    ('poisson', True, True)
    """
    _need_positive("rate_per_s", rate_per_s)
    _need_positive("seconds", seconds)
    times_s = np.sort(rng.uniform(0.0, seconds, rng.poisson(rate_per_s * seconds)))
    return Schedule("poisson", (times_s * _NS_PER_S).astype(np.int64), rate_per_s)


def poisson_requests(rate_per_s: float, n_requests: int, rng: np.random.Generator) -> Schedule:
    """Draw the first `n_requests` arrivals of a Poisson process: for a percentile that needs so many, how long ever that takes.

    Formula: the times are the running sums of independent exponential gaps of mean 1 / rate_per_s.

    Parameters
    ----------
    rate_per_s : float
        Mean arrivals per second.
    n_requests : int
        Requests, at least 1.
    rng : np.random.Generator
        Source of the draws; the first requests of a longer schedule are those of a shorter one.

    Raises
    ------
    ValueError
        When the rate is not positive and finite, or there is no request.

    Source: Ross, Introduction to Probability Models, 11th ed., proposition 5.1.

    Examples
    --------
    >>> poisson_requests(1000.0, 662, np.random.default_rng(0)).send_ns.size
    662
    """
    _need_positive("rate_per_s", rate_per_s)
    if n_requests < 1:
        raise ValueError(f"n_requests is {n_requests}: a schedule of so many requests needs at least one")
    gaps_s = rng.exponential(1.0 / rate_per_s, n_requests)
    return Schedule("poisson", (np.cumsum(gaps_s) * _NS_PER_S).astype(np.int64), rate_per_s)


def log_schedule(arrivals_us: NDArray[np.int64], speed_up: float, seconds: float, start_us: int | None = None) -> Schedule:
    """Send requests when they came in the log, `speed_up` times faster, for a given time.

    Requests that share a timestamp are sent at once: a log that keeps whole seconds or minutes gives bursts that its
    callers may not have sent.

    Formula: arrivals a with start_us <= a < start_us + speed_up · seconds · 10⁶ are sent (a - start_us) / speed_up after the start.

    Parameters
    ----------
    arrivals_us : NDArray[np.int64]
        When each request came, in microseconds, in any order; exact beyond 2**53.
    speed_up : float
        Above 1 it compresses time, below 1 it stretches it.
    seconds : float
        Length of the schedule.
    start_us : int, optional
        When the stretch begins, in the log's time. None: at the arrival from which most requests follow within the stretch, the
        first of several. The busiest stretch is what a machine has to be bought for; the mean of a log hides it.

    Returns
    -------
    Schedule
        Kind log. Its `start_us` says which stretch it is; its rate is that of the stretch, which ends with the log's last
        arrival where the log ends sooner.

    Raises
    ------
    ValueError
        When there is no arrival at all or in the stretch, a time is missing, or `speed_up` or `seconds` is not positive and finite.

    Examples
    --------
    >>> second = 1_000_000
    >>> log = np.array([0, 10 * second, 11 * second, 12 * second])
    >>> schedule = log_schedule(log, speed_up=2.0, seconds=1.5)  # three seconds of the log
    >>> schedule.start_us, schedule.send_ns.tolist(), schedule.rate_per_s
    (10000000, [0, 500000000, 1000000000], 3.0)
    """
    _need_positive("speed_up", speed_up)
    _need_positive("seconds", seconds)
    arrivals = np.sort(np.asarray(arrivals_us, np.int64))
    if arrivals.size and arrivals[0] == _MISSING_TIME:
        raise ValueError("arrivals_us holds a missing time: every request of a replayed log needs one; leave out the rows without")
    span_us = max(1, round(min(speed_up * seconds * _US_PER_S, float(np.iinfo(np.int64).max // 4))))
    first = _busiest(arrivals, span_us) if start_us is None else int(np.searchsorted(arrivals, start_us))
    began_us = int(arrivals[first]) if start_us is None and arrivals.size else start_us or 0
    stretch = arrivals[first : np.searchsorted(arrivals, began_us + span_us)]
    if not stretch.size:
        raise ValueError(f"no request of the log lies in the {span_us / _US_PER_S:g} s from {began_us} us on: choose another stretch")
    lasts_us = min(span_us, int(arrivals[-1]) - began_us) or span_us
    send_ns = np.rint((stretch - began_us) * (_NS_PER_US / speed_up)).astype(np.int64)
    return Schedule("log", send_ns, stretch.size * speed_up * _US_PER_S / lasts_us, began_us)


def _busiest(arrivals: NDArray[np.int64], span_us: int) -> int:
    """Return the number of the arrival from which on most arrivals lie within the span."""
    if not arrivals.size:
        return 0
    n_within = np.searchsorted(arrivals, arrivals + span_us) - np.arange(arrivals.size)
    return int(np.argmax(n_within))


def _need_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} is {value}: a schedule needs a positive, finite one")
