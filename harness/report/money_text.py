"""Money beside the table: old prices, and what the choice hangs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.records.comparison import Comparison
from harness.records.money import SensitivityRange
from harness.report.against_rows import LEGEND, break_even_reasons
from harness.report.numbers import count, money

_VOLUME = "requests_per_day"
_FACTOR = "times"  # the unit of a parameter that multiplies what it is named after
_NO_NET = "no variant has a net"


def money_lines(comparison: Comparison) -> Iterator[str]:
    """Give warnings of prices, how to read the break-even, why a break-even is not known, and the sentences of the sensitivity."""
    warnings = dict.fromkeys(row.cost.warning for row in comparison.rows if row.cost and row.cost.warning)
    yield from (text for text in warnings if text not in comparison.notes)
    assumed = {row.variant: row.gain.assumption for row in comparison.rows if row.gain}
    everyones = next((text for text in assumed.values() if text), None)  # one rule for all variants
    if comparison.break_even:
        yield LEGEND + _beside(everyones)
    yield from break_even_reasons(comparison)
    yield from (text + _beside(everyones) for text in sensitivity_sentences(comparison.sensitivity))


def sensitivity_sentences(ranges: Sequence[SensitivityRange]) -> list[str]:
    """Say of each parameter where another variant than today's would bring the most, or that none does.

    >>> stretch = ("requests_per_day", "requests a day")
    >>> ranges = [SensitivityRange(*stretch, 1e5, 2.1e6, 3.5e5, "small", 1.0, 1.0),
    ...           SensitivityRange(*stretch, 2.1e6, 3.5e6, 3.5e5, "large", 1.0, 1.2)]
    >>> sensitivity_sentences(ranges)
    ['large wins only above 2.1 M requests a day (now 350 k: small)']
    >>> sensitivity_sentences(ranges[:1])
    ['who wins does not hang on requests_per_day between 100 k and 2.1 M requests a day: small']
    """
    return [_sentence(list(stretches)) for _, stretches in groupby(ranges, key=lambda r: r.parameter)]


def _sentence(stretches: list[SensitivityRange]) -> str:
    first = stretches[0]
    unit = _unit(first)
    if len(stretches) == 1:
        span = f"between {_figure(first, first.low)} and {_figure(first, first.high)} {unit}"
        name = first.parameter.removeprefix("value:")
        return f"who wins does not hang on {name} {span}: {first.best or _NO_NET}"
    now = next((s.best for s in stretches if s.low <= s.current <= s.high), None)
    others = [best for best in dict.fromkeys(s.best for s in stretches) if best != now]
    said = [f"{f'{best} wins only' if best else _NO_NET} {_prefix(first)}{_where(best, stretches)} {unit}" for best in others]
    value = "today" if first.unit == _FACTOR else f"now {_figure(first, first.current)}"
    today = "" if now is None else f" ({value}: {now or _NO_NET})"
    return "; ".join(said) + today


def _unit(stretch: SensitivityRange) -> str:
    return f"times today's {stretch.parameter.removeprefix('value:')}" if stretch.unit == _FACTOR else stretch.unit


def _prefix(stretch: SensitivityRange) -> str:
    if stretch.parameter == _VOLUME or stretch.unit == _FACTOR:
        return ""
    return f"at a {stretch.parameter} " if stretch.parameter == "price" else f"with {stretch.parameter.removeprefix('value:')} "


def _where(best: str, stretches: Sequence[SensitivityRange]) -> str:
    places = []
    for i, s in enumerate(stretches):
        if s.best != best:
            continue
        low, high = _figure(s, s.low), _figure(s, s.high)
        places.append(f"below {high}" if i == 0 else f"above {low}" if i == len(stretches) - 1 else f"between {low} and {high}")
    return ", and ".join(places)


def _figure(stretch: SensitivityRange, value: float) -> str:
    return count(value) if stretch.parameter == _VOLUME else money(value)


def _beside(assumption: str | None) -> str:
    return f" ({assumption})" if assumption else ""
