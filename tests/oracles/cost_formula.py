"""Cost of 1,000 predictions at a share of use, and of parts of the traffic, from the definition: exact fractions, request by request."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction


def cost_per_1k(
    price_per_hour: Fraction,
    share: Fraction,
    rows_per_s: Fraction,
    utilisation: Fraction,
    active_j_per_1k: Fraction,
    idle_w: Fraction,
    pue: Fraction,
    tariff_per_kwh: Fraction,
    fee_per_1k: Fraction,
) -> Fraction:
    """Rent a machine for as long as 1,000 rows take at that use, and pay for what it draws meanwhile."""
    seconds = Fraction(1000) / (rows_per_s * utilisation)
    rent = price_per_hour * share * seconds / 3600
    joules = active_j_per_1k + idle_w * seconds
    return rent + joules * pue / 3_600_000 * tariff_per_kwh + fee_per_1k


def cost_of_parts(
    requests: list[tuple[int, str]],
    paid_hours: dict[int, Fraction],
    price_per_hour: Fraction,
    per_1k_besides: Fraction,
    rows_per_request: int,
) -> dict[str, tuple[int, Fraction]]:
    """Give every request, (hour, part), its share; return requests and cost per 1,000 predictions of each part."""
    in_hour: dict[int, int] = defaultdict(int)
    for hour, _ in requests:
        in_hour[hour] += 1
    idle = sum((paid for hour, paid in paid_hours.items() if not in_hour[hour]), Fraction(0)) / len(requests)
    spent: dict[str, Fraction] = defaultdict(Fraction)
    counts: dict[str, int] = defaultdict(int)
    for hour, part in requests:
        spent[part] += (paid_hours[hour] / in_hour[hour] + idle) * price_per_hour
        counts[part] += 1
    return {part: (n, spent[part] / (n * rows_per_request) * 1000 + per_1k_besides) for part, n in counts.items()}
