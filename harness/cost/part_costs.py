"""What the requests of one slice, or of one version of the live model, cost: their share of the replicas of their own hours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.records.money import CostRow, ReplicaHours, SliceTraffic

ALL = "all"


class PartCost(NamedTuple):
    """Cost of one part of the traffic.

    Args:
        n_requests: of the log, not scaled.
        cost_per_1k: per 1,000 predictions; None where there is no cost from the log. NaN where the part has no request.
        cost_per_month: the part's share of the variant's month; 0 where the part has no request.
    """

    part_by: str
    part_value: str
    n_requests: float
    cost_per_1k: float | None
    cost_per_month: float | None


def cost_by_part(traffic: SliceTraffic, cost: CostRow, rows_per_request: float) -> list[PartCost]:
    """Share the cost of a variant among the parts of its traffic.

    A request carries an even share of the replicas that its hour pays for: one at night, when a fleet stands half idle,
    costs more than one at noon. Hours without requests are shared evenly by all requests of the log, and so are power and fee. Parts that
    hold every request once have a mean, weighted by their requests, of `cost.cost_per_1k`.

    Formula: cost(part) = 1000 · price_per_hour / rows_per_request · [Σ_h r(part, h) · paid(h) / r(h) / Σ_h r(part, h)
    + Σ_{h: r(h)=0} paid(h) / Σ_h r(h)] + power_per_1k + fee_per_1k, with r(h) the requests of hour h, scaled as the fleet's are.

    Parameters
    ----------
    traffic : SliceTraffic
        Requests of every part in every hour; the part "all" holds each of them.
    cost : CostRow
        Of the variant.
    rows_per_request : float
        Rows that are scored for one request.

    Returns
    -------
    list of PartCost
        One for each part, in the order of `traffic`.

    Raises
    ------
    ValueError
        When requests lie in an hour that the fleet does not have, or there is no part "all".

    Examples
    --------
    >>> fleet = ReplicaHours(np.array([0, 1]), np.array([1, 1]), np.array([1.0, 1.0]), np.array([30.0, 10.0]))
    >>> names = ("all", "day", "night")
    >>> log = SliceTraffic(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 2]), np.array([30.0, 10.0, 30.0, 10.0]), ("all", "time", "time"), names)
    >>> row = CostRow("m", "USD", 150.0, None, None, None, 150.0, None, None, "log", None, 438.0, 1, None, None, price_per_hour=3.0, fleet=fleet)
    >>> for part in cost_by_part(log, row, 1.0):  # 3 USD for 30 requests by day, and for 10 by night
    ...     print(part.part_value, part.n_requests, round(part.cost_per_1k, 9), round(part.cost_per_month, 9))
    all 40.0 150.0 438.0
    day 30.0 100.0 219.0
    night 10.0 300.0 219.0
    """
    n_parts = len(traffic.part_by)
    requests = np.bincount(traffic.part_id, traffic.requests, n_parts)
    if cost.fleet is None or cost.price_per_hour is None or cost.cost_per_1k_from_log is None:
        return [PartCost(*name, float(n), None, None) for name, n in zip(_names(traffic), requests, strict=True)]
    replica_hours = _replica_hours(traffic, cost.fleet, n_parts, requests[_all_id(traffic)])
    with np.errstate(invalid="ignore"):  # a part without requests has no cost of one: 0 / 0
        per_request = replica_hours / requests
    scale = float(cost.fleet.requests.sum()) / requests[_all_id(traffic)]
    per_1k = per_request / scale / rows_per_request * 1000.0 * cost.price_per_hour + cost.power_per_1k + cost.fee_per_1k
    share = np.where(requests > 0, requests * per_1k, 0.0) / (requests[_all_id(traffic)] * cost.cost_per_1k_from_log)
    month = [None if cost.cost_per_month is None else float(s) * cost.cost_per_month for s in share]
    return [PartCost(*name, float(n), float(c), m) for name, n, c, m in zip(_names(traffic), requests, per_1k, month, strict=True)]


def _names(traffic: SliceTraffic) -> list[tuple[str, str]]:
    return list(zip(traffic.part_by, traffic.part_value, strict=True))


def _all_id(traffic: SliceTraffic) -> int:
    if ALL not in traffic.part_by:
        raise ValueError(f"the traffic of slices has no part '{ALL}'; it has {sorted(set(traffic.part_by))}")
    return traffic.part_by.index(ALL)


def _replica_hours(traffic: SliceTraffic, fleet: ReplicaHours, n_parts: int, n_requests: float) -> NDArray[np.float64]:
    """Return the replica-hours that each part carries."""
    at = np.searchsorted(fleet.hour, traffic.hour)
    if (fleet.hour[np.minimum(at, fleet.hour.size - 1)] != traffic.hour).any():
        raise ValueError("the traffic of slices has requests in hours that the fleet does not have; both must be of one log")
    of_all = traffic.part_id == _all_id(traffic)
    in_hour = np.bincount(at[of_all], traffic.requests[of_all], fleet.hour.size)
    busy = in_hour > 0
    per_request = np.divide(fleet.paid_hours, in_hour, out=np.zeros(fleet.hour.size), where=busy)
    own = np.bincount(traffic.part_id, traffic.requests * per_request[at], n_parts)
    requests = np.bincount(traffic.part_id, traffic.requests, n_parts)
    return np.asarray(own + requests * (fleet.paid_hours[~busy].sum() / n_requests))
