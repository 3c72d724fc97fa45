"""Readings that were taken before, handed out again: a device for tests, and for a measurement that is judged anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.records.trial import EnergyReading


class ReplayedMeter:
    """Gives one scripted reading for each window, in their order; after the last one every window is unavailable."""

    def __init__(self, readings: Iterable[EnergyReading]) -> None:
        self._readings: Iterator[EnergyReading] = iter(readings)

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> EnergyReading:
        """Return the next reading."""
        return next(self._readings, EnergyReading(None, "unavailable", "replay_ended: there are no more readings"))
