"""Energy of the CPU over a window, from the RAPL counters of the kernel's power capping framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.records.trial import EnergyReading

POWERCAP = Path("/sys/class/powercap")
_MICROJOULES_PER_JOULE = 1e6
# No socket draws as much over a whole window: the largest are rated at 500 W (AMD EPYC 9965, Intel Xeon 6980P).
_MAX_ZONE_W = 1000.0


@dataclass(frozen=True)
class Zone:
    """One RAPL counter: where it is read, and the value in microjoules at which it starts again."""

    energy_uj: Path
    range_uj: int


@dataclass
class RaplMeter:
    """Sums the RAPL counters of all packages and of the memory beside them.

    Formula: per zone `after - before`; a counter that went backwards has turned over, and its range is added. Where that would be more
    than 1,000 W in one zone it did not turn over but was set back, and the window has no energy.

    Package sensors are not the node: fans, disks and power supply are missing. A window must be shorter than one turn of a counter
    (minutes at full power); a trial is.

    Source: Linux kernel documentation, "Power Capping Framework", `energy_uj` and `max_energy_range_uj`.
    """

    zones: tuple[Zone, ...]
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)
    _began_uj: tuple[int, ...] = field(default=(), init=False, compare=False)
    _began_s: float = field(default=0.0, init=False, compare=False)
    _trouble: str | None = field(default="broke_off: the window was ended before it began", init=False, compare=False)

    def start(self) -> None:
        """Remember the counters."""
        self._trouble = None
        try:
            self._began_uj = tuple(_read_int(zone.energy_uj) for zone in self.zones)
        except (OSError, ValueError) as trouble:
            self._trouble = _why(trouble)
        self._began_s = self.clock()

    def stop(self) -> EnergyReading:
        """Return the energy since `start`; a counter that stood still has measured nothing, which is not zero energy."""
        if self._trouble is not None:
            return EnergyReading(None, "unavailable", self._trouble)
        try:
            ended_uj = [_read_int(zone.energy_uj) for zone in self.zones]
        except (OSError, ValueError) as trouble:
            return EnergyReading(None, "unavailable", _why(trouble))
        elapsed_s = self.clock() - self._began_s
        used_uj = [_used_uj(zone, *pair) for zone, pair in zip(self.zones, zip(self._began_uj, ended_uj, strict=True), strict=True)]
        if not used_uj or min(used_uj) == 0:
            return EnergyReading(None, "unavailable", "not_supported", elapsed_s)
        turned = (after < before for before, after in zip(self._began_uj, ended_uj, strict=True))
        if any(has_turned and _is_absurd(used, elapsed_s) for has_turned, used in zip(turned, used_uj, strict=True)):
            return EnergyReading(None, "unavailable", "counter_reset: a RAPL counter was set back within the window", elapsed_s)
        return EnergyReading(sum(used_uj) / _MICROJOULES_PER_JOULE, "measured_counter", None, elapsed_s)


def rapl_zones(root: Path = POWERCAP) -> tuple[Zone, ...]:
    """Find the counters that make up the CPU's energy, each of them read once.

    Packages, and the memory beside them; core and uncore are parts of their package, psys contains it.

    Raises
    ------
    PermissionError
        When a counter may be read by root only, as it is since Linux 5.10.
    OSError, ValueError
        When a zone has no counter, or one that holds no number.
    """
    zones = tuple(_zone(folder) for folder in sorted(root.glob("intel-rapl:*")) if _counts(folder))
    for zone in zones:
        _read_int(zone.energy_uj)
    return zones


def _counts(folder: Path) -> bool:
    name = (folder / "name").read_text().strip()
    return name.startswith("package") or name == "dram"


def _zone(folder: Path) -> Zone:
    return Zone(folder / "energy_uj", _read_int(folder / "max_energy_range_uj"))


def _used_uj(zone: Zone, began_uj: int, ended_uj: int) -> int:
    used = ended_uj - began_uj
    return used if used >= 0 else used + zone.range_uj


def _is_absurd(used_uj: int, elapsed_s: float) -> bool:
    return used_uj < 0 or used_uj / _MICROJOULES_PER_JOULE > _MAX_ZONE_W * elapsed_s


def _why(trouble: Exception) -> str:
    return "permission_denied" if isinstance(trouble, PermissionError) else f"broke_off: a RAPL counter could not be read ({trouble})"


def _read_int(path: Path) -> int:
    return int(path.read_text())
