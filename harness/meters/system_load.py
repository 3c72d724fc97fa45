"""What else went on beside a trial: CPU time of this process, of all others, and time that a hypervisor kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil

from harness.records.trial import SystemLoad

_BUSY = ("user", "nice", "system", "irq", "softirq")  # guests are in user and nice already; waiting for a disk is no work
_LONG_ENOUGH_S = 0.1  # ten ticks of the counters: those that have not moved by then never do


@dataclass(frozen=True)
class CoreTimes:
    """Seconds of one core since boot; `steal_s` is None where the system keeps no such counter."""

    busy_s: tuple[float, ...]
    steal_s: float | None
    all_s: float


@dataclass
class SystemLoadMeter:
    """Reads the counters of the system around one trial.

    Formula: with C the usable cores and T the window, others = (Σ busy of C - CPU time of this process) / (|C| T), steal = Σ steal of C / (|C| T).
    Both are cut to [0, 1]: counters step by 10 ms, and some go backwards. The process's own time is read to the nanosecond.

    Args:
        read_cores: the cores that this process may use; None where the system does not tell.
        process_s: CPU time of this process, all threads.
        clock: a monotonic one.
    """

    read_cores: Callable[[], Sequence[CoreTimes] | None] = field(default_factory=lambda: usable_cores)
    process_s: Callable[[], float] = time.process_time
    clock: Callable[[], float] = time.monotonic
    _began: tuple[float, float, Sequence[CoreTimes] | None] = field(default=(0.0, 0.0, None), init=False)

    def start(self) -> None:
        """Begin a window."""
        self._began = self.clock(), self.process_s(), self.read_cores()

    def stop(self) -> SystemLoad:
        """End the window and say what went on in it."""
        after, own_after_s, now_s = self.read_cores(), self.process_s(), self.clock()
        began_s, own_before_s, before = self._began
        own_s, elapsed_s = max(0.0, own_after_s - own_before_s), now_s - began_s
        if not before or not after or len(before) != len(after) or elapsed_s <= 0.0 or _stands_still(before, after, elapsed_s):
            return SystemLoad(own_s, None, None)
        capacity_s = elapsed_s * len(after)
        busy_s = sum(_forward(*pair) for b, a in zip(before, after, strict=True) for pair in zip(b.busy_s, a.busy_s, strict=True))
        stolen = [
            _forward(b.steal_s, a.steal_s) for b, a in zip(before, after, strict=True) if b.steal_s is not None and a.steal_s is not None
        ]
        steal_share = _share(sum(stolen), capacity_s) if len(stolen) == len(after) else None
        return SystemLoad(own_s, _share(busy_s - own_s, capacity_s), steal_share)


def usable_cores() -> tuple[CoreTimes, ...] | None:
    """Read the counters of the cores that this process may use; None where the system does not tell them core by core."""
    try:
        cores = psutil.cpu_times(percpu=True)
    except (OSError, RuntimeError, NotImplementedError):
        return None
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(len(cores)))
    if len(cores) != _configured_cores() or not usable or usable[-1] >= len(cores):
        return None  # some are offline or hidden: which line is which core is not known
    return tuple(_core_times(cores[i]) for i in usable)


def _configured_cores() -> int:
    names = getattr(os, "sysconf_names", {})
    return os.sysconf("SC_NPROCESSORS_CONF") if "SC_NPROCESSORS_CONF" in names else psutil.cpu_count(logical=True) or 1


def _core_times(core: object) -> CoreTimes:
    busy = tuple(float(getattr(core, name)) for name in _BUSY if hasattr(core, name))
    rest = sum(float(getattr(core, name, 0.0)) for name in ("idle", "iowait"))
    steal = getattr(core, "steal", None)
    return CoreTimes(busy, steal, sum(busy) + rest + (steal or 0.0))


def _stands_still(before: Sequence[CoreTimes], after: Sequence[CoreTimes], elapsed_s: float) -> bool:
    return elapsed_s >= _LONG_ENOUGH_S and all(b.all_s == a.all_s for b, a in zip(before, after, strict=True))


def _forward(before_s: float, after_s: float) -> float:
    return max(0.0, after_s - before_s)


def _share(part_s: float, capacity_s: float) -> float:
    return min(1.0, max(0.0, part_s / capacity_s))
