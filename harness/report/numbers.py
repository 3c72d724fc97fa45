"""Figures as a person reads them: as many digits as their interval bears."""

from __future__ import annotations

import math

NOT_MEASURED = "n/a"


def decimals_for(low: float, high: float) -> int:
    """Return how many decimals show the half-width of an interval with two digits; 4 without an interval.

    >>> decimals_for(0.8101, 0.8145), decimals_for(-3.0, 4.0)
    (4, 1)
    """
    half = (high - low) / 2
    if not (math.isfinite(half) and half > 0):
        return 4
    return min(8, max(0, 1 - math.floor(math.log10(half))))


def with_interval(value: float, low: float, high: float, *, signed: bool = False, break_line: bool = False) -> str:
    """Write a figure with its interval, `0.8123 [0.8101, 0.8145]`; NaN is "undefined", no interval is left away.

    >>> with_interval(0.81234, 0.8101, 0.8145)
    '0.8123 [0.8101, 0.8145]'
    """
    if math.isnan(value):
        return "undefined"
    places = decimals_for(low, high)
    figure = f"{value:+.{places}f}" if signed else f"{value:.{places}f}"
    if math.isnan(low) or math.isnan(high):
        return figure
    return f"{figure}{chr(10) if break_line else ' '}[{low:.{places}f}, {high:.{places}f}]"


def money(value: float, *, signed: bool = False) -> str:
    """Write an amount with three digits, at least two decimals: `0.00412`, `1.93`, `+12.40`.

    >>> money(0.004123), money(12.4, signed=True)
    ('0.00412', '+12.40')
    """
    if math.isnan(value):
        return "undefined"
    places = 2 if value == 0 or abs(value) >= 0.995 else min(9, 2 - math.floor(math.log10(abs(value))))
    return f"{value:+,.{places}f}" if signed else f"{value:,.{places}f}"


def milliseconds(value: float) -> str:
    """Write milliseconds with three digits: `0.0412`, `12.3`, `1,234`.

    >>> milliseconds(12.345), milliseconds(1234.5)
    ('12.3', '1,234')
    """
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def rate(value: float) -> str:
    """Write rows per second in thousands, millions or billions: `950`, `12.3 k`, `1.25 M`.

    >>> rate(950.0), rate(12345.0), rate(1.25e6)
    ('950', '12.3 k', '1.25 M')
    """
    return count(value) if value >= 999.5 else f"{value:.0f}"


def count(value: float) -> str:
    """Write a large number, or a rate that may be small, with three digits: `4.13`, `12.3 k`, `1.25 M`, `2 G`.

    >>> count(4.128), count(350_000.0), count(2_090_000.0), count(2e9)
    ('4.13', '350 k', '2.09 M', '2 G')
    """
    for limit, letter in ((999.5e6, "G"), (999.5e3, "M"), (999.5, "k")):  # what rounds to 1,000 of one is 1 of the next
        if value >= limit:
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[letter]:.3g} {letter}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Write a share in percent with three digits; what is less than all never reads as 100 %.

    >>> percent(0.9312), percent(0.041), percent(1.0), percent(0.99999)
    ('93.1 %', '4.1 %', '100 %', 'over 99.9 %')
    """
    if math.isnan(share):
        return "undefined"
    return "over 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.3g} %"
