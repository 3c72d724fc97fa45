"""A power that jumps, its energy to the last joule, and how far a trapezoid over samples may be from it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise


def power_w(curve: Sequence[tuple[float, float]], time_s: float) -> float:
    """Return the power at a time: `curve` holds (from when, watts), the first from 0."""
    return next(watts for since_s, watts in reversed(curve) if since_s <= time_s)


def energy_j(curve: Sequence[tuple[float, float]], from_s: float, to_s: float) -> float:
    """Add up power times length of every piece, in exact fractions."""
    ends = [*(since_s for since_s, _ in curve[1:]), to_s]
    total = Fraction(0)
    for (since_s, watts), until_s in zip(curve, ends, strict=True):
        begin, end = max(Fraction(since_s), Fraction(from_s)), min(Fraction(until_s), Fraction(to_s))
        total += Fraction(watts) * max(Fraction(0), end - begin)
    return float(total)


def variation_w(curve: Sequence[tuple[float, float]], from_s: float, to_s: float) -> float:
    """Add up the sizes of all jumps inside of a window."""
    return sum(abs(after - before) for (_, before), (at_s, after) in pairwise(curve) if from_s < at_s <= to_s)
