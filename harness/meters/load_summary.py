"""From the open-loop trials of one variant to its latency under load, or to what makes it unfit to be used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from harness.meters.percentiles import REPORTED, latency_percentiles, n_needed
from harness.records.load import LoadPoint, LoadTrial
from harness.records.percentile import Percentile

MAX_LATE_SHARE = 0.01  # of the sends: with more of them late, the p99 is the generator's
_MIN_TRIALS = 2


def load_point(trials: Sequence[LoadTrial], confidence: float) -> LoadPoint:
    """Say how long requests take under one schedule of arrivals, how sure that is, and whether it may be used.

    Requests that queue behind each other are not independent, so an interval over the requests of one trial would be too narrow:
    each trial gives one value per percentile, and the interval is over the trials.

    Formula: x̄ ± t(k-1) · s / √k over the type-7 quantiles x of the k trials; the lower bound is not below 0.

    Parameters
    ----------
    trials : sequence of LoadTrial
        Independent runs of one kind and generator. Those with a clock that ran backwards give no figure.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    LoadPoint
        Percentiles as in a closed loop. A percentile's `n` is that of the smallest trial; below `n_needed` (662 for p99, 6,636 for
        p99.9) its value is None. With one trial it has no interval. Status *invalid*, figures and all, when no
        trial is left or a clock ran backwards, when requests were never sent, or when more than 1 % of the sends were late.

    Raises
    ------
    ValueError
        When there is no trial, or trials differ in kind or generator.

    Source: Law, Simulation Modeling and Analysis, 5th ed., section 9.5 (independent replications).

    Examples
    --------
    >>> def trial(p50_ms):
    ...     return LoadTrial("poisson", "harness", 50.0, 0, 1.0, np.full(60, p50_ms * 1_000_000))
    >>> p50, *_, p99, _ = load_point([trial(10), trial(12), trial(14)], 0.95).latency
    >>> p50.value_ms, round(p50.low_ms, 2), round(p50.high_ms, 2)  # 12 ± 4.303 · 2 / √3
    (12.0, 7.03, 16.97)
    >>> p99.value_ms, p99.n, p99.n_needed
    (None, 60, 662)
    """
    kinds = sorted({(t.kind, t.generator) for t in trials})
    if len(kinds) != 1:
        raise ValueError(f"trials of one kind and generator make a point, found {kinds or 'none'}")
    kept = [t for t in trials if not t.clock_went_back]
    n_requests, late = sum(t.n_requests for t in kept), sum(t.n_late for t in kept)
    reason = why_unusable(trials)
    return LoadPoint(
        kind=kinds[0][0],
        generator=kinds[0][1],
        rate_per_s=float(np.mean([t.rate_per_s for t in kept or trials])),
        n_trials=len(kept),
        n_requests=n_requests,
        n_late=late,
        latency=_latency(kept, confidence),
        status="invalid" if reason else "ok",
        reason=reason,
    )


def why_unusable(trials: Sequence[LoadTrial]) -> str | None:
    """Say in one clause why no latency may be read off these trials; None when it may.

    Examples
    --------
    >>> why_unusable([LoadTrial("log", "harness", 9.0, 3, 1.0, np.arange(200))])
    'late_sends: 3 of 200 sends (1.5%) were late although the model was free, at most 1% allowed'
    """
    kept = [t for t in trials if not t.clock_went_back]
    if len(kept) < len(trials):
        return f"clock_went_back: in {len(trials) - len(kept)} of {len(trials)} trials"
    n_requests, unserved, late = (sum(x) for x in zip(*((t.n_requests, t.n_unserved, t.n_late) for t in kept), strict=True))
    if unserved:
        return f"overloaded: {unserved:,} of {n_requests + unserved:,} requests were not sent before the trial had to end"
    if late > MAX_LATE_SHARE * n_requests:
        return (
            f"late_sends: {late:,} of {n_requests:,} sends ({late / n_requests:.1%}) were late although the model was free,"
            f" at most {MAX_LATE_SHARE:.0%} allowed"
        )
    return None if n_requests else "no_requests: none came in the time of the trials"


def _latency(trials: Sequence[LoadTrial], confidence: float) -> tuple[Percentile, ...]:
    n = min((t.n_requests for t in trials), default=0)
    of_trial = [[p.value_ms for p in latency_percentiles(t.latencies_ns)] for t in trials]
    return tuple(_over_trials(q, [values[i] for values in of_trial], n, confidence) for i, q in enumerate(REPORTED))


def _over_trials(q: float, values_ms: Sequence[float | None], n: int, confidence: float) -> Percentile:
    """Return the mean of the trials' values with its interval; a percentile that one trial cannot give has none."""
    known = [value for value in values_ms if value is not None]
    if not known or len(known) < len(values_ms):
        return Percentile(q, None, None, None, n, n_needed(q))
    mean = float(np.mean(known))
    if len(known) < _MIN_TRIALS:
        return Percentile(q, mean, None, None, n, n_needed(q))
    half = float(stats.t.ppf((1.0 + confidence) / 2.0, len(known) - 1) * np.std(known, ddof=1) / np.sqrt(len(known)))
    return Percentile(q, mean, max(0.0, mean - half), mean + half, n, n_needed(q))
