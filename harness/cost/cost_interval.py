"""How sure a cost is: the uncertainty of throughput and energy, carried through the formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.cost.rates import Rates, machine_h_per_1k
from harness.cost.trial_draws import mean_deviations
from harness.records.measurement import OperatingPoint

N_DRAWS = 10_000  # of a tail of 2.5 % then 250 draws: its bound moves by a few per cent of the interval's width from seed to seed
_MAX_LOG = 50.0  # of two trials the draws are Cauchy's: so far out their bounds are not looked for, and exp would overflow


def cost_bounds(
    rates: Rates,
    hours_at: Callable[[float], float],
    point: OperatingPoint,
    confidence: float,
    generator: np.random.Generator,
) -> tuple[float | None, float | None]:
    """Return the bounds of a cost per 1,000 predictions that follow from the spread of the trials.

    Where energy costs nothing, or was not read in every trial: the costs at the bounds of the Student t interval of the mean log
    throughput, exp(mean(log x) ± t(n-1) · s(log x) / √n). Else: percentiles of the costs at 10,000 joint draws of mean log throughput and
    mean log energy, from the multivariate Student t of the trials (`mean_deviations`). Total energy is drawn, which is never below zero, and
    whose idle share moves with the throughput as it did in the trials; idle power beyond full use is charged by the drawn throughput.

    Parameters
    ----------
    rates : Rates
        At the measured energy.
    hours_at : callable
        Machine-hours per 1,000 predictions at a throughput, rows/s. It is asked nine times at most, and interpolated between: a fleet is
        whole replicas, and its replay takes time.
    point : OperatingPoint
        The trials.
    confidence : float
        Of the interval.
    generator : np.random.Generator
        Of the draws.

    Returns
    -------
    tuple of float or None
        Lower and upper bound. Undefined when there are fewer than two trials: None.

    Examples
    --------
    >>> two = OperatingPoint("offline", 1, 9, (2.0, 2.0), 2.0, 2.0, 2.0, ())
    >>> cost_bounds(Rates(4.0, 0.0, 0.0), lambda rows_per_s: 1.0 / rows_per_s, two, 0.95, np.random.default_rng(1))
    (2.0, 2.0)
    """
    logs = np.log(np.asarray(point.trial_rows_per_s, float))
    if logs.size < 2:
        return None, None
    if _full_power(rates, point) > 0 and len(point.trial_j_per_1k) == logs.size:
        low, high = _of_draws(rates, hours_at, point, confidence, generator)
    else:
        half = float(stdtrit(logs.size - 1, (1.0 + confidence) / 2.0) * logs.std(ddof=1) / np.sqrt(logs.size))
        fast, slow = (point.throughput_rows_per_s * float(_exp(np.array(by))) for by in (half, -half))
        low, high = rates.cost_per_1k(hours_at(fast)), rates.cost_per_1k(hours_at(slow))
    return (low, high) if np.isfinite(low) and np.isfinite(high) else (None, None)


def _full_power(rates: Rates, point: OperatingPoint) -> float:
    """Return what the total energy of 1,000 predictions costs at full use, as the trials measured it."""
    return rates.power_per_1k(machine_h_per_1k(point.throughput_rows_per_s))


def _of_draws(
    rates: Rates, hours_at: Callable[[float], float], point: OperatingPoint, confidence: float, generator: np.random.Generator
) -> tuple[float, float]:
    trials = np.log(np.array([point.trial_rows_per_s, point.trial_j_per_1k], float).T)
    factors = _exp(mean_deviations(trials, N_DRAWS, generator))
    rows_per_s = point.throughput_rows_per_s * factors[:, 0]
    hours = _hours(hours_at, rows_per_s, confidence)
    if not np.isfinite(hours).all():
        return np.inf, np.inf
    extra_hours = hours - machine_h_per_1k(1.0) / rows_per_s  # beyond full use, whose idle power is in the total energy
    costs = hours * rates.per_hour + _full_power(rates, point) * factors[:, 1] + extra_hours * rates.idle_power_per_hour + rates.fee_per_1k
    low, high = np.quantile(costs, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def _hours(hours_at: Callable[[float], float], rows_per_s: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Return the machine-hours per 1,000 at every throughput, from those at nine quantiles of them.

    Hours times throughput, the inverse of use, are interpolated: a straight line for machines at a given use and for a fleet of a given
    size, so that both are exact.
    """
    tail = (1.0 - confidence) / 2.0
    levels = np.unique([tail / 2, tail, 0.1, 0.3, 0.5, 0.7, 0.9, 1 - tail, 1 - tail / 2])
    at = np.unique(np.quantile(rows_per_s, levels))
    inverse_use = np.array([hours_at(float(x)) * x for x in at])
    if not np.isfinite(inverse_use).all():
        return np.full(rows_per_s.size, np.inf)  # at some throughput no fleet is enough
    return np.asarray(np.interp(rows_per_s, at, inverse_use) / rows_per_s)


def _exp(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(np.clip(logs, -_MAX_LOG, _MAX_LOG)))
