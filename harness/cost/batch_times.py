"""What a replica takes for a batch of 1, 2, 3, ... requests, and how large a batch the service level allows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.cost.service_times import ServiceTimes
from harness.records.conf import PriceConf

_NS_PER_S = 1e9
_NS_PER_MS = 1e6


class NoFleetError(ValueError):
    """No number of replicas holds the service level on this log, or the log does not tell; the message is the reason."""


@dataclass(frozen=True)
class BatchTimes:
    """The queue of a fleet in nanoseconds of the log.

    Args:
        service_ns: int64 [max_batch], of a batch of 1, 2, ... requests.
        delay_ns: how long the first request waits for a batch to fill.
        slo_ns: latency above which a request is late.
        largest: requests of the largest batch that was chosen; `service_ns` ends before it where that would be late.
    """

    service_ns: NDArray[np.int64]
    delay_ns: int
    slo_ns: int
    largest: int

    def scaled(self, factor: float) -> BatchTimes:
        """Return the times of a log whose gaps are to be divided by `factor`: everything else takes so much longer.

        Examples
        --------
        >>> BatchTimes(np.array([10]), 2, 30, 1).scaled(1.5)
        BatchTimes(service_ns=array([15]), delay_ns=3, slo_ns=45, largest=1)
        """
        service_ns, delay_ns = np.rint(self.service_ns * factor).astype(np.int64), round(self.delay_ns * factor)
        slo_ns = max(round(self.slo_ns * factor), int(service_ns.max()) + delay_ns)  # rounding must not make the last batch late
        return replace(self, service_ns=service_ns, delay_ns=delay_ns, slo_ns=slo_ns)


def batch_seconds(service: ServiceTimes, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long a batch of so many rows takes.

    Formula: on the line between the two measured sizes around it; that of the smallest below it; above the largest in proportion to it.

    Parameters
    ----------
    service : ServiceTimes
        Mean times of the measured batches.
    rows : NDArray[np.float64]
        [n], above 0.

    Returns
    -------
    NDArray[np.float64]
        [n], seconds.

    Examples
    --------
    >>> times = ServiceTimes(np.array([2, 4]), np.array([1.0, 1.5]), max_batch_rows=4)
    >>> batch_seconds(times, np.array([1.0, 2.0, 3.0, 8.0])).tolist()
    [1.0, 1.0, 1.25, 3.0]
    """
    inside = np.interp(rows, service.batch_rows, service.seconds)
    above = np.maximum(rows / float(service.batch_rows[-1]), 1.0)
    return np.asarray(inside * above, np.float64)


def batch_times(service: ServiceTimes, conf: PriceConf, slo_ms: float, rows_per_request: float) -> BatchTimes:
    """Return the times of batches of whole requests, up to the largest that meets the service level after its wait.

    A request is never split, so the largest batch has max(1, floor(max_batch_rows / rows_per_request)) requests. Where a batch would take so
    long that the first of its requests is late, no batch is made as large: with enough replicas every request is in time then.

    Parameters
    ----------
    service : ServiceTimes
        Mean times of the measured batches.
    conf : PriceConf
        `batch_delay_ms`.
    slo_ms : float
        Longest latency that is in time.
    rows_per_request : float
        Rows that are scored for one request.

    Raises
    ------
    NoFleetError
        When a request alone is late.

    Examples
    --------
    >>> times = ServiceTimes(np.array([1, 3]), np.array([0.010, 0.014]), max_batch_rows=3)
    >>> slo = PriceConf("p", "sheet.csv", "sku")
    >>> batch_times(times, slo, 12.0, 1.0).service_ns.tolist()  # three would take 14 ms
    [10000000, 12000000]
    """
    largest = max(1, int(service.max_batch_rows / rows_per_request))
    seconds = batch_seconds(service, np.arange(1, largest + 1, dtype=np.float64) * rows_per_request)
    service_ns = np.rint(seconds * _NS_PER_S).astype(np.int64)
    delay_ns, slo_ns = round(conf.batch_delay_ms * _NS_PER_MS), round(slo_ms * _NS_PER_MS)
    late = np.flatnonzero(service_ns + delay_ns > slo_ns)
    n_in_time = int(late[0]) if late.size else largest
    if n_in_time == 0:
        waits = f" after waiting {conf.batch_delay_ms:g} ms for others" if delay_ns else ""
        found = f"one request alone takes {seconds[0] * 1000.0:.3g} ms{waits}"
        raise NoFleetError(f"an SLO that no batch meets: {found}, and price.slo_ms is {slo_ms:g}")
    return BatchTimes(service_ns[:n_in_time], delay_ns, slo_ns, largest)
