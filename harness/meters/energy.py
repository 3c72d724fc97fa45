"""Energy of the CPU over a window, from RAPL counters, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.records.trial import EnergyReading

POWERCAP = Path("/sys/class/powercap")
REASONS = ("no_nvml", "not_supported", "permission_denied", "vm")
_MICROJOULES_PER_JOULE = 1e6


class EnergyMeter(Protocol):
    """Reads the energy between `start` and `stop`."""

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


@dataclass(frozen=True)
class Zone:
    """One RAPL counter: where it is read, and the value in microjoules at which it starts again."""

    energy_uj: Path
    range_uj: int


@dataclass
class RaplMeter:
    """Sums the RAPL counters of all packages and of the memory beside them.

    Package sensors are not the node: fans, disks and power supply are missing. A window must be shorter than one
    turn of a counter (minutes at full power); a trial is.

    Source: Linux kernel documentation, "Power Capping Framework", `energy_uj` and `max_energy_range_uj`.
    """

    zones: tuple[Zone, ...]
    _began_uj: tuple[int, ...] = field(default=(), init=False)

    def start(self) -> None:
        """Remember the counters."""
        self._began_uj = tuple(_read_int(zone.energy_uj) for zone in self.zones)

    def stop(self) -> EnergyReading:
        """Return the energy since `start`; a counter that stood still has measured nothing, which is not zero energy."""
        deltas = [_delta_uj(zone, began) for zone, began in zip(self.zones, self._began_uj, strict=True)]
        if not deltas or min(deltas) == 0:
            return EnergyReading(None, "unavailable", "not_supported")
        return EnergyReading(sum(deltas) / _MICROJOULES_PER_JOULE, "measured_counter", None)


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
        zones = tuple(_zone(folder) for folder in sorted(root.glob("intel-rapl:*")) if _counts(folder))
        for zone in zones:
            _read_int(zone.energy_uj)
    except PermissionError:
        return NoEnergyMeter("permission_denied")
    except (OSError, ValueError):  # a zone without a counter, or one that holds no number
        return NoEnergyMeter("not_supported")
    if zones:
        return RaplMeter(zones)
    return NoEnergyMeter("vm" if is_vm else "not_supported")


def _counts(folder: Path) -> bool:
    """Say whether a zone belongs to the sum: core and uncore are parts of their package, psys contains it."""
    name = (folder / "name").read_text().strip()
    return name.startswith("package") or name == "dram"


def _zone(folder: Path) -> Zone:
    return Zone(folder / "energy_uj", _read_int(folder / "max_energy_range_uj"))


def _delta_uj(zone: Zone, began_uj: int) -> int:
    delta = _read_int(zone.energy_uj) - began_uj
    return delta if delta >= 0 else delta + zone.range_uj


def _read_int(path: Path) -> int:
    return int(path.read_text())
