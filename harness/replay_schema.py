"""Reads the `replay` group into its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import ConfigError, did_you_mean, one_of
from harness.node import Node, duration_s, moment
from harness.records.conf import Filter, LabelMaturity, LabelSource, Period, Production, ReplayConf, SliceColumn
from harness.records.replay import MAX_CLASSES
from harness.records.tally import ALL

DEFAULT_MAX_SLICES = 100_000


def read_replay(data: object, needs_label: bool = True) -> ReplayConf:
    """Read the `replay` group.

    Parameters
    ----------
    needs_label
        False accepts a log whose outcome is not known yet: label and labels null.
    """
    node = Node(data, "replay")
    task = node.choice("task", ("binary", "multiclass", "regression"))
    label, labels = _label(node, needs_label)
    reference = _reference(node.child("reference"))
    tuning = _tuning(node, reference)
    columns, crosses, max_slices = _slices(node.child("slices"))
    windows, window_rows = _windows(node.raw("windows", None))
    conf = ReplayConf(
        name=node.text("name"),
        path=node.text("path"),
        task=task,
        label=label,
        positive=_positive(node, task),
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
        weight=node.text("weight", None),
        cluster=node.text("cluster", None),
        labels=labels,
        classes=_classes(node, task),
        contract=node.text("contract", None),
    )
    node.done()
    _needs_timestamp(conf)
    _one_meaning(conf)
    return conf


def _label(node: Node, needs_label: bool) -> tuple[str | None, LabelSource | None]:
    """Return the name of the label's column, and where it stands when it is not in the log."""
    label, labels = node.text("label", None), _label_source(node.raw("labels", None))
    if labels is None:
        if label is None and node.raw("label") is None and needs_label:
            raise ConfigError("replay.label: found null, and replay.labels is null too; name the label's column, or the file that holds it")
        return label, None
    if label is not None:
        raise ConfigError(
            f"replay.label: found '{label}' beside labels from '{labels.path}', wanted one source of labels; leave replay.label null, or labels"
        )
    return labels.column, labels


def _label_source(data: object) -> LabelSource | None:
    if data is None:
        return None
    if isinstance(data, Mapping):  # YAML 1.1 reads the key `on` without quotes as true
        data = {"on" if key is True else key: value for key, value in data.items()}
    node = Node(data, "replay.labels")
    on = node.raw("on")
    keys = (node.text("on"),) if isinstance(on, str) else node.names("on")
    if not keys:
        raise ConfigError("replay.labels.on: found an empty list; name the columns that the log and the label file share, as [request_id]")
    found = LabelSource(node.text("path"), keys, node.text("column"), node.text("observed_at", None))
    node.done()
    for key, column in (("column", found.column), ("observed_at", found.observed_at)):
        if column in keys:
            raise ConfigError(f"replay.labels.{key}: '{column}' is also a key of labels.on; name the column that holds {_HOLDS[key]}")
    if found.observed_at == found.column:
        raise ConfigError(
            f"replay.labels.observed_at: '{found.column}' is also the label; name the column that holds {_HOLDS['observed_at']}"
        )
    return found


_HOLDS = {"column": "the label", "observed_at": "the time at which the label became known"}


def _positive(node: Node, task: str) -> Any:
    if task == "binary":
        return node.raw("positive", 1)
    positive = node.raw("positive", None)
    if positive is not None:
        raise ConfigError(f"replay.positive: found {positive!r}, and task {task} has no positive value; leave it out, or use task: binary")
    return None


def _classes(node: Node, task: str) -> tuple[Any, ...]:
    if node.raw("classes", None) is None:
        return ()
    classes = node.items("classes")
    if task != "multiclass":
        raise ConfigError(f"replay.classes: found {one_of(map(repr, classes), 6)}, and task {task} has no classes; leave them out")
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise ConfigError(f"replay.classes: found {len(classes):,} classes, wanted 2 to {MAX_CLASSES:,}; name each label value once")
    kinds = {str if isinstance(c, str) else bool if isinstance(c, bool) else int if isinstance(c, int) else object for c in classes}
    if object in kinds or len(kinds) > 1:
        raise ConfigError(
            f"replay.classes: found {one_of(map(repr, classes), 6)}, wanted texts only, whole numbers only, or true and false;"
            " put texts in quotes (YAML reads yes, no and 1 without quotes as something else)"
        )
    if len(set(classes)) < len(classes):
        repeated = sorted({str(c) for c in classes if classes.count(c) > 1})
        raise ConfigError(f"replay.classes: {one_of(repeated, 6)} stands there more than once; name each class once, in the model's order")
    return tuple(classes)


def _one_meaning(conf: ReplayConf) -> None:
    """Refuse a column that would be two things at once, and labels whose time cannot be judged."""
    own_label = conf.label if conf.labels is None else None
    for key, column, others in (
        ("weight", conf.weight, (("the label", own_label), ("the time", conf.timestamp), ("the cluster", conf.cluster))),
        ("cluster", conf.cluster, (("the label", own_label), ("the time", conf.timestamp))),
    ):
        for meaning, other in others:
            if column is not None and column == other:
                raise ConfigError(f"replay.{key}: '{column}' is also {meaning}; name another column, or leave replay.{key} null")
    if conf.labels and conf.labels.observed_at and conf.timestamp is None and conf.label_maturity.as_of is None:
        raise ConfigError(
            "replay.labels.observed_at: found no moment to compare with, wanted label_maturity.as_of or a timestamp;"
            " set replay.label_maturity={as_of: DATE}, or replay.timestamp"
        )


def _needs_timestamp(conf: ReplayConf) -> None:
    if conf.timestamp is not None:
        return
    reference = None if conf.reference and conf.reference.path else conf.reference  # rows of another log need no time to be told apart
    for name, value in (("windows", conf.windows), ("training", conf.training), ("reference", reference), ("tuning", conf.tuning)):
        if value is not None:
            raise ConfigError(f"replay.{name}: needs replay.timestamp, which is null; name the log's time column or remove {name}")


def _reference(node: Node | None) -> Period | None:
    """Read the reference: a period of this log, or another log."""
    if node is None or node.raw("path", None) is None:
        return _period(node, "replay.reference")
    for key in ("before", "from", "until"):
        if node.raw(key, None) is not None:
            raise ConfigError(f"replay.reference: found {key} together with path; use one: all rows of another log are reference")
    path = node.text("path")
    node.done()
    return Period(path=path)


def _tuning(node: Node, reference: Period | None) -> Period | None:
    if node.raw("tuning", None) != "reference":
        return _period(node.child("tuning"), "replay.tuning")
    if reference is not None and reference.path is not None:
        raise ConfigError(
            f"replay.tuning: found reference, which is another log ('{reference.path}'), wanted a period of this one; thresholds are chosen on"
            " rows that the models score: give from and until, or null"
        )
    return reference


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
    if ALL in names:
        raise ConfigError(
            f"replay.slices.columns: found '{ALL}', which is what all rows together are called in every table; rename the column"
        )
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
