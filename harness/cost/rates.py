"""The cost formula itself: from throughput and use to money."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from harness.cost.replicas import Fleet
from harness.units import SECONDS_PER_HOUR

_JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Rates:
    """Everything but throughput and traffic that a cost per 1,000 hangs on.

    Args:
        per_hour: price of one machine's hour times the variant's share of it.
        power_per_1k: power for 1,000 predictions; 0 where the hourly price includes it.
        fee_per_1k: fee on top.
    """

    per_hour: float
    power_per_1k: float
    fee_per_1k: float

    def at_use(self, utilisation: float, rows_per_s: float) -> float:
        """Return the cost per 1,000 on machines of which this share is used.

        Formula: 1000/3600 · per_hour / (rows_per_s · utilisation) + power_per_1k + fee_per_1k.

        Examples
        --------
        >>> Rates(per_hour=3.6, power_per_1k=0.0, fee_per_1k=0.0).at_use(0.5, rows_per_s=100.0)
        0.02
        """
        return 1000.0 / SECONDS_PER_HOUR * self.per_hour / (rows_per_s * utilisation) + self.power_per_1k + self.fee_per_1k

    def of_fleet(self, fleet: Fleet) -> float:
        """Return the cost per 1,000 of the replicas that a log needs."""
        return fleet.replica_hours * self.per_hour / fleet.predictions * 1000.0 + self.power_per_1k + self.fee_per_1k


def power_per_1k(joules_per_1k: float, pue: float, tariff_per_kwh: float) -> float:
    """Return what the power of 1,000 predictions costs.

    Examples
    --------
    >>> power_per_1k(3.6e6, pue=1.5, tariff_per_kwh=0.2) == 1.5 * 0.2
    True
    """
    return joules_per_1k * pue / _JOULES_PER_KWH * tariff_per_kwh


def cost_bounds(
    cost_at: Callable[[float], float], trial_rows_per_s: Sequence[float], confidence: float
) -> tuple[float | None, float | None]:
    """Carry the uncertainty of throughput into a cost that falls when throughput rises.

    Formula: the cost at the upper and at the lower bound of exp(mean(log x) ± t(n-1) · s(log x) / √n) over the trials.

    Returns
    -------
    tuple of float or None
        Lower and upper bound of the cost. Undefined when there are fewer than two trials: None.

    Examples
    --------
    >>> cost_bounds(lambda rows_per_s: 1.0 / rows_per_s, [2.0, 2.0], 0.95)
    (0.5, 0.5)
    """
    logs = np.log(np.asarray(trial_rows_per_s, float))
    if logs.size < 2:
        return None, None
    half = float(stdtrit(logs.size - 1, (1.0 + confidence) / 2.0) * logs.std(ddof=1) / np.sqrt(logs.size))
    return cost_at(float(np.exp(logs.mean() + half))), cost_at(float(np.exp(logs.mean() - half)))


def per_month(cost_per_1k: float, fleet: Fleet, hours_per_month: float) -> float:
    """Return the cost of a month with the mean traffic of the log."""
    return cost_per_1k * fleet.predictions / 1000.0 / fleet.n_hours * hours_per_month
