"""Arrivals of requests: how they are stored, and how finely the log tells them apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.records.money import Traffic

_US_PER_MINUTE = 60_000_000
_UNITS_US = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", _US_PER_MINUTE), ("second", 1_000_000))
_CHUNK = 1 << 20


class ArrivalColumns(NamedTuple):
    """Arrivals in four bytes a request.

    n_arrivals int64 [n_minutes], of every minute of the traffic; us_in_minute uint32 [n_requests], microseconds since its minute began.
    """

    n_arrivals: NDArray[np.int64]
    us_in_minute: NDArray[np.uint32]


def arrivals_columns(traffic: Traffic) -> ArrivalColumns | None:
    """Return the arrivals of a log as they are stored beside its minutes; None where they were not kept.

    Examples
    --------
    >>> stored = arrivals_columns(Traffic(np.array([0, 2]), np.array([2.0, 1.0]), 0.05, np.array([7, 9, 120_000_003])))
    >>> stored.n_arrivals.tolist(), stored.us_in_minute.tolist()
    ([2, 1], [7, 9, 3])
    """
    if traffic.arrivals_us is None:
        return None
    borders = np.searchsorted(traffic.arrivals_us, traffic.minute * _US_PER_MINUTE)
    n_arrivals = np.diff(borders, append=traffic.arrivals_us.size).astype(np.int64)
    return ArrivalColumns(n_arrivals, np.remainder(traffic.arrivals_us, _US_PER_MINUTE).astype(np.uint32))


def arrivals_from_columns(minute: NDArray[np.int64], n_arrivals: NDArray[np.int64], us_in_minute: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the arrivals that `arrivals_columns` stored, int64 [n_requests], microseconds since the epoch.

    Raises
    ------
    ValueError
        When the minutes do not count as many arrivals as there are.

    Examples
    --------
    >>> arrivals_from_columns(np.array([0, 2]), np.array([2, 1]), np.array([7, 9, 3], np.uint32)).tolist()
    [7, 9, 120000003]
    """
    if int(n_arrivals.sum()) != us_in_minute.size:
        raise ValueError(
            f"the minutes count {int(n_arrivals.sum())} arrivals and {us_in_minute.size} are stored: the two are of different logs"
        )
    arrivals: NDArray[np.int64] = np.repeat(minute.astype(np.int64) * _US_PER_MINUTE, n_arrivals)
    arrivals += us_in_minute
    return arrivals


def time_unit(arrivals_us: NDArray[np.int64]) -> str | None:
    """Return the coarsest of day, hour, minute, second of which all arrivals are whole; None when they are finer.

    Examples
    --------
    >>> time_unit(np.array([0, 60_000_000, 180_000_000])), time_unit(np.array([0, 1_000_000])), time_unit(np.array([0, 1]))
    ('minute', 'second', None)
    """
    return next((name for name, unit_us in _UNITS_US if _all_whole(arrivals_us, unit_us)), None)


def unit_us(unit: str) -> int:
    """Return the microseconds of a unit of `time_unit`.

    >>> unit_us("second")
    1000000
    """
    return dict(_UNITS_US)[unit]


def _all_whole(arrivals_us: NDArray[np.int64], unit_us: int) -> bool:
    chunks = range(0, arrivals_us.size, _CHUNK)
    return all(not np.remainder(arrivals_us[start : start + _CHUNK], unit_us).any() for start in chunks)
