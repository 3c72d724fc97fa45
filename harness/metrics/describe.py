"""Writes the table of metrics for the README of this folder, from the classes themselves.

`python -m harness.metrics.describe` writes the file.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

import harness.metrics
from harness.metrics.metric import Metric

_TASKS = ("binary", "multiclass", "regression")
README = Path(__file__).with_name("README.md")
HEAD = """# Metrics

Written by `python -m harness.metrics.describe` from the classes; do not edit it by hand.

A metric is one file here, one option in `conf/metrics/` and one test. It takes the tallies of all cells and gives value and
interval of all cells. Where it is not defined the value is NaN and the reason is told. `docs/estimands.md` says what each
estimates, `docs/decisions/002-intervals.md` why it has the interval it has.

| name | task | what it answers | unit | better | range | weights and clusters | interval | source |
|---|---|---|---|---|---|---|---|---|
"""


def metric_classes() -> list[type[Metric[Any]]]:
    """Return the metrics of this folder by name; this serves documentation and tests, the registry is the conf group."""
    modules = [importlib.import_module(f"harness.metrics.{m.name}") for m in pkgutil.iter_modules(harness.metrics.__path__)]
    found = {
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Metric) and not inspect.isabstract(thing)
    }
    return sorted(found, key=lambda metric: (_TASKS.index(metric.task), metric.name))


def describe() -> str:
    """Return the README: name, unit, direction, range, interval and source of every metric."""
    return HEAD + "".join(f"{_row(metric)}\n" for metric in metric_classes())


def _row(metric: type[Metric[Any]]) -> str:
    span = f"[{metric.lowest:g}, {metric.highest:g}]"
    direction = "neither" if metric.direction == "none" else metric.direction
    weighted = "yes" if metric.takes_weights else "refused"
    cells = (f"`{metric.name}`", metric.task, metric.title, metric.unit, direction, span, weighted, metric.interval, metric.source)
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    README.write_text(describe(), encoding="utf-8")
