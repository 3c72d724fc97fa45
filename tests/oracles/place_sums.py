"""Sums by place as their definition has them: every place's values, added without rounding on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence


def sums_by_place(places: Sequence[int], values: Sequence[float], n_places: int) -> list[float]:
    """Return the rounded exact sum of the values in each place."""
    return [math.fsum(v for p, v in zip(places, values, strict=True) if p == place) for place in range(n_places)]
