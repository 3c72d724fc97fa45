"""Shares of the usable cores' time, written from the definition."""

from __future__ import annotations

from collections.abc import Sequence


def share(seconds_of_cores: Sequence[float], own_s: float, elapsed_s: float) -> float:
    """Return the seconds that were not ours over what the cores could have given, between nothing and all."""
    given = elapsed_s * len(seconds_of_cores)
    others = -own_s
    for seconds in seconds_of_cores:
        others += seconds
    if others < 0:
        return 0.0
    return 1.0 if others > given else others / given
