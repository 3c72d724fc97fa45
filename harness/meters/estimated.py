"""Energy by the rated power, where nothing can be read and somebody asked for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.records.trial import EnergyReading


@dataclass
class EstimatedTdpMeter:
    """Takes the rated power for what was drawn all the time: labelled `estimated_tdp`, and left out of Pareto fronts and gates.

    Formula: watts · elapsed seconds.

    Args:
        watts: rated power of the device (TDP).
        reason: why nothing is read; it stands beside every estimate.

    Examples
    --------
    >>> ticks = iter([10.0, 12.5])
    >>> meter = EstimatedTdpMeter(200.0, "vm", lambda: next(ticks))
    >>> meter.start()
    >>> meter.stop()
    EnergyReading(energy_j=500.0, source='estimated_tdp', reason='vm', elapsed_s=2.5, polled_j=None, n_samples=0, throttled_share=None, events=(), max_temperature_c=None)
    """

    watts: float
    reason: str | None = None
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)
    _began_s: float | None = field(default=None, init=False, compare=False)

    def start(self) -> None:
        """Remember the time."""
        self._began_s = self.clock()

    def stop(self) -> EnergyReading:
        """Return the rated power over the window."""
        if self._began_s is None:
            return EnergyReading(None, "unavailable", "broke_off: the window was ended before it began")
        elapsed_s = max(0.0, self.clock() - self._began_s)
        return EnergyReading(self.watts * elapsed_s, "estimated_tdp", self.reason, elapsed_s)
