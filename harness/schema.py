"""Reads the `model`, `measure` and `price` groups into their records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import ConfigError
from harness.node import Node, moment
from harness.records.conf import Deploy, MeasureConf, ModelInput, PriceConf, SearchConf, Threshold, VariantConf
from harness.records.over_time import RetrainRule

PRECISIONS = ("fp64", "fp32", "fp16", "int8")
TRANSFORMS = ("none", "sigmoid", "softmax")
DEVICES = ("cpu", "cuda")


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
        provider=node.choice("provider", ("cuda", "tensorrt"), None),
        cuda_graph=node.flag("cuda_graph", False),
        allow_cpu_nodes=node.flag("allow_cpu_nodes", False),
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
        turn_s=node.number("turn_s", None, low=0.01),
        early_stop_width=node.number("early_stop_width", None, low=0.0, high=1.0),
        early_stop_min_blocks=node.whole("early_stop_min_blocks", 3, low=2),
        offline_batch_rows=_sizes(node, "offline_batch_rows", (4096,)),
        crosscheck_share=node.number("crosscheck_share", 0.01, low=0.0, high=1.0),
        threads=_sizes(node, "threads", ()),
        arrivals=node.choice("arrivals", ("none", "poisson", "log"), "none"),
        rate_per_s=node.number("rate_per_s", None, low=1e-6),
        speed_up=node.number("speed_up", 1.0, low=1e-6),
        generator=node.choice("generator", ("harness", "loadgen"), "harness"),
        slo_ms=node.number("slo_ms", None, low=1e-6),
        estimated_tdp_w=node.number("estimated_tdp_w", None, low=1e-3),
    )
    node.done()
    return conf


def _sizes(node: Node, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """Read one whole number from 1 on, or a list of different ones."""
    value = node.raw(key, None)
    if value is None:
        return default
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    bad = [item for item in items if isinstance(item, bool) or not isinstance(item, int) or item < 1]
    if bad or not items or len(set(items)) != len(items):
        raise ConfigError(f"measure.{key}: found {value!r}, wanted a whole number from 1 on, or a list of different ones")
    return tuple(items)


_LOSSES = {
    "binary": ("log_loss", "squared_error", "zero_one"),
    "multiclass": ("log_loss", "zero_one"),
    "regression": ("squared_error", "absolute_error"),
}


def read_search(data: object, task: str) -> SearchConf | None:
    """Read the `slice_search` group; None for `none`."""
    node = Node(data, "slice_search")
    if node.data == {"name": "none"}:
        return None
    node.text("name")
    found = SearchConf(
        loss=node.choice("loss", _LOSSES[task], None),
        against=node.choice("against", ("champion",), None),
        ranking=node.choice("ranking", ("lower_bound", "sliceline"), "lower_bound"),
        n_carried=node.whole("n_carried", 10, low=1),
        min_n=node.whole("min_n", None, low=2),
        min_n_confirm=node.whole("min_n_confirm", 30, low=2),
        n_bins=node.whole("n_bins", 10, low=2),
        pairs=node.flag("pairs", True),
        alpha=node.number("alpha", 0.95, low=0.0, high=1.0),
    )
    node.done()
    return found


def read_retrain(items: Sequence[object]) -> tuple[RetrainRule, ...]:
    """Read the top-level list `retrain` of {metric, slice, below | above}."""
    found = []
    for i, item in enumerate(items):
        node = Node(item, f"retrain[{i}]")
        by, _, value = node.text("slice", "all").partition("=")
        rule = RetrainRule(node.text("metric"), by, value or "all", node.number("below", None), node.number("above", None))
        node.done()
        if (rule.below is None) == (rule.above is None):
            raise ConfigError(f"retrain[{i}]: wanted one limit, below or above; give exactly one of the two")
        if not math.isfinite(rule.limit):
            raise ConfigError(
                f"retrain[{i}]: found the limit {rule.limit}, wanted a number; give the value below or above which to train again"
            )
        if by == "all" and value not in ("", "all"):
            raise ConfigError(f"retrain[{i}].slice: found 'all={value}', and all rows together have no value; write all, or COLUMN=VALUE")
        if not value and by != "all":
            raise ConfigError(f"retrain[{i}].slice: found '{by}', wanted all or COLUMN=VALUE, as origin=EWR")
        found.append(rule)
    return tuple(found)


def read_price(data: object, folders: Sequence[Path]) -> PriceConf | None:
    """Read the `price` group; the sheet is looked for in the working directory, then beside the conf options."""
    node = Node(data, "price")
    if node.data == {"name": "none"}:
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
        currency=_currency(node.text("currency", None), "price.currency"),
        rates=_rates(node.raw("rates", None)),
        lifetime_hours=node.number("lifetime_hours", None, low=1.0),
        slo_ms=node.number("slo_ms", None, low=1e-6),
        batch_delay_ms=node.number("batch_delay_ms", 0.0, low=0.0, high=60_000.0),
        scale_up_delay_s=node.number("scale_up_delay_s", 0.0, low=0.0, high=86_400.0),
    )
    node.done()
    if conf.rates and conf.currency is None:
        raise ConfigError("price.rates: rates convert into price.currency, and that is null; name it, as price.currency=USD")
    return conf


def _rates(value: object) -> tuple[tuple[str, float], ...]:
    if value is None:
        return ()
    node = Node(value, "price.rates")
    found = tuple((str(_currency(code, "price.rates")), node.number(code, low=1e-9, high=1e9)) for code in node.data)
    node.done()
    return found


def _currency(code: str | None, where: str) -> str | None:
    if code is not None and (len(code) != 3 or not code.isalpha()):
        raise ConfigError(f"{where}: found '{code}', wanted a three-letter code such as USD")
    return None if code is None else code.upper()


def _sheet(name: str, folders: Sequence[Path]) -> str:
    for base in (Path(), *(folder / "price" for folder in folders)):
        if (base / name).is_file():
            return str(base / name)
    raise ConfigError(f"price.file: no price sheet '{name}' in the working directory or beside the price options; correct the path")
