"""The highest rate of requests whose p99 holds a service level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.meters.load_summary import why_unusable
from harness.meters.percentiles import latency_percentiles, n_needed
from harness.records.load import LoadTrial, RateLimit

N_REQUESTS = 4 * n_needed(99.0)  # of 662 requests one may be over the level (0.15 %), of four times as many 14 (0.53 %): nearer to 1 %
MAX_TRIALS = 12
_P99, _SHARE_OVER, _RISK = 99.0, 0.01, 0.01  # one-sided 99 %, as in MLPerf's early-stopping rule
_NS_PER_MS, _MS_PER_S = 1e6, 1e3
_SETTLED = 10  # relaxation times that a trial should last for


@dataclass
class _Search:
    """What is known so far: the highest rate that held, its trial, and the lowest that did not hold."""

    holds_per_s: float
    fails_per_s: float
    held: LoadTrial | None = None
    failed: LoadTrial | None = None
    n_tried: int = 0
    spent_s: float = 0.0


def highest_rate(
    run_at: Callable[[float, int], LoadTrial],
    slo_ms: float,
    service_rate_per_s: float,
    n_requests: int = N_REQUESTS,
    resolution: float = 0.02,
    max_trials: int = MAX_TRIALS,
    at_most_s: float = float("inf"),
) -> RateLimit:
    """Search for the highest rate of Poisson arrivals whose p99, from arrival to answer, holds a service level.

    The rate is bisected between 0 and what the model serves back to back (a queue that is fed faster grows for ever), from half
    of that on. A trial that nobody may read a latency off (late sends) is run once more, and ends the search when it
    fails again.

    Formula: a rate holds when, of n requests, the k that took longer than `slo_ms` (or were never sent) satisfy
    P(Binomial(n, .01) <= k) <= .01: the p99 is then below `slo_ms` at a one-sided confidence of 99 %. The smallest n is 662, with k <= 1. The
    rule takes requests for independent, and those of a queue are not: at a high load the confidence is less than it says.

    Parameters
    ----------
    run_at : callable
        Runs a trial of Poisson arrivals: requests per second, number of requests. The search is deterministic given what it returns.
    slo_ms : float
        The p99 that is allowed, in milliseconds.
    service_rate_per_s : float
        Single requests per second, back to back.
    n_requests : int
        Of each trial, at least 662.
    resolution : float
        The search ends when the bracket is narrower than this share of `service_rate_per_s`.
    max_trials : int
        Trials at most, those run again among them.
    at_most_s : float
        No trial begins when the trials before took this long together.

    Returns
    -------
    RateLimit
        `p99_ms` is the quantile of the trial at that rate. `rate_per_s` is None when a single request already takes longer than `slo_ms` on
        average, when no rate that was tried holds, or when the first trials were unfit. `reason` says why; beside a rate it
        says what was cut short, or that trials were too short for the queue to settle at that load.

    Raises
    ------
    ValueError
        When `slo_ms` or `service_rate_per_s` is not positive, or `n_requests` is below 662.

    Source: the early-stopping criterion of MLPerf Inference (`loadgen/early_stopping.cc` in mlcommons/inference). Relaxation time of a queue at load ρ, in
    units of the service time: 1 / (1 - √ρ)², Cohen, The Single Server Queue, 2nd ed., section III.7.3 (M/M/1).

    Examples
    --------
    >>> def run_at(rate_per_s, n_requests):  # 1 ms up to 300 requests a second, 9 ms above
    ...     latencies = np.full(n_requests, 1_000_000 if rate_per_s <= 300 else 9_000_000)
    ...     return LoadTrial("poisson", "harness", rate_per_s, 0, n_requests / rate_per_s, latencies)
    >>> found = highest_rate(run_at, slo_ms=5.0, service_rate_per_s=1000.0)
    >>> found.rate_per_s, found.p99_ms, found.n_tried
    (296.875, 1.0, 6)
    """
    _need(slo_ms, service_rate_per_s, n_requests)
    alone_ms = _MS_PER_S / service_rate_per_s
    if alone_ms > slo_ms:
        return RateLimit(
            slo_ms, None, None, 0, f"slo_unreachable: a request takes {alone_ms:.3g} ms with nothing before it, {slo_ms:g} allowed"
        )
    search, trouble = _Search(0.0, service_rate_per_s), None
    while search.fails_per_s - search.holds_per_s > resolution * service_rate_per_s and not trouble:
        trouble = _step(search, run_at, slo_ms, n_requests, max_trials, at_most_s)
    if search.held is None:
        return RateLimit(slo_ms, None, None, search.n_tried, trouble or _why_none(search, slo_ms))
    load = search.holds_per_s / service_rate_per_s
    return RateLimit(slo_ms, search.holds_per_s, _p99_ms(search.held), search.n_tried, trouble or _unsettled(load, n_requests))


def _step(
    search: _Search, run_at: Callable[[float, int], LoadTrial], slo_ms: float, n_requests: int, max_trials: int, at_most_s: float
) -> str | None:
    """Try the middle of the bracket; return why the search has to end, or None."""
    rate = (search.holds_per_s + search.fails_per_s) / 2.0
    unfit: str | None = None
    for _ in range(2):
        if search.n_tried >= max_trials or search.spent_s >= at_most_s:
            return (
                unfit
                or f"cut_short: after {search.n_tried} trials and {search.spent_s:.0f} s, below {search.fails_per_s:.4g}/s nothing else was tried"
            )
        trial = run_at(rate, n_requests)
        search.n_tried, search.spent_s = search.n_tried + 1, search.spent_s + trial.elapsed_s
        unfit = None if trial.n_unserved else why_unusable([trial])  # what was never sent is an answer: the rate is too high
        if unfit is None:
            break
    if unfit:
        return f"ended at {rate:.4g}/s: {unfit}"
    if holds(trial, slo_ms):
        search.holds_per_s, search.held = rate, trial
    else:
        search.fails_per_s, search.failed = rate, trial
    return None


def holds(trial: LoadTrial, slo_ms: float) -> bool:
    """Say whether the p99 of a trial is below a service level, at a one-sided confidence of 99 %.

    Formula: as in `highest_rate`.

    Examples
    --------
    >>> fast, slow = [1_000_000] * 660, [9_000_000]
    >>> [holds(LoadTrial("poisson", "harness", 9.0, 0, 70.0, np.array(fast + slow * k)), 5.0) for k in (1, 2, 3)]
    [False, False, False]
    >>> holds(LoadTrial("poisson", "harness", 9.0, 0, 70.0, np.array(fast + [1] + slow)), 5.0)
    True
    """
    n = trial.n_requests + trial.n_unserved
    over = int(np.count_nonzero(trial.latencies_ns > slo_ms * _NS_PER_MS)) + trial.n_unserved
    return bool(stats.binom.cdf(over, n, _SHARE_OVER) <= _RISK)


def _p99_ms(trial: LoadTrial) -> float | None:
    return latency_percentiles(trial.latencies_ns, percentiles=(_P99,))[0].value_ms


def _why_none(search: _Search, slo_ms: float) -> str:
    p99_ms = _p99_ms(search.failed) if search.failed else None
    found = "" if p99_ms is None else f", where the p99 was {p99_ms:.3g} ms"
    return f"slo_unreachable: no rate down to {search.fails_per_s:.4g}/s holds {slo_ms:g} ms{found}"


def _unsettled(load: float, n_requests: int) -> str | None:
    """Say that trials were short beside the time that a queue needs to settle at this load; in services, requests over load."""
    relaxation = (1.0 - load**0.5) ** -2
    if n_requests / load >= _SETTLED * relaxation:
        return None
    return f"too_short: a queue at {load:.0%} load settles in some {relaxation:,.0f} services, a trial had {n_requests:,} requests: latency may rise further"


def _need(slo_ms: float, service_rate_per_s: float, n_requests: int) -> None:
    if not (slo_ms > 0 and service_rate_per_s > 0):
        raise ValueError(f"slo_ms is {slo_ms} and service_rate_per_s {service_rate_per_s}: both have to be positive")
    if n_requests < n_needed(_P99):
        raise ValueError(f"n_requests is {n_requests}: a bound of the p99 needs {n_needed(_P99)}")
