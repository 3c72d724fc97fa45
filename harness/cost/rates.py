"""The cost formula itself: from machine-hours and energy to money."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cost.replicas import Fleet
from harness.units import SECONDS_PER_HOUR

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Rates:
    """Everything but throughput and traffic that a cost per 1,000 hangs on.

    Args:
        per_hour: price of one machine's hour times the variant's share of it.
        active_power_per_1k: power for 1,000 predictions, without what the machine takes anyway; 0 where the hourly price includes it.
        fee_per_1k: fee on top.
        idle_power_per_hour: power of a machine that is up for an hour and does nothing; 0 where the hourly price includes it.
    """

    per_hour: float
    active_power_per_1k: float
    fee_per_1k: float
    idle_power_per_hour: float = 0.0

    def power_per_1k(self, machine_h_per_1k: float) -> float:
        """Return the power of 1,000 predictions, the idle power of the machines that were up for them included."""
        return self.active_power_per_1k + self.idle_power_per_hour * machine_h_per_1k

    def cost_per_1k(self, machine_h_per_1k: float) -> float:
        """Return the cost of 1,000 predictions for which machines are up so long.

        Formula: machine-hours · (per_hour + idle_power_per_hour) + active_power_per_1k + fee_per_1k.

        Examples
        --------
        >>> Rates(per_hour=3.0, active_power_per_1k=0.25, fee_per_1k=1.0, idle_power_per_hour=1.0).cost_per_1k(0.5)
        3.25
        """
        return machine_h_per_1k * self.per_hour + self.power_per_1k(machine_h_per_1k) + self.fee_per_1k


def machine_h_per_1k(rows_per_s: float, utilisation: float = 1.0) -> float:
    """Return the machine-hours of 1,000 predictions on machines of which this share is used.

    Formula: 1000/3600 / (rows_per_s · utilisation).

    Examples
    --------
    >>> machine_h_per_1k(1000.0, 0.5) * 3600  # two seconds
    2.0
    """
    return 1000.0 / SECONDS_PER_HOUR / (rows_per_s * utilisation)


def fleet_h_per_1k(fleet: Fleet) -> float:
    """Return the machine-hours that a fleet pays for 1,000 predictions."""
    return fleet.replica_hours / fleet.predictions * 1000.0


def power_cost(joules: float, pue: float, tariff_per_kwh: float) -> float:
    """Return what energy at the machine costs, that of the building around it included.

    Formula: joules · PUE / 3.6e6 · tariff.

    Examples
    --------
    >>> power_cost(3.6e6, pue=1.5, tariff_per_kwh=0.2) == 1.5 * 0.2
    True
    """
    return joules * pue / JOULES_PER_KWH * tariff_per_kwh


def per_month(cost_per_1k: float, fleet: Fleet, hours_per_month: float) -> float:
    """Return the cost of a month with the mean traffic of the log."""
    return cost_per_1k * fleet.predictions / 1000.0 / fleet.n_hours * hours_per_month
