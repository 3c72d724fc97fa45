"""Kolmogorov-Smirnov, Wasserstein-1 and quantiles of type 7 in exact fractions, from the definitions; slow and obvious."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class TwoSampleOracle:
    ks: Fraction
    ks_at: Fraction
    wasserstein: Fraction


def two_sample(reference, current):
    """At every value of either side, what shares of the sides lie at or below it."""
    first, second = (sorted(Fraction(value) for value in np.asarray(side).tolist()) for side in (reference, current))
    values = sorted(set(first + second))
    differences = [abs(Fraction(bisect_right(first, x), len(first)) - Fraction(bisect_right(second, x), len(second))) for x in values]
    greatest = max(differences)
    area = sum((d * (after - x) for d, x, after in zip(differences, values, values[1:], strict=False)), Fraction(0))
    return TwoSampleOracle(greatest, values[differences.index(greatest)], area)


def quantile(values, probability):
    """Hyndman and Fan's definition 7."""
    ordered = sorted(Fraction(value) for value in np.asarray(values).tolist())
    place = (len(ordered) - 1) * Fraction(probability)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
