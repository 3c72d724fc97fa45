"""What a cost is when one figure of it is another one, written from the definition of the cost; and searches that try every value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


def cost_per_1k(
    price_per_hour: float, rows_per_s: float, share_of_use: float, active_j: float, idle_w: float, tariff_per_kwh: float, fee: float
) -> float:
    """Machine, power and fee of 1,000 rows; the machine idles for what it is not used."""
    seconds_paid = 1000 / (rows_per_s * share_of_use)
    machine = price_per_hour * seconds_paid / 3600
    joules = active_j + idle_w * seconds_paid
    return machine + joules / 3.6e6 * tariff_per_kwh + fee


def replicas_cost_per_1k(requests_per_day: float, price_per_hour: float, capacity_per_day: float) -> float:
    """Cost of the fewest whole replicas that serve a day's requests."""
    replicas = 1
    while replicas * capacity_per_day < requests_per_day:
        replicas += 1
    return replicas * 24 * price_per_hour / requests_per_day * 1000


def winners(values: Sequence[float], nets_at: Callable[[float], Mapping[str, float]]) -> list[str]:
    """Who has the highest net at each value; the first named of equals, nobody where all are NaN."""
    found = []
    for value in values:
        best, most = "", None
        for name, net in nets_at(value).items():
            if net == net and (most is None or net > most):
                best, most = name, net
        found.append(best)
    return found
