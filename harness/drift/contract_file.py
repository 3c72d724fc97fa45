"""Reads a contract from a file, and writes one as text that can be read, edited and used again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.contract import ColumnRule, Contract

_DEFAULTS = {f.name: f.default for f in fields(ColumnRule)}


class _TextLoader(yaml.BaseLoader):
    """YAML with every scalar as the text that stands there: no 'NO' becomes false, no 07001 becomes 3585, no 1e-05 stays a text unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return _without_repeats([(self.construct_object(k, deep=True), self.construct_object(v, deep=True)) for k, v in node.value])


def read_contract(path: str | Path) -> Contract:
    """Read the contract that a file, YAML or JSON, holds.

    Parameters
    ----------
    path : str or Path
        The file: `columns` is a list of rules, each with the keys of `ColumnRule`;
        `source` and `is_inferred`, as `contract_text` writes them, may stand there and say nothing.

    Returns
    -------
    Contract
        `source` is the file's path; it is not inferred, whoever wrote it first.

    Raises
    ------
    ConfigError
        When there is no such file, it is neither YAML nor JSON, a key is unknown or repeated, a value cannot be used, or two rules name one column.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as trouble:
        near = sorted(p.name for p in Path(path).parent.glob("*") if p.suffix in (".yaml", ".yml", ".json"))
        raise ConfigError(f"replay.contract: no file {path}{did_you_mean(Path(path).name, near)}; correct the path") from trouble
    except (OSError, UnicodeDecodeError) as trouble:
        raise ConfigError(f"replay.contract: {path} cannot be read ({trouble}); give a text file in UTF-8") from trouble
    return contract_of_text(text, str(path))


def contract_of_text(text: str, source: str) -> Contract:
    """Read the contract that a text, YAML or JSON, holds; `source` is what messages call it.

    Raises
    ------
    ConfigError
        As `read_contract`.

    Examples
    --------
    >>> contract_of_text("columns: [{column: carrier, categories: [UA, NO], max_unseen_share: 1e-2}]", "flights.yaml").rules[0].categories
    ('UA', 'NO')
    """
    data = _parse(text, source)
    if not isinstance(data, Mapping) or not isinstance(data.get("columns"), list):
        raise ConfigError(f"{source}: wanted a list of rules under 'columns', as columns: [{{column: distance, minimum: 0}}]")
    _refuse_unknown(data, ("columns", "source", "is_inferred"), source)
    rules = tuple(_rule(item, f"{source}: columns[{i}]") for i, item in enumerate(data["columns"]))
    names = [rule.column for rule in rules]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{source}: {one_of(repeated)} has more than one rule; put all that is asked of a column into one rule")
    return Contract(rules, source, is_inferred=False)


def contract_text(contract: Contract) -> str:
    """Write a contract as JSON, one rule a line, with the keys that ask something; `read_contract` reads it back."""
    rules = [{f.name: getattr(r, f.name) for f in fields(r) if getattr(r, f.name) != _DEFAULTS[f.name]} for r in contract.rules]
    lines = ",\n".join(f"    {json.dumps(rule, ensure_ascii=False, allow_nan=False)}" for rule in rules)
    head = f'{{\n  "source": {json.dumps(contract.source, ensure_ascii=False)},\n  "is_inferred": {str(contract.is_inferred).lower()},\n'
    return f'{head}  "columns": [\n{lines}\n  ]\n}}\n' if rules else f'{head}  "columns": []\n}}\n'


def _parse(text: str, source: str) -> Any:
    try:  # first as JSON: its escapes of characters beyond 16 bits are not YAML's
        return json.loads(text, object_pairs_hook=_without_repeats, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError:
        pass
    except ConfigError as trouble:
        raise ConfigError(f"{source}: {trouble}") from trouble
    try:
        return yaml.load(text, Loader=_TextLoader)  # builds texts, lists and mappings, nothing else
    except yaml.YAMLError as trouble:
        at = getattr(trouble, "problem_mark", None)
        line = f" in line {at.line + 1}" if at is not None else ""
        problem = " ".join(str(getattr(trouble, "problem", None) or trouble).split())
        raise ConfigError(f"{source}: neither YAML nor JSON{line}: {problem}; correct the file") from trouble
    except ConfigError as trouble:
        raise ConfigError(f"{source}: {trouble}") from trouble


def _without_repeats(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    keys = [str(key) for key, _ in pairs]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise ConfigError(f"the key {one_of(repeated)} stands twice in one mapping; keep one")
    return {str(key): value for key, value in pairs}


def _refuse_unknown(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(f"{where}: unknown key '{key}'; keys are: {one_of(known)}{did_you_mean(key, known)}")


def _rule(item: Any, where: str) -> ColumnRule:
    if not isinstance(item, Mapping):
        raise ConfigError(f"{where}: found {item!r}, wanted keys and values, as {{column: distance, minimum: 0}}")
    _refuse_unknown(item, tuple(_DEFAULTS), where)
    if _is_null(item.get("column")):
        raise ConfigError(f"{where}: it names no column; add column: NAME{did_you_mean('column', item)}")
    where = f"{where} ({item['column']})"
    given = {key: _READERS[key](value, f"{where}.{key}") for key, value in item.items() if not _is_null(value) or key == "column"}
    rule = ColumnRule(**given)
    if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
        raise ConfigError(f"{where}: found minimum {rule.minimum!r} above maximum {rule.maximum!r}, wanted it at or under; exchange them")
    if rule.max_unseen_share and rule.categories is None:
        raise ConfigError(f"{where}: it has max_unseen_share and no categories; list the categories, or leave the share out")
    return rule


def _is_null(value: Any) -> bool:
    return value is None or value in ("", "null", "~")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: found {value!r}, wanted a text; put it in quotes")
    return value


def _flag(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ConfigError(f"{where}: found {value!r}, wanted true or false")
    return bool(value == "true")


def _number(value: Any, where: str) -> float:
    number = _number_of(value)
    if number is None or not math.isfinite(number):
        raise ConfigError(f"{where}: found {value!r}, wanted a number; leave the key out where there is no bound")
    return number


def _number_of(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"[-+]?\d+", value):
        return int(value)  # whole numbers stay exact beyond 2**53
    try:
        return float(value)
    except ValueError:
        return None


def _bound(value: Any, where: str) -> float:
    """Read a bound: a number, or a date or time, which columns of time hold as microseconds since the epoch."""
    if _number_of(value) is not None or not isinstance(value, str):
        return _number(value, where)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigError(f"{where}: found {value!r}, wanted a number, or a date or time as 2013-03-01") from None
    since = (at.replace(tzinfo=UTC) if at.tzinfo is None else at) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _share(value: Any, where: str) -> float:
    share = _number_of(value)
    if share is None or not 0.0 <= share <= 1.0:
        raise ConfigError(f"{where}: found {value!r}, wanted a share of rows between 0 and 1")
    return float(share)


def _categories(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where}: found {value!r}, wanted a list of values, as [UA, AA]")
    texts = tuple(str(v).lower() if isinstance(v, bool) else _text(v, where) for v in value)
    if repeated := sorted({t for t in texts if texts.count(t) > 1}):
        raise ConfigError(f"{where}: {one_of(repeated)} stands there more than once; name each value once")
    return texts


def _type(value: Any, where: str) -> str:
    text = _text(value, where)
    if text not in _KINDS and not _SCHEMA_TYPE.match(text):
        raise ConfigError(
            f"{where}: found {text!r}, wanted {one_of(_KINDS)}, or a type as the log's schema writes it (int64, double, float, string, bool,"
            f" timestamp[us], date32[day], decimal128(9, 2), dictionary<...>){did_you_mean(text, _PLAIN_TYPES)}"
        )
    return text


_KINDS = ("number", "time", "category")
_PLAIN_TYPES = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *("halffloat", "float", "double", "bool", "string", "large_string", "string_view", "binary", "large_binary", "null"),
)
_SCHEMA_TYPE = re.compile(
    rf"(?:{'|'.join(_PLAIN_TYPES)})$|(?:timestamp|date32|date64|time32|time64|duration)\[|decimal\d*\(|(?:dictionary|list|large_list|"
    r"fixed_size_list|struct|map|extension|fixed_size_binary)[<\[]|month_"
)

_READERS: dict[str, Callable[[Any, str], Any]] = {
    "column": _text,
    "type": _type,
    **dict.fromkeys(("required", "is_unique", "is_monotone", "may_be_constant", "check_unit", "check_stays"), _flag),
    **dict.fromkeys(("max_missing_share", "max_unseen_share"), _share),
    **dict.fromkeys(("minimum", "maximum"), _bound),
    "categories": _categories,
}
