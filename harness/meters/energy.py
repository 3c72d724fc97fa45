"""Energy of a window: what a meter is, the one that stands in where nothing can be read, and what can read the CPU's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.meters.rapl import POWERCAP, RaplMeter, rapl_zones
from harness.records.trial import EnergyReading

REASONS = ("no_nvml", "not_supported", "permission_denied", "vm")


class EnergyMeter(Protocol):
    """Reads the energy between `start` and `stop`, in the process that does the work; neither ever raises.

    The caller has waited for the device before either: work that was only enqueued is outside of the window.
    """

    def start(self) -> None:
        """Begin a window."""

    def stop(self) -> EnergyReading:
        """End the window and return its energy."""


@dataclass(frozen=True)
class NoEnergyMeter:
    """Stands in where nothing can be read: every window is unavailable, for a stated reason."""

    reason: str

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> EnergyReading:
        """Return a reading without energy."""
        return EnergyReading(None, "unavailable", self.reason)


def cpu_energy_meter(root: Path = POWERCAP, *, is_vm: bool = False) -> EnergyMeter:
    """Find what can read the CPU's energy on this machine.

    Parameters
    ----------
    root : Path
        Folder of the kernel's power capping framework.
    is_vm : bool
        Whether this is a virtual machine: named as the reason when there is no counter.

    Returns
    -------
    EnergyMeter
        A `RaplMeter`, or a `NoEnergyMeter` with the reason permission_denied, vm or not_supported.
    """
    try:
        zones = rapl_zones(root)
    except PermissionError:
        return NoEnergyMeter("permission_denied")
    except (OSError, ValueError):  # a zone without a counter, or one that holds no number
        return NoEnergyMeter("not_supported")
    if zones:
        return RaplMeter(zones)
    return NoEnergyMeter("vm" if is_vm else "not_supported")


def idle_power_w(meter: EnergyMeter, seconds: float, sleep: Callable[[float], None] = time.sleep) -> float | None:
    """Say how much power is drawn while nothing of ours runs.

    Formula: energy of a window of sleep over its length.

    Parameters
    ----------
    meter : EnergyMeter
        Of the device that is to be idle.
    seconds : float
        Length of the window. A counter steps every 10 to 100 ms: one second and more is exact to 10 % and better.
    sleep : callable
        Waits that long.

    Returns
    -------
    float or None
        In watts. Undefined when the meter could not be read, and when it only estimates: a rated power says nothing of an idle device.

    Examples
    --------
    >>> from harness.meters.replayed import ReplayedMeter
    >>> read = ReplayedMeter([EnergyReading(120.0, "measured_counter", None, elapsed_s=2.0), EnergyReading(None, "unavailable", "vm")])
    >>> idle_power_w(read, 2.0, sleep=lambda seconds: None), idle_power_w(read, 2.0, sleep=lambda seconds: None)
    (60.0, None)
    """
    meter.start()
    sleep(seconds)
    reading = meter.stop()
    if reading.energy_j is None or not reading.elapsed_s or reading.source == "estimated_tdp":
        return None
    return reading.energy_j / reading.elapsed_s
