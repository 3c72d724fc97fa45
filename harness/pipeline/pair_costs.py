"""By how much the costs of two variants differ, from the blocks that both were timed in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.cost.rates import machine_h_per_1k
from harness.cost.trial_draws import mean_deviations
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import CostRow

Floats = NDArray[np.float64]
N_DRAWS = 10_000
_MAX_LOG = 50.0  # the draws of two trials are Cauchy's: exp of the outermost would overflow
_ROUNDING = 1e-9  # of a cost: less than this apart are two sums of the same replicas


@dataclass(frozen=True)
class Priced:
    """The cost of a variant with the trials that it is from; `hours_at` is the machine-hours per 1,000 at a throughput in rows/s."""

    cost: CostRow
    measurement: Measurement | None
    hours_at: Callable[[float], float]


def cost_difference_bounds(a: Priced, b: Priced, confidence: float, seed: int) -> tuple[float, float]:
    """Return the bounds of a's cost less b's, per 1,000 predictions; NaN where they are not known.

    Timed in the same blocks: percentiles of the difference of both costs at 10,000 joint draws of mean log throughput and mean log energy
    of both, from the multivariate Student t of the blocks (`mean_deviations`): what a block's minute did to both cancels. At full use without
    power charged this is the paired t test on the log ratio of throughputs. From the log, a fleet is planned at quantiles of each
    variant's draws and interpolated: variants that need the same replicas cost the same, however much faster one of them is.

    Else, as for a cost from the log beside one at full use: where the two intervals lie apart. Two intervals at `confidence` that do not
    overlap are at least as strong evidence as the interval of the difference, whatever the correlation, as se(a - b) ≤ se_a + se_b.
    """
    trials = _shared_trials(a, b)
    if trials is None or a.cost.utilisation_source != b.cost.utilisation_source:
        low_a, high_a, low_b, high_b = (
            math.nan if v is None else v for c in (a.cost, b.cost) for v in (c.cost_per_1k_low, c.cost_per_1k_high)
        )
        return low_a - high_b, high_a - low_b
    draws = np.clip(mean_deviations(trials, N_DRAWS, np.random.default_rng(seed)) + trials.mean(axis=0), -_MAX_LOG, _MAX_LOG)
    own, other = _drawn_costs(a, draws[:, :2], confidence), _drawn_costs(b, draws[:, 2:], confidence)
    if not (np.isfinite(own).all() and np.isfinite(other).all()):  # at some throughput no fleet holds the service level
        return math.nan, math.nan
    difference = own - other
    difference[np.abs(difference) <= _ROUNDING * np.abs(own)] = 0.0
    low, high = np.quantile(difference, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def _shared_trials(a: Priced, b: Priced) -> Floats | None:
    """Return log throughput and log energy of both over what their costs are from, [n_blocks, 4]; None where fewer than two blocks are shared.

    Zeros for energy that is not charged, or was not read in every trial.
    """
    own, other = _point(a), _point(b)
    if a.measurement is None or b.measurement is None or own is None or other is None:
        return None
    identity = a.measurement.set_identity
    shared = sorted(set(own.blocks) & set(other.blocks))
    if identity is None or identity != b.measurement.set_identity or len(shared) < 2:
        return None
    return np.stack([column for point in (own, other) for column in _log_trials(point, shared)], axis=1)


def _log_trials(point: OperatingPoint, blocks: Sequence[int]) -> tuple[Floats, Floats]:
    """Return log throughput and log energy of some blocks, less those of all that were kept."""
    at = [point.blocks.index(block) for block in blocks]
    energy = np.log(np.array(point.trial_j_per_1k)) if point.trial_j_per_1k else np.zeros(len(point.blocks))
    return np.log(np.array(point.trial_rows_per_s)[at] / point.throughput_rows_per_s), (energy - energy.mean())[at]


def _point(priced: Priced) -> OperatingPoint | None:
    """Return the operating point that is priced."""
    cost, points = priced.cost, () if priced.measurement is None else priced.measurement.points
    wanted = (cost.batch_rows, cost.threads, cost.throughput_rows_per_s)
    return next((p for p in points if (p.batch_rows, p.threads, p.throughput_rows_per_s) == wanted), None)


def _drawn_costs(priced: Priced, logs: Floats, confidence: float) -> Floats:
    """Return the cost at each draw of [log throughput, log energy], both less what was measured, float64 [n_draws]."""
    cost = priced.cost
    assert cost.throughput_rows_per_s is not None  # a point was found by it
    assert cost.price_per_hour is not None
    assert cost.cost_per_1k_at_full is not None
    rows_per_s = cost.throughput_rows_per_s * np.exp(logs[:, 0])
    full_h = machine_h_per_1k(1.0) / rows_per_s
    time_at_full = machine_h_per_1k(cost.throughput_rows_per_s) * cost.price_per_hour
    power_at_full = max(0.0, cost.cost_per_1k_at_full - time_at_full - cost.fee_per_1k)
    hours = full_h if cost.utilisation_source != "log" else _fleet_hours(priced.hours_at, rows_per_s, confidence)
    idle = (hours - full_h) * cost.idle_power_per_hour  # beyond full use, whose idle power is in its energy
    return np.asarray(hours * cost.price_per_hour + power_at_full * np.exp(logs[:, 1]) + idle + cost.fee_per_1k)


def _fleet_hours(hours_at: Callable[[float], float], rows_per_s: Floats, confidence: float) -> Floats:
    """Return the machine-hours at every throughput, from those at nine quantiles; NaN where one of these has no fleet.

    Hours times throughput are interpolated, which is exact for a fleet of a given size.
    """
    tail = (1.0 - confidence) / 2.0
    at = np.unique(np.quantile(rows_per_s, [tail / 2, tail, 0.1, 0.3, 0.5, 0.7, 0.9, 1 - tail, 1 - tail / 2]))
    inverse_use = np.array([hours_at(float(x)) * x for x in at])
    if not np.isfinite(inverse_use).all():
        return np.full(rows_per_s.size, np.nan)
    return np.asarray(np.interp(rows_per_s, at, inverse_use) / rows_per_s)
