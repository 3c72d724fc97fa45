"""Slices that a gate names in advance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.records.tally import ALL

SliceName = tuple[str, str]


def read_slices(key: str, given: Iterable[object]) -> tuple[SliceName, ...]:
    """Read slices as a conf names them: "all", "carrier=UA", "carrier*origin=UA*EWR" or {by: carrier, value: UA}.

    Raises
    ------
    ValueError
        When one cannot be read, or is named twice.

    Examples
    --------
    >>> read_slices("slices", ["all", "carrier=UA", {"by": "a=b", "value": 1}])
    (('all', 'all'), ('carrier', 'UA'), ('a=b', '1'))
    """
    names = tuple(_read(key, item) for item in ([given] if isinstance(given, str | Mapping) else given))
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{key}: '{slice_label(name)}' is named twice; name it once")
    return names


def slice_label(name: SliceName) -> str:
    """Write a slice as a conf names it."""
    return ALL if name == (ALL, ALL) else f"{name[0]}={name[1]}"


def _read(key: str, item: object) -> SliceName:
    if item == ALL:
        return ALL, ALL
    if isinstance(item, Mapping) and set(item) == {"by", "value"}:
        return str(item["by"]), str(item["value"])
    if isinstance(item, str) and "=" in item.strip("="):
        by, _, value = item.partition("=")
        return by.strip(), value.strip()
    raise ValueError(f"{key}: found {item!r}, wanted all, column=value or {{by: column, value: value}}")
