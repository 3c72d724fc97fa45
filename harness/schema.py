"""Reads composed conf groups into typed records and refuses what does not belong, naming the nearest key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.conf import (
    Deploy,
    Filter,
    LabelMaturity,
    MeasureConf,
    ModelInput,
    Period,
    PriceConf,
    Production,
    ReplayConf,
    SliceColumn,
    Threshold,
    VariantConf,
)

PRECISIONS = ("fp64", "fp32", "fp16", "int8")
TRANSFORMS = ("none", "sigmoid", "softmax")
DEVICES = ("cpu", "cuda")
DEFAULT_MAX_SLICES = 100_000
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


def read_variant(data: object, label: str, device: str) -> VariantConf:
    """Read the `model` group of one combination; `label` is its full name."""
    node = Node(data, "model")
    source = node.choice("source", ("onnx", "logged"), "onnx")
    features = node.raw("features", None)
    deploy = _deploy(node.child("deploy"))
    conf = VariantConf(
        label=label,
        name=node.text("name"),
        source=source,
        path=node.text("path", None),
        column=node.text("column", None),
        precision=node.choice("precision", PRECISIONS, "fp32"),
        output=node.text("output", None),
        transform=node.choice("transform", TRANSFORMS, "none"),
        inputs=_inputs(node.raw("inputs", None)),
        features=None if features is None else node.names("features"),
        threshold=_threshold(node.raw("threshold", 0.5)),
        trained_until=moment(node.raw("trained_until", None), "model.trained_until"),
        deploy=deploy,
        device=deploy.device or device,
        owner=node.text("owner", None),
        use_case=node.text("use_case", None),
        kpi=node.text("kpi", None),
        fallback=node.text("fallback", None),
    )
    node.done()
    if source == "onnx" and conf.path is None:
        raise ConfigError(f"model.path: variant '{label}' has source onnx and no path; name its .onnx file")
    if source == "logged" and conf.column is None:
        raise ConfigError(f"model.column: variant '{label}' has source logged and no column; name the log's score column")
    return conf


def _deploy(node: Node | None) -> Deploy:
    if node is None:
        return Deploy()
    found = Deploy(
        device=node.choice("device", DEVICES, None),
        sku=node.text("sku", None),
        share=node.number("share", 1.0, low=0.0),
        threads=node.whole("threads", None, low=1),
        batch_rows=node.whole("batch_rows", None, low=1),
    )
    node.done()
    return found


def _inputs(value: object) -> tuple[ModelInput, ...]:
    if value is None:
        return ()
    found = []
    for name, item in Node(value, "model.inputs").data.items():
        node = Node(item, f"model.inputs.{name}")
        dtype = node.choice("dtype", ("float", "double", "int64", "string"), None)
        found.append(ModelInput(str(name), node.names("columns"), dtype))
        node.done()
    return tuple(found)


def _threshold(value: object) -> Threshold:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value <= 1:
            raise ConfigError(f"model.threshold: found {value!r}, wanted a number between 0 and 1, as the scores are")
        return Threshold(value=float(value))
    forms = "a number, {maximise: gain}, {selection_rate: 0.002} or {match: champion}"
    if not isinstance(value, Mapping):
        raise ConfigError(f"model.threshold: found {value!r}, wanted {forms}")
    node = Node(value, "model.threshold")
    rule = Threshold(
        maximise=node.choice("maximise", ("gain",), None),
        selection_rate=node.number("selection_rate", None, low=0.0, high=1.0),
        match=node.choice("match", ("champion",), None),
    )
    node.choice("tuned_on", ("tuning",), "tuning")
    node.done()
    if sum(part is not None for part in (rule.maximise, rule.selection_rate, rule.match)) != 1:
        raise ConfigError(f"model.threshold: found {dict(value)!r}, wanted {forms}")
    return rule


def read_measure(data: object) -> MeasureConf:
    """Read the `measure` group."""
    node = Node(data, "measure")
    conf = MeasureConf(
        protocol=node.choice("protocol", ("none", "quick", "standard", "long")),
        warmup_s=node.number("warmup_s", 0.5, low=0.0),
        steady_window_s=node.number("steady_window_s", None, low=0.01),
        steady_windows=node.whole("steady_windows", 3, low=2),
        steady_within=node.number("steady_within", 0.10, low=0.0, high=1.0),
        warmup_at_most_s=node.number("warmup_at_most_s", 60.0, low=0.0),
        n_blocks=node.whole("n_blocks", 3, low=2),
        trial_s=node.number("trial_s", 1.0, low=0.01),
        early_stop_width=node.number("early_stop_width", None, low=0.0, high=1.0),
        early_stop_min_blocks=node.whole("early_stop_min_blocks", 3, low=2),
        offline_batch_rows=node.whole("offline_batch_rows", 4096, low=1),
        crosscheck_share=node.number("crosscheck_share", 0.01, low=0.0, high=1.0),
    )
    node.done()
    return conf


def read_price(data: object, folders: Sequence[Path]) -> PriceConf | None:
    """Read the `price` group; the sheet is looked for in the working directory, then beside the conf options."""
    node = Node(data, "price")
    if node.raw("file", None) is None:
        return None
    conf = PriceConf(
        name=node.text("name"),
        file=_sheet(node.text("file"), folders),
        sku=node.text("sku"),
        region=node.text("region", None),
        pricing_category=node.choice("pricing_category", ("on_demand", "spot", "reserved", "owned"), None),
        as_of=node.text("as_of", None),
        tariff_per_kwh=node.number("tariff_per_kwh", 0.0, low=0.0),
        pue=node.number("pue", 1.0, low=1.0),
        fee_per_1k=node.number("fee_per_1k", 0.0, low=0.0),
        requests_per_day=node.number("requests_per_day", None, low=0.001),
        target_utilisation=node.number("target_utilisation", 0.6, low=0.01, high=1.0),
        stated_utilisation=node.number("stated_utilisation", None, low=0.0001, high=1.0),
        min_replicas=node.whole("min_replicas", 1, low=0),
    )
    node.done()
    return conf


def _sheet(name: str, folders: Sequence[Path]) -> str:
    for base in (Path(), *(folder / "price" for folder in folders)):
        if (base / name).is_file():
            return str(base / name)
    raise ConfigError(f"price.file: no price sheet '{name}' in the working directory or beside the price options; correct the path")
