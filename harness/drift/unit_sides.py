"""One side of a column while units are tried, and the distance of two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.unit_names import Unit

KS_99 = 1.628  # 99 % point of Kolmogorov's distribution (Smirnov 1948, table): KS of equal distributions is below it times sqrt(1/n + 1/m)
MIN_ROWS = 100  # a side: below it noise alone hides a KS of 0.23
_GREATEST = 1e300  # a value of a heavy tail may leave float64 when it is rescaled; beyond this all are one
_N_POINTS = 2_000  # order statistics that stand for a side while factors are tried: KS within 0.001; what is reported is exact


@dataclass(frozen=True)
class Side:
    """The finite values of one side: `points` are order statistics at equal steps; `n` of all."""

    values: NDArray[np.float64]
    points: NDArray[np.float64]
    low: float
    high: float

    @property
    def n(self) -> int:
        """Finite values."""
        return len(self.values)

    @cached_property
    def levels(self) -> NDArray[np.float64]:
        """Quantiles at .05, .10, .. .95."""
        return np.quantile(self.points, np.arange(1, 20) / 20, method="inverted_cdf")

    @cached_property
    def step(self) -> float:
        """Step that values are rounded to before they are compared, so that 7 * 0.01 / 0.01 ties with 7: a millionth of the great ones."""
        return max(float(10.0 ** (np.floor(np.log10(self.size)) - 5)), 1 / _GREATEST)

    @cached_property
    def size(self) -> float:
        """Absolute value that one in ten reaches, or where that is 0 the greatest."""
        return float(np.quantile(np.abs(self.points), 0.9)) or float(np.abs(self.points).max())


def side_of(values: NDArray[Any]) -> Side | None:
    """Return the side that values make; None where they are fewer than 100, or fewer than three different ones."""
    finite = np.sort(values[np.isfinite(values)].astype(np.float64))
    if len(finite) < MIN_ROWS:
        return None
    k = min(len(finite), _N_POINTS)
    points = finite[((np.arange(k) + 0.5) * len(finite) / k).astype(np.int64)]
    return Side(finite, points, float(finite[0]), float(finite[-1])) if len(np.unique(points)) >= 3 else None


def noise_of(n: int, m: int) -> float:
    """Return the KS that 99 in 100 pairs of samples of one distribution keep below."""
    return float(KS_99 * np.sqrt(1 / n + 1 / m))


def ks_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the KS distance of a few ascending values, whose order spares the walk of `kernels.two_sample`."""
    at = np.concatenate([one, other])
    shares = (np.searchsorted(points, at, side="right") / len(points) for points in (one, other))
    return float(np.abs(np.subtract(*shares)).max())


def converted_back(values: NDArray[np.float64], unit: Unit) -> NDArray[np.float64]:
    """Return values in the reference's unit."""
    return np.asarray((values - unit.offset) / unit.factor)


def rounded(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return values as whole numbers of steps."""
    return np.clip(np.round(values / step), -_GREATEST, _GREATEST)


def rescaled_ks(reference: Side, current: Side, unit: Unit) -> float:
    """Return the KS distance once the current values are converted back."""
    return ks_of(rounded(reference.points, reference.step), rounded(converted_back(current.points, unit), reference.step))
