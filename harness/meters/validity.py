"""What makes a measurement invalid, what makes it noisy, and what a reader has to know besides: one rule, one function, one reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from harness.meters.energy_summary import why_unread
from harness.meters.point import MIN_TRIALS, POINTS, PointKey, is_usable, threads_text
from harness.records.measurement import OperatingPoint, ProviderCheck
from harness.records.trial import Trial

MAX_VARIATION = 0.10  # coefficient of variation between trials above which a variant is noisy
MAX_THROTTLED = 0.01  # share of the poller's samples
SENSORS_DIFFER, SENSORS_DISAGREE = 0.05, 0.15  # counter against integrated power: noisy above the first, invalid above the second
MAX_OTHERS = 0.10  # of what all usable cores could give: as much as throughput may vary between trials
MAX_STEAL = 0.02  # the margin below which a difference of speed does not matter; a tick of 10 ms in one second on two cores is 0.5 %
MAX_GROWTH = 0.50  # of the time per row from one batch size to the next larger


def is_throttled(trial: Trial) -> str | None:
    """Say why a trial has to be thrown away and run again; None when it has not, or nobody polled.

    Formula: more than 1 % of the poller's samples had a thermal slowdown, a power brake, or an SM clock under 75 % of its default.

    Examples
    --------
    >>> from harness.records.trial import EnergyReading
    >>> one, hot = np.array([1]), EnergyReading(9.0, "measured_counter", None, 1.0, 9.0, 10, 0.3, ("hw_thermal_slowdown",))
    >>> is_throttled(Trial("offline", 1, 1, 1.0, one, one, hot))
    '30% of 10 samples (hw_thermal_slowdown), at most 1% allowed'
    """
    share = trial.energy.throttled_share
    if share is None or share <= MAX_THROTTLED:
        return None
    events = f" ({', '.join(trial.energy.events)})" if trial.energy.events else ""
    return f"{share:.0%} of {trial.energy.n_samples} samples{events}, at most {MAX_THROTTLED:.0%} allowed"


def throttled_trials(label: str, trials: Sequence[Trial]) -> str | None:
    """Name the throttled trials among those that were kept."""
    found = [why for trial in trials if (why := is_throttled(trial))]
    return f"throttled: {label}: {len(found)} of {len(trials)} trials, {found[0]}" if found else None


def sensor_gap(trials: Sequence[Trial]) -> float | None:
    """Return by which share a poller's integral differs from the energy that was read, over all trials that have both; None without any."""
    both = [
        (t.energy.energy_j, t.energy.polled_j) for t in trials if why_unread(t.energy) is None and t.energy.source == "measured_counter"
    ]
    pairs = [(read, polled) for read, polled in both if read is not None and polled is not None]
    read_j = sum(read for read, _ in pairs)
    return sum(abs(polled - read) for read, polled in pairs) / read_j if read_j > 0 else None  # gaps of two signs do not cancel


def sensors_disagree(label: str, trials: Sequence[Trial]) -> tuple[str | None, str | None]:
    """Say whether the energy counter and the poller beside it contradict each other: as a fault, as a doubt, or neither."""
    gap = sensor_gap(trials)
    if gap is None or gap <= SENSORS_DIFFER:
        return None, None
    limit = SENSORS_DISAGREE if gap > SENSORS_DISAGREE else SENSORS_DIFFER
    text = f"sensors disagree: {label}: energy counter and integrated power differ by {gap:.1%}, at most {limit:.0%} allowed"
    return (text, None) if gap > SENSORS_DISAGREE else (None, text)


def loaded_by_others(label: str, trials: Sequence[Trial]) -> str | None:
    """Say that something else took the cores: shares of all trials' time; what a system does not tell makes nothing noisy."""
    found = []
    for name, who, limit in (("others_share", "other processes", MAX_OTHERS), ("steal_share", "other machines (steal)", MAX_STEAL)):
        known = [(getattr(t.load, name), t.elapsed_s) for t in trials if t.load is not None and getattr(t.load, name) is not None]
        share = sum(share * seconds for share, seconds in known) / sum(seconds for _, seconds in known) if known else 0.0
        if share > limit:
            found.append(f"{who} took {share:.0%} of the cores' time, at most {limit:.0%} wanted")
    return f"loaded by others: {label}: {'; '.join(found)}" if found else None


def variation(label: str, point: OperatingPoint) -> str | None:
    """Say that throughput varied too much from trial to trial."""
    speeds = np.array(point.trial_rows_per_s)
    if speeds.size < MIN_TRIALS:
        return None
    share = float(speeds.std(ddof=1) / speeds.mean())
    return (
        f"{label}: throughput varied by {share:.0%} over {speeds.size} trials, at most {MAX_VARIATION:.0%} wanted"
        if share > MAX_VARIATION
        else None
    )


def too_few(labels: Mapping[PointKey, str], trials_of: Mapping[PointKey, Sequence[Trial]]) -> str | None:
    """Name the operating points with fewer usable trials than an interval needs."""
    usable = {key: sum(map(is_usable, trials)) for key, trials in trials_of.items()}
    few = [f"{labels[key]}: {usable[key]} of {len(trials_of[key])}" for key in trials_of if usable[key] < MIN_TRIALS]
    if trials_of and not few:
        return None
    return f"too_few_trials: usable trials are {', '.join(few) or 'none'}; at least {MIN_TRIALS} are needed"


def left_out(trials: Sequence[Trial]) -> str | None:
    """Count the trials whose clock cannot be believed."""
    back = sum(t.clock_went_back for t in trials)
    stood = sum(not t.clock_went_back and not is_usable(t) for t in trials)
    counts = (("clock_went_back", back), ("clock_stood_still", stood))
    return "; ".join(f"{what}: {n} of {len(trials)} trials left out" for what, n in counts if n) or None


def wrong_scores(max_difference: float | None, tolerance: float) -> str | None:
    """Say that the speed phase computed something else than the quality phase."""
    if max_difference is None or max_difference <= tolerance:  # NaN is not below the tolerance: it is wrong
        return None
    return f"wrong_scores: the speed phase differs from the kept scores by up to {max_difference:.3g}, at most {tolerance:.3g} allowed"


def fell_back(provider: ProviderCheck | None) -> str | None:
    """Say that a session took another execution provider than it was asked for."""
    if provider is None or provider.first == provider.asked:
        return None
    return f"fell back: {provider.asked} was asked for, the session runs on {provider.first}"


def nodes_elsewhere(provider: ProviderCheck | None) -> str | None:
    """Say that a part of the graph ran on another execution provider, and how much of it."""
    if provider is None or provider.node_share >= 1.0:
        return None
    if provider.n_nodes == 0:
        return f"placement unknown: the profiled run names no node on {provider.asked}"
    others = f", elsewhere: {', '.join(provider.elsewhere)}" if provider.elsewhere else ""
    return (
        f"nodes elsewhere: {provider.node_share:.0%} of {provider.n_nodes} nodes"
        f" ({provider.node_time_share:.0%} of their time) ran on {provider.asked}{others}"
    )


def latency_jumps(points: Sequence[OperatingPoint]) -> tuple[str, ...]:
    """Name the batch sizes from which on a row takes much longer than at the next smaller size, thread count by thread count."""
    found = []
    for threads in dict.fromkeys(p.threads for p in points):
        own = sorted((p for p in points if p.name == POINTS[0] and p.threads == threads), key=lambda p: p.batch_rows)
        for small, large in pairwise(own):
            growth = small.throughput_rows_per_s / large.throughput_rows_per_s - 1.0
            if growth > MAX_GROWTH:
                said = "" if threads is None else f", {threads_text(threads)}"
                found.append(f"offline{said}: a row takes {growth:.0%} longer in batches of {large.batch_rows} than of {small.batch_rows}")
    return tuple(found)


def status_of(faults: Sequence[str | None], doubts: Sequence[str | None]) -> tuple[str, str | None]:
    """Return the status and its reason: the first fault, else all doubts.

    Examples
    --------
    >>> status_of([None, "broken"], ["slow"]), status_of([None], ["slow", None, "hot"]), status_of([], [])
    (('invalid', 'broken'), ('noisy', 'slow; hot'), ('ok', None))
    """
    fault = next((fault for fault in faults if fault), None)
    if fault:
        return "invalid", fault
    found = [doubt for doubt in doubts if doubt]
    return ("noisy", "; ".join(found)) if found else ("ok", None)
