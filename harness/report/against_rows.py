"""How every challenger stands against the champion in speed, and where the two break even, as the terminal and the page show it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records.comparison import Comparison, ComparisonRow
from harness.records.money import BreakEven
from harness.report.numbers import NOT_MEASURED, count, money, percent, with_interval

LEGEND = (
    "break-even, one figure moved at a time: the challenger brings more below this price of its machine, and on this side of the other two"
)
_SMALLEST_SHARE = 1e-4  # of use: below a hundredth of a per cent no machine is planned


def against_columns(comparison: Comparison) -> list[str]:
    """Return the titles; empty where no challenger was timed beside the champion or has a break-even."""
    if not comparison.break_even and not any(row.speed_ratio for row in comparison.rows):
        return []
    currency = next((b.currency for b in comparison.break_even if b.currency), "")
    return [f"against {comparison.champion}", "rows/s", f"{currency} per machine-hour (now)".lstrip(), "utilisation", "requests/day"]


def against_rows(comparison: Comparison) -> Iterator[list[str]]:
    """Yield one line per challenger under `against_columns`."""
    by_variant = {b.variant: b for b in comparison.break_even}
    for row in comparison.rows:
        found = by_variant.get(row.variant)
        if found is not None or row.speed_ratio is not None:
            yield [row.variant, _speed(row), *_places(found, row)]


def break_even_reasons(comparison: Comparison) -> Iterator[str]:
    """Say why a figure of a break-even is not known at all."""
    for found in comparison.break_even:
        unknown = [reason for _, reason in found.reasons if "not known" in reason or "not defined" in reason]
        if unknown:
            yield f"break-even of {found.variant}: {'; '.join(dict.fromkeys(unknown))}"


def _speed(row: ComparisonRow) -> str:
    found = row.speed_ratio
    if found is None:
        return NOT_MEASURED
    return f"{with_interval(found.ratio, found.low, found.high)} {found.call}" + (f" ({found.reason})" if found.reason else "")


def _places(found: BreakEven | None, row: ComparisonRow) -> list[str]:
    if found is None:
        return [NOT_MEASURED] * 3
    why = dict(found.reasons)
    now = "" if row.cost is None or row.cost.price_per_hour is None else f" ({money(row.cost.price_per_hour)})"
    price = _reason(why, "price_per_hour") if found.price_per_hour is None else f"{money(found.price_per_hour)}{now}"
    return [price, _use(found, why), _volume(found, why)]


def _use(found: BreakEven, why: dict[str, str]) -> str:
    if found.utilisation is None:
        return _reason(why, "utilisation")
    if found.utilisation < _SMALLEST_SHARE:
        return f"{'wins' if found.utilisation_wins_above else 'loses'} at any"
    return f"{_side(found.utilisation_wins_above)} {percent(found.utilisation)}"


def _volume(found: BreakEven, why: dict[str, str]) -> str:
    if found.requests_per_day is None:
        return _reason(why, "requests_per_day")
    several = f" (one of {found.n_volume_crossings} crossings)" if found.n_volume_crossings > 1 else ""
    return f"{_side(found.wins_above)} {count(found.requests_per_day)}{several}"


def _side(wins_above: bool | None) -> str:
    return ">" if wins_above else "<"


def _reason(why: dict[str, str], name: str) -> str:
    """Shorten a reason to a cell: `wins at any`, `loses at any`; what is not known is n/a, and said below."""
    reason = why.get(name, "")
    if reason.startswith(("wins", "loses", "equal")):
        return "loses even at 0" if "even at a price of 0" in reason else f"{reason.split()[0]} at any"
    return NOT_MEASURED
