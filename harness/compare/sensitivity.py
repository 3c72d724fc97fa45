"""Who brings the most when a price, the traffic or a value figure is another one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from harness.records.money import SensitivityRange

FACTOR = 10.0  # a figure is moved to a tenth and to ten times itself
TOLERANCE = 1e-4  # of a change point, as a share of the stretch that is searched
NetsAt = Callable[[float], Mapping[str, float]]
NOBODY = ""  # the best where no variant has a net


def bounds_around(current: float, factor: float = FACTOR) -> tuple[float, float] | None:
    """Return the lowest and highest value that a figure takes when it is multiplied by 1 / factor to factor; None for 0, which stays 0.

    >>> bounds_around(-2.0), bounds_around(0.0)
    ((-20.0, -0.2), None)
    """
    if current == 0 or not math.isfinite(current):
        return None
    low, high = sorted((current / factor, current * factor))
    return low, high


def why_not_moved(parameter: str) -> str:
    """Say of a figure without bounds why it is not in the sensitivity.

    >>> why_not_moved("value:true_negative")
    'sensitivity: true_negative is 0 and was not moved: a tenth of it and ten times it are 0'
    """
    return f"sensitivity: {parameter.removeprefix('value:')} is 0 and was not moved: a tenth of it and ten times it are 0"


def sensitivity(
    parameter: str, unit: str, current: float, low: float, high: float, nets_at: NetsAt, n_points: int = 33
) -> tuple[SensitivityRange, ...]:
    """Say over which stretches of one parameter which variant has the highest net, everything else as it is.

    Looked at: `n_points` values from low to high (even in the logarithm where both have one sign, else even), and the current one. Between
    two neighbours with different winners the change is found by bisection, with any third winner that a step of it meets. A stretch
    that lies wholly between two neighbours with the same winner is not seen.

    Parameters
    ----------
    parameter, unit : str
        What is moved, and the unit of its bounds, for the record.
    current : float
        Its value in this comparison.
    low, high : float
        Bounds of the search, low <= high.
    nets_at : callable
        Variant to net per 1,000 at a value of the parameter; a NaN takes no part. Of equal nets the first named wins.
    n_points : int
        At least 2.

    Returns
    -------
    tuple of SensitivityRange
        In ascending order, without gap from low to high. `best` is "" (`NOBODY`) where no variant has a net, its nets are NaN.

    Raises
    ------
    ValueError
        When the bounds are not finite or not in order.

    Examples
    --------
    At a price p the large model brings 3 - 2 p and the small one 1: they meet at 1.

    >>> found = sensitivity("price", "USD/h", 0.5, 0.1, 10.0, lambda p: {"large": 3 - 2 * p, "small": 1.0})
    >>> [(r.best, round(r.low, 3), round(r.high, 3), round(r.net_low, 3)) for r in found]
    [('large', 0.1, 1.0, 2.8), ('small', 1.0, 10.0, 1.0)]
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= high and n_points >= 2):
        raise ValueError(f"{parameter}: found bounds {low!r} to {high!r}, wanted finite ones in order; correct them")
    scale = _Scale(low, high)
    nets: dict[float, Mapping[str, float]] = {}

    def best_at(value: float) -> str:
        if value not in nets:
            nets[value] = nets_at(value)
        return _best(nets[value])

    values = sorted({*scale.grid(n_points), *([current] if low <= current <= high else [])})
    changes: list[tuple[float, str]] = []  # where a stretch begins, and who wins from there on
    for left, right in pairwise(values):
        changes += _changes(left, right, best_at, scale)
    starts = [(low, best_at(low)), *changes]
    ends = [*(at for at, _ in changes), high]
    return tuple(
        SensitivityRange(
            parameter=parameter,
            unit=unit,
            low=start,
            high=end,
            current=current,
            best=best,
            net_low=_net(nets, start, nets_at, best),
            net_high=_net(nets, end, nets_at, best),
        )
        for (start, best), end in zip(starts, ends, strict=True)
    )


class _Scale:
    """Even steps of a logarithm where the bounds have one sign, else of the value."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.sign = 1.0 if low > 0 else -1.0 if high < 0 else 0.0
        self.width = abs(math.log(high / low)) if self.sign else high - low

    def grid(self, n_points: int) -> list[float]:
        """Return the bounds, exactly, and what lies evenly between them, ascending."""
        inner = np.geomspace(self.low, self.high, n_points) if self.sign else np.linspace(self.low, self.high, n_points)
        return [self.low, *(float(v) for v in inner[1:-1]), self.high]

    def middle(self, left: float, right: float) -> float:
        return self.sign * math.sqrt(left * right) if self.sign else left + (right - left) / 2

    def is_narrow(self, left: float, right: float) -> bool:
        gap = abs(math.log(right / left)) if self.sign else right - left
        return gap <= TOLERANCE * self.width


def _changes(left: float, right: float, best_at: Callable[[float], str], scale: _Scale) -> list[tuple[float, str]]:
    if best_at(left) == best_at(right):
        return []
    middle = scale.middle(left, right)
    if scale.is_narrow(left, right) or not left < middle < right:
        return [(middle, best_at(right))]
    return _changes(left, middle, best_at, scale) + _changes(middle, right, best_at, scale)


def _best(nets: Mapping[str, float]) -> str:
    known = {name: net for name, net in nets.items() if not math.isnan(net)}
    return max(known, key=known.__getitem__, default=NOBODY)


def _net(nets: Mapping[float, Mapping[str, float]], value: float, nets_at: NetsAt, best: str) -> float:
    found = nets[value] if value in nets else nets_at(value)
    return found.get(best, math.nan)
