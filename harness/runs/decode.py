"""A frozen record from its JSON, by its type hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from harness.errors import ResultsError

Record = TypeVar("Record")
_NOT_FINITE = {"NaN": float("nan"), "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def decode(kind: type[Record], data: object) -> Record:
    """Rebuild a record from what `json.load` gives of the JSON that `folder.write_json` wrote of it.

    Lists become tuples and objects become the records that the hints name. JSON has no NaN and no infinity: null is NaN where the
    hint is float, and None where it is optional; the texts `inf`, `-inf` and `NaN` are numbers where the hint is float.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are int, float, str, bool, tuples, unions with None, and such dataclasses.
    data : object
        The parsed JSON. Fields that are not there take their default: they are newer than the file.

    Raises
    ------
    ResultsError
        When a field has no value and no default, has one of another type, or is not known.

    Examples
    --------
    >>> from harness.records.percentile import Percentile
    >>> decode(Percentile, {"q": 99, "value_ms": None, "low_ms": None, "high_ms": "inf", "n": 5, "n_needed": 662})
    Percentile(q=99.0, value_ms=None, low_ms=None, high_ms=inf, n=5, n_needed=662)
    """
    found: Record = _record(kind, data, kind.__name__)
    return found


def _record(kind: Any, data: object, where: str) -> Any:
    if not isinstance(data, dict):
        raise _wrong(where, data, "an object")
    hints = _hints(kind)
    unknown = [name for name in data if name not in hints]
    if unknown:
        raise ResultsError(
            f"results: {where} has an unknown field '{unknown[0]}', written by another version; measure again with force=true"
        )
    values = {}
    for field in fields(kind):
        if field.name in data:
            values[field.name] = _value(hints[field.name], data[field.name], f"{where}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ResultsError(f"results: {where} has no field '{field.name}', written by another version; measure again with force=true")
    return kind(**values)


def _value(hint: Any, data: object, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _optional(get_args(hint), data, where)
    if origin is tuple:
        return _tuple(get_args(hint), data, where)
    if is_dataclass(hint):
        return _record(hint, data, where)
    if hint is float:
        return _number(data, where)
    # bool is an int to Python, not to a reader of JSON
    if hint in (int, str, bool) and isinstance(data, hint) and isinstance(data, bool) == (hint is bool):
        return data
    raise _wrong(where, data, getattr(hint, "__name__", str(hint)))


def _optional(hints: Sequence[Any], data: object, where: str) -> Any:
    if data is None and NoneType in hints:
        return None
    (hint,) = (h for h in hints if h is not NoneType)  # a record has no other union
    return _value(hint, data, where)


def _tuple(hints: Sequence[Any], data: object, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _wrong(where, data, "a list")
    each = [hints[0]] * len(data) if hints[-1] is Ellipsis else list(hints)
    if len(each) != len(data):
        raise _wrong(where, data, f"a list of {len(each)}")
    return tuple(_value(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(each, data, strict=True)))


def _number(data: object, where: str) -> float:
    if data is None:
        return float("nan")
    if isinstance(data, str) and data in _NOT_FINITE:
        return _NOT_FINITE[data]
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        raise _wrong(where, data, "a number")
    return float(data)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _wrong(where: str, data: object, wanted: str) -> ResultsError:
    return ResultsError(f"results: {where} is {str(data)[:60]!r}, wanted {wanted}; measure again with force=true")
