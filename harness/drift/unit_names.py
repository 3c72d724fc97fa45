"""Factors between units that tables of data are written in, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """One change of unit: current = factor * reference + offset; `name` is for a reader."""

    factor: float
    offset: float
    name: str


def _both(factor: float, there: str, back: str, inverse: str) -> tuple[Unit, Unit]:
    return Unit(factor, 0.0, f"{factor:.4g} ({there})"), Unit(1.0 / factor, 0.0, f"{inverse} ({back})")


UNITS = (
    *_both(10.0, "centimetres written in millimetres", "millimetres written in centimetres", "1/10"),
    *_both(100.0, "a share written in percent", "percents written as a share", "1/100"),
    *_both(1000.0, "seconds written in milliseconds", "milliseconds written in seconds", "1/1000"),
    *_both(1e6, "seconds written in microseconds", "microseconds written in seconds", "1/1000000"),
    *_both(60.0, "hours written in minutes", "minutes written in hours", "1/60"),
    *_both(3600.0, "hours written in seconds", "seconds written in hours", "1/3600"),
    *_both(2.54, "inches written in centimetres", "centimetres written in inches", "1/2.54"),
    *_both(0.45359237, "pounds written in kilograms", "kilograms written in pounds", "1/0.4536"),
    *_both(1.609344, "miles written in kilometres", "kilometres written in miles", "1/1.609"),
    *_both(0.3048, "feet written in metres", "metres written in feet", "1/0.3048"),
)
TEMPERATURES = (
    Unit(1.8, 32.0, "1.8 x + 32 (Celsius written in Fahrenheit)"),
    Unit(1.0 / 1.8, -32.0 / 1.8, "(x - 32) / 1.8 (Fahrenheit written in Celsius)"),
)
# A part of the values alone may have come along with these: no other factor moves bounded values so far beyond their range.
OF_SHARES = tuple(unit for unit in UNITS if unit.factor in (100.0, 0.01, 1000.0, 0.001))
