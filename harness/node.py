"""One mapping of the composed configuration, read key by key, so that what nobody knows is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from harness.errors import ConfigError, did_you_mean, one_of

_DURATION_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_MISSING = object()


class Node:
    """One mapping of the configuration: every key is taken once, and what is left over is refused by `done`."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise ConfigError(f"{where}: found {data!r}, wanted keys and values")
        self.data, self.where, self.known = data, where, set[str]()

    def at(self, key: str) -> str:
        """Return the full name of `key` for a message."""
        return f"{self.where}.{key}" if self.where else key

    def raw(self, key: str, default: Any = _MISSING) -> Any:
        """Return the value of `key` as it is."""
        self.known.add(key)
        if key in self.data:
            return self.data[key]
        if default is _MISSING:
            raise ConfigError(f"{self.at(key)}: not given; add it{did_you_mean(key, map(str, self.data))}")
        return default

    def text(self, key: str, default: Any = _MISSING) -> Any:
        """Return a text, or None where the default is None."""
        value = self.raw(key, default)
        if value is None and default is None:
            return None
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted a text; put it in quotes")
        return value

    def number(self, key: str, default: Any = _MISSING, low: float | None = None, high: float | None = None) -> Any:
        """Return a float within [low, high], or None where the default is None."""
        value = self.raw(key, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted a number")
        if value != value or (low is not None and value < low) or (high is not None and value > high):
            bounds = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted a number {bounds}")
        return float(value)

    def whole(self, key: str, default: Any = _MISSING, low: int = 0) -> Any:
        """Return an integer of at least `low`, or None where the default is None."""
        value = self.raw(key, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted a whole number of at least {low}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted true or false")
        return value

    def choice(self, key: str, choices: Sequence[str], default: Any = _MISSING) -> Any:
        """Return one of `choices`, or None where the default is None."""
        value = self.raw(key, default)
        if value is None and default is None:
            return None
        if value not in choices:
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted one of {one_of(choices)}{did_you_mean(str(value), choices)}")
        return value

    def items(self, key: str, default: Any = _MISSING) -> list[Any]:
        """Return a list."""
        value = self.raw(key, default)
        if value is None and default is not _MISSING:
            value = default
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ConfigError(f"{self.at(key)}: found {value!r}, wanted a list, as [a, b]")
        return list(value)

    def names(self, key: str, default: Any = _MISSING) -> tuple[str, ...]:
        """Return a list of texts without repeats."""
        values = self.items(key, default)
        for value in values:
            if not isinstance(value, str):
                raise ConfigError(f"{self.at(key)}: found {value!r}, wanted column names; put them in quotes")
        if len(set(values)) < len(values):
            repeated = sorted({v for v in values if values.count(v) > 1})
            raise ConfigError(f"{self.at(key)}: {one_of(repeated)} stands there more than once; name each column once")
        return tuple(values)

    def child(self, key: str) -> Node | None:
        """Return the mapping under `key`, or None where it is null."""
        value = self.raw(key, None)
        return None if value is None else Node(value, self.at(key))

    def done(self) -> None:
        """Refuse the first key that nobody took."""
        for key in self.data:
            if str(key) not in self.known:
                raise ConfigError(
                    f"{self.at(str(key))}: unknown key; keys are: {one_of(sorted(self.known), 40)}{did_you_mean(str(key), self.known)}"
                )


def moment(value: object, where: str) -> datetime | None:
    """Read a point in time, taken as UTC where it names no zone; None stays None."""
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ConfigError(f"{where}: found {value!r}, wanted a date or time as 2013-03-01 or 2013-03-01T06:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def duration_s(value: object, where: str) -> float:
    """Read a duration such as 0d, 12h or 2w; in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|min|h|d|w)", str(value))
    if not match:
        raise ConfigError(f"{where}: found {value!r}, wanted a duration as 0d, 12h or 2w")
    return float(match[1]) * _DURATION_S[match[2]]


def folder_name(name: str) -> str:
    """Return the name of a sweep, refusing what is no plain folder name."""
    if not re.fullmatch(r"[\w][\w.\-]*", name):
        raise ConfigError(f"name: found {name!r}, wanted a plain folder name of letters, digits, '_', '-' and '.'")
    return name
