"""Price, utilisation and volume at which a challenger brings what the champion brings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.records.money import BreakEven, CostRow

LOW_PER_DAY, HIGH_PER_DAY = 1e2, 1e9  # from a tool of one team to the largest public services
_PER_DECADE = 4  # volumes that are tried
TOLERANCE = 1e-4  # of a volume, as a share of it: far under what traffic varies by from day to day
NetAt = Callable[[float], float]


@dataclass(frozen=True)
class _Place:
    """A figure with the side on which the challenger brings more, or why there is none."""

    value: float | None
    wins_above: bool | None = None
    reason: str | None = None
    n_crossings: int = 0


def break_even(
    challenger: CostRow,
    champion: CostRow,
    gain_vs_champion_per_1k: float,
    net_vs_champion_at_requests_per_day: NetAt | None,
    current_requests_per_day: float | None,
) -> BreakEven:
    """Say where challenger and champion bring the same net per 1,000 predictions, one figure moved at a time.

    Formula, with g the paired gain and costs per 1,000: cost = price_per_hour · machine_h_per_1k + power_per_1k + fee_per_1k, so
    price* = (g + cost_champion - power_per_1k - fee_per_1k) / machine_h_per_1k. At a share u of use, cost(u) = fixed + per_use / u, where
    per_use = price_per_hour · 1000 / (3600 · throughput) and what idle power adds, so
    u* = (per_use - per_use_champion) / (g - fixed + fixed_champion). Volume: a sign change of the net difference, from a
    logarithmic grid of 1e2 to 1e9 requests a day, then by bisection to 1e-4 of it.

    Parameters
    ----------
    challenger, champion : CostRow
        Their costs; `cost_per_1k` is the headline, `cost_per_1k_at_full` that at full use.
    gain_vs_champion_per_1k : float
        Paired gain difference, in the currency of the costs.
    net_vs_champion_at_requests_per_day : callable, optional
        Net difference per 1,000 when the log's traffic is scaled to so many requests a day; None where there is no cost from the log.
    current_requests_per_day : float, optional
        Of this comparison. A fleet grows by whole replicas, so the net may change sign more than once: the change nearest to this
        (as a ratio) is given, without it the last one.

    Returns
    -------
    BreakEven
        A figure is None, with the reason, where the challenger brings more (or not) all along: no price is negative, no share above 1.
        On the break-even itself nobody brings more.

    Notes
    -----
    Break-even analysis as in any text on managerial economics; the interval of g is not carried: the figure says where the estimates
    meet, not from where on a difference is shown.

    Examples
    --------
    A machine-hour serves 20,000 at 0.10 USD/h: 0.005 per 1,000, where the champion takes 0.002. A gain of 0.013 pays for 0.30 USD/h.

    >>> def cost(name, hours, full, rows_per_s):
    ...     return CostRow(name, "USD", 0.1 * hours, None, None, full, None, None, 1.0, "full", None, None, None, None, None,
    ...                    price_per_hour=0.1, machine_h_per_1k=hours, throughput_rows_per_s=rows_per_s)
    >>> slow, fast = cost("slow", 0.05, 0.005, 20 / 3.6), cost("fast", 0.02, 0.002, 50 / 3.6)
    >>> found = break_even(slow, fast, 0.013, lambda per_day: 0.013 - 1e3 / per_day, 1e6)
    >>> round(found.price_per_hour, 9), round(found.utilisation, 9), found.utilisation_wins_above
    (0.3, 0.230769231, True)
    >>> round(found.requests_per_day, -2), found.wins_above
    (76900.0, True)
    """
    price = _price(challenger, champion, gain_vs_champion_per_1k)
    use = _utilisation(challenger, champion, gain_vs_champion_per_1k)
    volume = _volume(net_vs_champion_at_requests_per_day, current_requests_per_day)
    named = (("price_per_hour", price), ("utilisation", use), ("requests_per_day", volume))
    return BreakEven(
        variant=challenger.variant,
        champion=champion.variant,
        currency=challenger.currency or champion.currency or "",
        price_per_hour=price.value,
        utilisation=use.value,
        requests_per_day=volume.value,
        wins_above=volume.wins_above,
        reasons=tuple((name, place.reason) for name, place in named if place.reason is not None),
        utilisation_wins_above=use.wins_above,
        n_volume_crossings=volume.n_crossings,
    )


def _price(challenger: CostRow, champion: CostRow, gain: float) -> _Place:
    hours = challenger.machine_h_per_1k
    if champion.cost_per_1k is None or hours is None or challenger.cost_per_1k is None:
        return _unknown_cost(challenger, champion)
    left = gain + champion.cost_per_1k - challenger.power_per_1k - challenger.fee_per_1k  # for machines
    if not math.isfinite(left):
        return _Place(None, reason="the gain against the champion is not defined")
    if left < 0:
        return _Place(None, reason="loses even at a price of 0")
    price = left / hours if hours > 0 else math.inf
    return _Place(price, wins_above=False) if math.isfinite(price) else _Place(None, reason="wins at any price")


def _utilisation(challenger: CostRow, champion: CostRow, gain: float) -> _Place:
    own, other = _by_use(challenger), _by_use(champion)
    if own is None or other is None:
        return _unknown_cost(challenger, champion)
    dearer, left = own[1] - other[1], gain - own[0] + other[0]  # the net difference is left - dearer / share
    if not math.isfinite(left):
        return _Place(None, reason="the gain against the champion is not defined")
    share = dearer / left if left else math.inf
    if 0 < share <= 1:
        return _Place(share, wins_above=dearer > 0)
    at_full = left - dearer
    if at_full == 0:
        return _Place(None, reason="equal at any utilisation")
    return _Place(None, reason=f"{'wins' if at_full > 0 else 'loses'} at any utilisation")


def _by_use(row: CostRow) -> tuple[float, float] | None:
    """Return (fixed, per_use) of cost(u) = fixed + per_use / u, per 1,000; None where the cost at full use is not known."""
    if row.cost_per_1k_at_full is None or row.price_per_hour is None or not row.throughput_rows_per_s:
        return None
    per_use = (row.price_per_hour + row.idle_power_per_hour) * 1000 / (3600 * row.throughput_rows_per_s)
    return row.cost_per_1k_at_full - per_use, per_use


def _volume(net_at: NetAt | None, current: float | None) -> _Place:
    if net_at is None:
        return _Place(None, reason="the cost at other volumes is not known")
    n_points = round(math.log10(HIGH_PER_DAY / LOW_PER_DAY)) * _PER_DECADE + 1
    known = {current} if current is not None and 0 < current < math.inf else set[float]()
    volumes = sorted({float(v) for v in np.geomspace(LOW_PER_DAY, HIGH_PER_DAY, n_points)} | known)
    nets = [net_at(v) for v in volumes]
    changes = [
        (volumes[i], volumes[i + 1])
        for i in range(len(volumes) - 1)
        if math.isfinite(nets[i]) and math.isfinite(nets[i + 1]) and (nets[i] > 0) != (nets[i + 1] > 0)
    ]
    if not changes:
        return _Place(None, reason=_all_along([net for net in nets if math.isfinite(net)], volumes))
    low, high = min(changes, key=lambda pair: _distance(pair, current)) if known and current is not None else changes[-1]
    wins_below = net_at(low) > 0
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if (net_at(middle) > 0) == wins_below else (low, middle)
    return _Place(math.sqrt(low * high), not wins_below, None, len(changes))


def _distance(bracket: tuple[float, float], current: float) -> float:
    """Return how far a bracket that does not hold the current volume inside is from it, as a logarithm of the ratio."""
    return max(0.0, math.log(bracket[0] / current), math.log(current / bracket[1]))


def _all_along(nets: list[float], volumes: list[float]) -> str:
    if not nets:
        return "the net is not known at any volume"
    state = "wins" if nets[0] > 0 else "equal" if not any(nets) else "loses"
    return f"{state} at any volume between {volumes[0]:,.0f} and {volumes[-1]:,.0f} requests a day"


def _unknown_cost(challenger: CostRow, champion: CostRow) -> _Place:
    found = next((row for row in (challenger, champion) if row.cost_per_1k is None), None)
    why = f": {found.reason}" if found and found.reason else ""
    return _Place(None, reason=f"the cost of {found.variant} is not known{why}" if found else "the parts of the cost are not known")
