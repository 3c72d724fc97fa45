"""How the statistics word what they found."""

from __future__ import annotations

import math

from harness.records.drift import ColumnPair, Reading


def reading(
    value: float, threshold: float | None, p_value: float | None, n_reference: int, n_current: int, *notes: str, decides_alone: bool = False
) -> Reading:
    """Return a reading of a defined value: it exceeds a threshold that its size reaches; no difference at all never exceeds.

    Parameters
    ----------
    threshold : float or None
        In the unit of `value`; None or NaN where there is none.
    notes : str
        Parts of the note; empty ones are left out.

    Examples
    --------
    >>> reading(-0.3, 0.2, 0.01, 4, 4, "", "p by days").exceeds
    True
    >>> reading(0.0, 0.0, 0.01, 4, 4).exceeds
    False
    """
    known = None if threshold is None or math.isnan(threshold) else threshold
    exceeds = None if known is None else value != 0.0 and abs(value) >= known
    return Reading(value, known, p_value, exceeds, n_reference, n_current, decides_alone, "; ".join(filter(None, notes)))


def undefined(threshold: float | None, n_reference: int, n_current: int, why: str) -> Reading:
    """Return the reading of a statistic that is undefined here."""
    return Reading(math.nan, threshold, None, None, n_reference, n_current, note=f"undefined: {why}")


def nobody(n_reference: int, what: str = "rows") -> str:
    """Say which side is empty, given that one is."""
    return f"no current {what}" if n_reference else f"no reference {what}"


def unit_of(pair: ColumnPair) -> float:
    """Return what a value is divided by to be in the unit of the results: a time is kept in microseconds and reported in seconds."""
    return 1e6 if pair.kind == "time" else 1.0


def left_out(pair: ColumnPair) -> str:
    """Say how many infinite values are in no figure."""
    n_infinite = pair.reference.n_infinite + pair.current.n_infinite
    return f"{n_infinite:,} infinite left out" if n_infinite else ""
