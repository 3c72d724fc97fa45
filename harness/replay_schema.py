"""Reads the `replay` group into its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import ConfigError, did_you_mean, one_of
from harness.node import Node, duration_s, moment
from harness.records.conf import Filter, LabelMaturity, Period, Production, ReplayConf, SliceColumn

DEFAULT_MAX_SLICES = 100_000


def read_replay(data: object) -> ReplayConf:
    """Read the `replay` group."""
    node = Node(data, "replay")
    task = node.choice("task", ("binary", "multiclass", "regression"))
    if task != "binary":
        raise ConfigError(f"replay.task: '{task}' cannot be judged in this version; wanted binary")
    for key, meaning in (("weight", "sample weights"), ("cluster", "clustered rows"), ("labels", "labels from another file")):
        if node.raw(key, None) is not None:
            raise ConfigError(f"replay.{key}: {meaning} cannot be judged in this version; leave it null")
    reference = _period(node.child("reference"), "replay.reference")
    tuning = reference if node.raw("tuning", None) == "reference" else _period(node.child("tuning"), "replay.tuning")
    columns, crosses, max_slices = _slices(node.child("slices"))
    windows, window_rows = _windows(node.raw("windows", None))
    conf = ReplayConf(
        name=node.text("name"),
        path=node.text("path"),
        task=task,
        label=node.text("label"),
        positive=node.raw("positive", 1),
        features=node.names("features"),
        timestamp=node.text("timestamp", None),
        slice_columns=columns,
        crosses=crosses,
        windows=windows,
        window_rows=window_rows,
        where=_filters(node.items("where", [])),
        nan=node.choice("nan", ("pass", "refuse"), "pass"),
        id=node.text("id", None),
        rows_per_request=node.number("rows_per_request", 1, low=1),
        production=_production(node.child("production")),
        training=_period(node.child("training"), "replay.training"),
        reference=reference,
        tuning=tuning,
        label_maturity=_maturity(node.child("label_maturity")),
        limit=node.whole("limit", None, low=1),
        max_slices=max_slices,
    )
    if node.raw("contract", None) is not None:
        raise ConfigError("replay.contract: a contract file cannot be checked in this version; leave it null, it is then inferred")
    node.done()
    _needs_timestamp(conf)
    return conf


def _needs_timestamp(conf: ReplayConf) -> None:
    if conf.timestamp is not None:
        return
    for name, value in (("windows", conf.windows), ("training", conf.training), ("reference", conf.reference), ("tuning", conf.tuning)):
        if value is not None:
            raise ConfigError(f"replay.{name}: needs replay.timestamp, which is null; name the log's time column or remove {name}")


def _period(node: Node | None, where: str) -> Period | None:
    if node is None:
        return None
    if node.raw("path", None) is not None:
        raise ConfigError(f"{where}.path: periods from another file cannot be read in this version; use from and until")
    before, since, until = (moment(node.raw(k, None), f"{where}.{k}") for k in ("before", "from", "until"))
    node.done()
    if before is not None and (since is not None or until is not None):
        raise ConfigError(f"{where}: found before together with from or until; use one of the two forms")
    if before is None and since is None and until is None:
        raise ConfigError(f"{where}: found nothing; give before, or from and until, or write null")
    until = before if before is not None else until
    if since is not None and until is not None and since >= until:
        raise ConfigError(f"{where}: from {since:%Y-%m-%d %H:%M} is not before until {until:%Y-%m-%d %H:%M}; swap them")
    return Period(since, until)


def _maturity(node: Node | None) -> LabelMaturity:
    if node is None:
        return LabelMaturity()
    age = duration_s(node.raw("age", "0d"), "replay.label_maturity.age")
    as_of = moment(node.raw("as_of", None), "replay.label_maturity.as_of")
    node.done()
    return LabelMaturity(age, as_of, True)


def _production(node: Node | None) -> Production:
    if node is None:
        return Production()
    found = Production(*(node.text(k, None) for k in ("version", "score", "latency_ms", "error")))
    node.done()
    return found


def _filters(items: list[Any]) -> tuple[Filter, ...]:
    found = []
    for i, item in enumerate(items):
        node = Node(item, f"replay.where[{i}]")
        values = node.items("in")
        if not values:
            raise ConfigError(f"{node.at('in')}: found an empty list, which keeps no row; name the values to keep")
        found.append(Filter(node.text("column"), tuple(values)))
        node.done()
    return tuple(found)


def _slices(node: Node | None) -> tuple[tuple[SliceColumn, ...], tuple[tuple[str, ...], ...], int]:
    if node is None:
        return (), (), DEFAULT_MAX_SLICES
    columns = []
    for i, item in enumerate(node.items("columns", [])):
        if isinstance(item, str):
            columns.append(SliceColumn(item))
            continue
        child = Node(item, f"replay.slices.columns[{i}]")
        edges = child.items("edges")
        if any(isinstance(e, bool) or not isinstance(e, (int, float)) for e in edges) or sorted(set(edges)) != list(edges) or not edges:
            raise ConfigError(f"{child.at('edges')}: found {edges!r}, wanted numbers in ascending order")
        columns.append(SliceColumn(child.text("column"), tuple(float(e) for e in edges)))
        child.done()
    names = [c.column for c in columns]
    if len(set(names)) < len(names):
        raise ConfigError(f"replay.slices.columns: a column stands there twice: {one_of(names)}; name each column once")
    crosses = []
    for i, item in enumerate(node.items("crosses", [])):
        if not isinstance(item, Sequence) or isinstance(item, str) or not 2 <= len(item) <= 3 or len(set(item)) < len(item):
            raise ConfigError(f"replay.slices.crosses[{i}]: found {item!r}, wanted a list of two or three different columns")
        for name in item:
            if name not in names:
                raise ConfigError(
                    f"replay.slices.crosses[{i}]: '{name}' is not among slices.columns: {one_of(names)}{did_you_mean(name, names)}"
                )
        crosses.append(tuple(item))
    max_slices = node.whole("max_slices", DEFAULT_MAX_SLICES, low=1)
    node.done()
    return tuple(columns), tuple(crosses), max_slices


def _windows(value: object) -> tuple[str | None, int | None]:
    if value is None or value in ("1h", "1d", "1w", "1mo"):
        return str(value) if value else None, None
    if isinstance(value, Mapping):
        node = Node(value, "replay.windows")
        rows = node.whole("rows", low=1)
        node.done()
        return None, int(rows)
    raise ConfigError(f"replay.windows: found {value!r}, wanted 1h, 1d, 1w, 1mo or {{rows: 50000}}")
