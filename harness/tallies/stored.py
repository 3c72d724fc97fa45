"""Tallies as flat named arrays, so that they can be kept in a file of columns and read back without loss."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from harness.errors import ResultsError

Tally = TypeVar("Tally")


def to_columns(tally: Any) -> dict[str, NDArray[Any]]:
    """Return the tally's arrays by name, [n_cells] or [n_cells, k].

    Arrays of more dimensions say their shape, as "confusion[2,2]"; those of inner records are "outer.inner"; what is None is left out.

    >>> from harness.records.tally import Grid
    >>> from harness.tallies.binary import tally_binary
    >>> grid, labels = Grid(("all",), ("all",), ("all",)), np.array([1], np.int8)
    >>> tally = tally_binary(np.array([0.5], np.float32), labels, np.zeros((1, 1), np.uint16), None, grid, 0.5, with_ranks=False)
    >>> list(to_columns(tally))[:5]
    ['confusion[2,2]', 'bin_n', 'bin_positive', 'bin_score', 'log_loss.mean']
    """
    return dict(_columns(tally, ""))


def _columns(record: Any, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    for field in fields(record):
        value, name = getattr(record, field.name), prefix + field.name
        if is_dataclass(value):
            yield from _columns(value, f"{name}.")
        elif value is not None and value.ndim > 2:
            yield f"{name}[{','.join(map(str, value.shape[1:]))}]", value.reshape(len(value), -1)
        elif value is not None:
            yield name, value


def from_columns(kind: type[Tally], columns: Mapping[str, NDArray[Any]]) -> Tally:
    """Return the tally of that kind that `to_columns` took apart.

    Raises
    ------
    ResultsError
        A column is missing.
    """
    named = dict(_named(name, values) for name, values in columns.items())
    found: Tally = _record(kind, named, "")
    return found


def _named(column: str, values: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    name, _, shape = column.rstrip("]").partition("[")
    return name, values.reshape(len(values), *map(int, shape.split(","))) if shape else values


def _record(kind: Any, columns: Mapping[str, NDArray[Any]], prefix: str) -> Any:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):
        name, inner = prefix + field.name, hints[field.name]
        is_optional = isinstance(inner, types.UnionType)
        inner = get_args(inner)[0] if is_optional else inner
        is_there = any(c == name or c.startswith(f"{name}.") for c in columns)
        if not is_there and is_optional:
            values[field.name] = None
        elif is_dataclass(inner):
            values[field.name] = _record(inner, columns, f"{name}.")
        elif not is_there:
            raise ResultsError(f"stored tally: no column '{name}'; columns are: {', '.join(columns)}; run the sweep again with force=true")
        else:
            values[field.name] = np.asarray(columns[name])
    return kind(**values)
