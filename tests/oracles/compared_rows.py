"""Sides, values and cells of compared rows from their definitions, a row at a time, in plain Python."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def side_of(at_us, conf):
    """Return 0 (reference), 1 (current), or why a row that `where` keeps is on neither side."""

    def inside(period):
        if period is None:
            return False
        at = EPOCH + timedelta(microseconds=at_us)
        return (period.since is None or at >= period.since) and (period.until is None or at < period.until)

    if inside(conf.training):
        return "training period"
    if inside(conf.reference):
        return 0
    return "tuning period" if inside(conf.tuning) else 1


def value_of(value):
    """Return a Python value of a log as a column holds it: a number, a text, microseconds since the epoch; None is missing."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return round((value.replace(tzinfo=value.tzinfo or UTC) - EPOCH) / timedelta(microseconds=1))
    return (value - EPOCH.date()).days * 86_400_000_000 if isinstance(value, date) else value


def values_in(column):
    """Return the rows of a `Column` as such values."""
    if column.codes is not None:
        return [None if code < 0 else column.categories[code] for code in column.codes.tolist()]
    missing = column.is_missing.tolist() if column.is_missing is not None else [v != v for v in column.values.tolist()]
    return [None if gone else value for gone, value in zip(missing, column.values.tolist(), strict=True)]


def window_of(at_us, number_in_side, windows, rows):
    """Return the name of a row's window: of its time in UTC, or of its number among the rows of its side."""
    if rows:
        first = number_in_side // rows * rows
        return f"rows {first:010d}-{first + rows - 1:010d}"
    if windows is None:
        return "all"
    at = EPOCH + timedelta(microseconds=at_us)
    if windows == "1h":
        return f"{at:%Y-%m-%dT%H}"
    if windows == "1w":
        at -= timedelta(days=at.weekday())
    return f"{at:%Y-%m}" if windows == "1mo" else f"{at:%Y-%m-%d}"


def day_of(at_us):
    """Return the day of a time, counted from the epoch in UTC."""
    return (EPOCH + timedelta(microseconds=at_us)).toordinal() - EPOCH.toordinal()
