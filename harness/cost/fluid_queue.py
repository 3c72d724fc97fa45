"""How many replicas traffic needs that is many times the log's: as a flow from minute to minute, for there are no single arrivals to replay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.cost.batch_times import BatchTimes
from harness.cost.traffic import MINUTES_PER_HOUR
from harness.records.money import Traffic

_S_PER_MINUTE, _NS_PER_S = 60.0, 1e9
_LATE_SHARE = 0.01  # of the requests of an hour may be late
_N_SIZES = 6  # batch sizes that are tried
_ROUNDING_S = 1e-7


def flow_replicas(traffic: Traffic, times: BatchTimes) -> NDArray[np.int64]:
    """Return the fewest replicas of every hour that keep up with its scaled traffic.

    The requests of a minute come evenly over it. What comes faster than it is served waits in one queue, which is empty when an hour begins. A
    request is late when its wait and a batch take longer than the service level; at most 1 % of an hour's requests may be. How requests
    would come within a minute is not to be known from a log that had a small part of them.

    Formula: with C = replicas · b / s(b) requests a second and Q the queue, Q' = max(0, Q + requests - 60 s · C) at the end of a minute; its requests
    are late when max(Q, Q') / C > slo - delay - s(b). The batch size b that needs the fewest replicas is taken.

    Parameters
    ----------
    traffic : Traffic
        Its scaled requests by minute.
    times : BatchTimes
        Of one replica, not scaled.

    Returns
    -------
    int64 [n_hours]
        Of every hour with requests, at least 1.

    Raises
    ------
    OverflowError
        When no number of replicas is enough.

    Source: the fluid queue (Lindley's recursion of a flow), Newell, Applications of Queueing Theory, 2nd ed., chapter 2.

    Examples
    --------
    60,000 requests in a minute, 1,000 a second, on replicas that serve 100 a second.

    >>> flow_replicas(Traffic(np.array([0]), np.array([6e4]), 1.0), BatchTimes(np.array([10_000_000]), 0, 50_000_000, 1)).tolist()
    [10]
    """
    n_hours = np.unique(traffic.minute // MINUTES_PER_HOUR).size
    found = np.full(n_hours, np.iinfo(np.int64).max)
    busiest = float(traffic.minute_requests.max())
    for size in np.unique(np.geomspace(1, times.service_ns.size, _N_SIZES).astype(np.int64)):
        service_ns = int(times.service_ns[size - 1])
        spare_s = (times.slo_ns - times.delay_ns - service_ns) / _NS_PER_S
        if spare_s >= 0 and busiest <= _S_PER_MINUTE * float(size) * _NS_PER_S / service_ns:
            return np.ones(n_hours, np.int64)  # one replica keeps up with the busiest minute: nothing ever waits
        if spare_s >= 0:
            found = np.minimum(found, _Flow(traffic, float(size) * _NS_PER_S / service_ns, spare_s).fewest())
    return found


class _Flow:
    """The beginning and the end of every minute that had requests, hour after hour."""

    def __init__(self, traffic: Traffic, served_per_s: float, spare_s: float) -> None:
        hour = traffic.minute // MINUTES_PER_HOUR
        self.starts = np.flatnonzero(np.diff(hour, prepend=hour[0] - 1))  # first minute of each hour
        self.hour_of = np.cumsum(np.diff(hour, prepend=hour[0]) != 0)
        self.requests = traffic.minute_requests
        self.allowed = _LATE_SHARE * np.add.reduceat(self.requests, self.starts)
        begin_s = (traffic.minute - traffic.minute[self.starts][self.hour_of]) * _S_PER_MINUTE
        after = np.cumsum(self.requests)
        after -= (after - self.requests)[self.starts][self.hour_of]
        self.at_s = np.column_stack([begin_s, begin_s + _S_PER_MINUTE])
        self.come = np.column_stack([after - self.requests, after])
        self.served_per_s, self.spare_s = served_per_s, spare_s

    def holds(self, replicas: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return in which hours at most 1 % of the requests are late."""
        capacity = (replicas * self.served_per_s)[self.hour_of]
        ahead = self.come - capacity[:, np.newaxis] * self.at_s
        # Each hour is put below the lowest point of the one before, so that its running minimum is its own.
        highest = np.maximum.reduceat(ahead.max(axis=1), self.starts)
        lowest = np.minimum.reduceat(ahead.min(axis=1), self.starts)
        lowered = ahead - np.cumsum(highest - np.append(highest[0], lowest[:-1]) + 1.0)[self.hour_of][:, np.newaxis]
        flat = lowered.ravel()
        queue = (flat - np.minimum.accumulate(flat)).reshape(-1, 2).max(axis=1)
        late = queue > capacity * (self.spare_s + _ROUNDING_S)
        return np.asarray(np.add.reduceat(np.where(late, self.requests, 0.0), self.starts) <= self.allowed)

    def fewest(self) -> NDArray[np.int64]:
        """Return the fewest replicas of each hour, by bisection of all hours at once: more replicas make no more requests late."""
        too_few, enough = np.zeros(self.starts.size, np.int64), np.ones(self.starts.size, np.int64)
        while not (held := self.holds(enough)).all():
            too_few, enough = np.where(held, too_few, enough), np.where(held, enough, 2 * enough)
            if int(enough.max()) > 1 << 50:
                raise OverflowError(f"{int(enough.max()):,} replicas do not keep up with so many requests")
        while (enough - too_few > 1).any():
            middle = np.maximum((too_few + enough) // 2, 1)
            held = self.holds(middle)
            is_open = enough - too_few > 1
            too_few, enough = np.where(is_open & ~held, middle, too_few), np.where(is_open & held, middle, enough)
        return enough


def spread(arrivals_us: NDArray[np.int64], unit_us: int) -> NDArray[np.int64]:
    """Spread arrivals with whole-unit timestamps evenly over their unit, in their order.

    Examples
    --------
    >>> spread(np.array([0, 0, 60, 60, 60, 60]), 60).tolist()
    [15, 45, 67, 82, 97, 112]
    """
    starts = np.flatnonzero(np.diff(arrivals_us, prepend=arrivals_us[0] - 1))
    n_alike = np.diff(starts, append=arrivals_us.size)
    place = np.arange(arrivals_us.size) - np.repeat(starts, n_alike)
    within = (place + 0.5) / np.repeat(n_alike, n_alike) * unit_us
    return np.asarray(arrivals_us + within.astype(np.int64), np.int64)
