"""Builds the plug-ins that conf options name with `_target_`, and nothing but plug-ins."""

from __future__ import annotations

import importlib
from dataclasses import fields, is_dataclass
from typing import Any

from harness.errors import ConfigError, did_you_mean, one_of
from harness.node import Node

PLUGIN_BASES = {
    "metrics": "harness.metrics.metric.Metric",
    "gain": "harness.gain.rule.GainRule",
    "gates": "harness.gates.gate.Gate",
    "statistics": "harness.drift.statistic.DriftStatistic",
}


def build_gain(data: Any) -> Any:
    """Build the gain rule, or return None for `gain: none`."""
    if data is None or data == {"name": "none"}:
        return None
    return build(data, "gain", "gain")


def build_all(data: Any, kind: str) -> tuple[Any, ...]:
    """Build every plug-in of a mapping from names to their specifications."""
    return tuple(build(spec, kind, f"{kind}.{name}") for name, spec in Node(data or {}, kind).data.items())


def build(spec: Any, kind: str, where: str) -> Any:
    """Build the plug-in that `spec` names: a class defined under its group's room and derived from its base.

    Raises
    ------
    ConfigError
        When the target is not one of ours, or its fields are not what the class takes.
    """
    node = Node(spec, where)
    target = node.text("_target_")
    base = _resolve(PLUGIN_BASES[kind])
    room = PLUGIN_BASES[kind].rsplit(".", 2)[0]
    module, _, name = target.rpartition(".")
    found = _resolve(target) if module.startswith(f"{room}.") else None
    if not isinstance(found, type) or found.__module__ != module or not issubclass(found, base) or found is base:
        raise ConfigError(f"{where}._target_: '{target}' is not a {base.__name__} of {room}; name a class defined there")
    known = [f.name for f in fields(found)] if is_dataclass(found) else []
    given = {str(k): v for k, v in node.data.items() if k != "_target_"}
    for key in given:
        if key not in known:
            raise ConfigError(f"{where}.{key}: unknown key; {name} takes: {one_of(known) or 'nothing'}{did_you_mean(key, known)}")
    try:
        return found(**{k: _frozen(v) for k, v in given.items()})
    except (TypeError, ValueError) as trouble:
        raise ConfigError(f"{where}: {trouble}") from trouble


def _resolve(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
