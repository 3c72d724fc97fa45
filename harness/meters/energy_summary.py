"""From the energy readings of trials to joules per 1,000 rows, or to the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.records.trial import EnergyReading, Trial

# From the most direct to none: what several trials leave is called by the least direct of their sources
SOURCES = ("measured_counter", "external_meter", "integrated_power", "estimated_tdp", "unavailable")


@dataclass(frozen=True)
class PointEnergy:
    """Energy of the trials of one operating point.

    Args:
        trial_j_per_1k: of each trial, joules per 1,000 rows; empty where one of them was not read.
        j_per_1k: of all trials together; None where one of them was not read.
        active_j_per_1k: what is left of it without the idle power; None where either was not read.
        source: the least direct one of the trials.
        reason: why there is no energy; None else.
    """

    trial_j_per_1k: tuple[float, ...]
    j_per_1k: float | None
    active_j_per_1k: float | None
    source: str
    reason: str | None


def energy_of(trials: Sequence[Trial], idle_w: float | None) -> PointEnergy:
    """Say how much energy 1,000 rows took.

    Formula: 1000 · Σ energy_j / Σ rows, and 1000 · (Σ energy_j - idle_w · Σ elapsed_s) / Σ rows for the active part. The active part is
    not cut off at zero: where noise makes it negative, it says so.

    A trial that was not read makes all of it unread: joules of some trials over the rows of all would be too few. A reading of zero (a
    counter that stood still), of less, or of no number is no reading.

    Parameters
    ----------
    trials : sequence of Trial
        Of one operating point, those that are kept.
    idle_w : float, optional
        Power with nothing running, in watts.

    Examples
    --------
    >>> one, counter = np.array([1]), EnergyReading(30.0, "measured_counter", None)
    >>> found = energy_of([Trial("offline", 500, 2, 1.0, one, one, counter), Trial("offline", 500, 4, 2.0, one, one, counter)], 10.0)
    >>> found.trial_j_per_1k, found.j_per_1k, found.active_j_per_1k
    ((30.0, 15.0), 20.0, 10.0)
    """
    reasons = [why for trial in trials if (why := why_unread(trial.energy))]
    n_rows = sum(t.n_runs * t.batch_rows for t in trials)
    if reasons or not n_rows:
        return PointEnergy((), None, None, "unavailable", _joined(reasons, len(trials)))
    joules = [float(t.energy.energy_j or 0.0) for t in trials]
    each = tuple(1000.0 * j / (t.n_runs * t.batch_rows) for j, t in zip(joules, trials, strict=True))
    active = None
    if idle_w is not None:
        active = 1000.0 * (sum(joules) - idle_w * sum(window_s(t) for t in trials)) / n_rows
    return PointEnergy(each, 1000.0 * sum(joules) / n_rows, active, max((t.energy.source for t in trials), key=directness), None)


def why_unread(reading: EnergyReading) -> str | None:
    """Say why a reading gives no energy; None when it does.

    Examples
    --------
    >>> why_unread(EnergyReading(0.0, "measured_counter", None)), why_unread(EnergyReading(12.5, "measured_counter", None))
    ('the counter stood still', None)
    """
    if reading.energy_j is None:
        return reading.reason or "not_supported"
    if reading.energy_j == 0.0:
        return "the counter stood still"
    return None if reading.energy_j > 0.0 and np.isfinite(reading.energy_j) else f"the counter gave {reading.energy_j:g} J"


def window_s(trial: Trial) -> float:
    """Return the seconds that the energy of a trial belongs to: those of the counter's window, else those of the trial."""
    return trial.elapsed_s if trial.energy.elapsed_s is None else trial.energy.elapsed_s


def _joined(reasons: Sequence[str], n_trials: int) -> str:
    """Name each reason once, and in how many trials it was met where others were read."""
    named = "; ".join(dict.fromkeys(reasons)) or "no trial can be used"
    return named if len(reasons) == n_trials else f"{named} in {len(reasons)} of {n_trials} trials"


def directness(source: str) -> int:
    """Return the place of a source, from the most direct on."""
    return SOURCES.index(source) if source in SOURCES else len(SOURCES)
