"""Units of the figures, and how a person reads them."""

from __future__ import annotations

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0
HOURS_PER_MONTH = 730.0  # 8760 h / 12, the month of cloud price lists


def per_thousand(total: float, n: int) -> float:
    """Return `total` per 1,000 of `n`; NaN when n is 0."""
    return 1000.0 * total / n if n else float("nan")


def human_bytes(n: float) -> str:
    """Write a number of bytes as a person reads it: `12.3 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"


def human_seconds(seconds: float) -> str:
    """Write a duration as a person reads it: `3 min 20 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
