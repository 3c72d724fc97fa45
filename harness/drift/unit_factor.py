"""By which factor the sizes of a column changed, with its standard error, and which unit that stands for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.drift.unit_names import UNITS, Unit
from harness.drift.unit_sides import Side, converted_back, noise_of

MAX_NOISE = 0.1  # of the KS, 530 rows a side: with fewer, a factor without a name, or a part of the values, is no evidence
SEASONAL = 3.0  # seasons, growth and prices double and triple: an unnamed factor from 1/3 to 3 is an ordinary change, not a unit
CLOSE = 5.0  # named factors up to here (1.609, 2.205, 2.54, 3.281) must be told from these
# log of changes as seasons and growth make them
PLAIN = np.log([1 / 5, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0])
MATCH, MATCH_IN_BAND = 0.02, 0.01  # relative distance of an estimated factor from the named one that is more than its standard error
_POWERS = (0.0, 1.0, 2.0, 4.0, 8.0)


def factors(reference: Side, current: Side) -> list[Unit]:
    """Return the named factor that the estimated one stands for, or that one itself where it is beyond what seasons do."""
    log_factor, se = _log_factor(reference, current)
    near = sorted(UNITS, key=lambda unit: abs(np.log(unit.factor) - log_factor))
    named = [unit for unit in near if _matches(reference, current, unit, log_factor, se)][:1]
    beyond = abs(log_factor) > np.log(SEASONAL) + max(MATCH, 3 * se)
    if named or not beyond or noise_of(reference.n, current.n) > MAX_NOISE:
        return named
    factor = float(np.exp(log_factor))
    if not 0.0 < factor < np.inf:
        return []
    round_ones = {float(f"{factor:.2g}"), float(f"{factor:.3g}")}  # values of few digits tie again when the factor is the very one
    near_ones = [factor, *(f for f in sorted(round_ones) if abs(np.log(f) - log_factor) <= 3 * se)]
    return [Unit(f, 0.0, f"a factor {f:.3g}") for f in near_ones]


def _matches(reference: Side, current: Side, unit: Unit, log_factor: float, se: float) -> bool:
    log_unit = np.log(unit.factor)
    off = abs(log_unit - log_factor)
    if abs(log_unit) > np.log(CLOSE) or _on_its_steps(reference, current, unit):
        return bool(off <= max(MATCH, 3 * se))
    return bool(off <= max(MATCH_IN_BAND, 2 * se) and 5 * se <= np.abs(PLAIN - log_unit).min())


def _log_factor(reference: Side, current: Side) -> tuple[float, float]:
    """Return the log of the factor and its standard error, from the power mean that has the least."""
    found = []
    for power in _POWERS:
        (one, error), (other, other_error) = _log_mean(current, power), _log_mean(reference, power)
        found.append((float(np.hypot(error, other_error)), one - other))
    se, log_factor = min(found)
    return log_factor, se


def _log_mean(side: Side, power: float) -> tuple[float, float]:
    """Return log M_p, M_p the power mean of |x| over the values that are not 0, and its standard error by the delta method."""
    sizes = np.abs(side.points[side.points != 0.0])
    logs = np.log(np.clip(sizes, 1e-6 * side.size, 1e2 * side.size))  # a sentinel such as 1e30 among ordinary values is no mean of them
    n = max(2.0, side.n * len(logs) / len(side.points))
    if power == 0.0:
        return float(logs.mean()), float(logs.std() / np.sqrt(n))
    raised = np.exp(power * (logs - logs.max()))
    return float(logs.max() + np.log(raised.mean()) / power), float(raised.std() / raised.mean() / power / np.sqrt(n))


def _on_its_steps(reference: Side, current: Side, unit: Unit) -> bool:
    """Say whether the values converted back are whole numbers, tenths or hundredths as the reference's are, and are not as they stand."""
    for step in (1.0, 0.1, 0.01):
        if reference.size < 1e4 * step and _share_on(reference.points, step) >= 0.99:
            return _share_on(converted_back(current.points, unit), step) >= 0.99 and _share_on(current.points, step) < 0.5
    return False


def _share_on(points: NDArray[np.float64], step: float) -> float:
    steps = points / step
    return float((np.abs(steps - np.round(steps)) < 0.01).mean())
