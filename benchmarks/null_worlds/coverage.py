"""How often the intervals of a metric, or of a paired difference, hold the truth in one world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.null_worlds.world import Floats, Sample, World
from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.metrics.auc import Auc
from harness.metrics.binned_ece import BinnedEce
from harness.metrics.describe import metric_classes
from harness.metrics.metric import Metric
from harness.metrics.precision_at_top import PrecisionAtTop
from harness.metrics.top_k_accuracy import TopKAccuracy
from harness.pipeline.reduction import paired_of, tally_of
from harness.records.needs import Needs, combined

CONFIDENCE = 0.95
# Where the option's own parameters say nothing about data sets of 200 rows, or about three classes.
PARAMETERS: dict[type[Metric[Any]], dict[str, Any]] = {PrecisionAtTop: {"top_share": 0.05}, TopKAccuracy: {"k": 2}}
EVERYTHING = Needs(ranks=True, top_k=2)


@dataclass(frozen=True)
class Covered:
    """One cell of a table.

    Args:
        metric: name of its row.
        world: its world.
        n_sets: data sets simulated.
        n_interval: those that have an interval.
        n_too_high, n_too_low: intervals that lie wholly above the truth, and wholly below it.
        truth: what they should hold.
        n_tested, n_rejected: of differences that are 0 in truth, those with a p-value, and with one below 1 - `CONFIDENCE`.
        is_conditional: whether an interval is given only where the metric is far from its null value (ECE).
    """

    metric: str
    world: World
    n_sets: int
    n_interval: int
    n_too_high: int
    n_too_low: int
    truth: float
    n_tested: int = 0
    n_rejected: int = 0
    is_conditional: bool = False

    @property
    def coverage(self) -> float:
        """Share of the intervals that hold the truth; NaN where there is none."""
        return 1.0 - (self.n_too_high + self.n_too_low) / self.n_interval if self.n_interval else float("nan")


@cache
def metrics_of(task: str) -> tuple[tuple[str, Metric[Any]], ...]:
    """Return the metrics of a task by the name of their option, whichever there are now, and AUC in its binned form too."""
    found = [(kind.__module__.rpartition(".")[2], kind(**PARAMETERS.get(kind, {}))) for kind in metric_classes() if kind.task == task]
    return (*found, ("auc (binned)", Auc(method="binned"))) if task == "binary" else tuple(found)


def paired_name(task: str, metric: str) -> str:
    """Return the row's name of a paired difference: as the metric's option is called.

    >>> paired_name("multiclass", "accuracy"), paired_name("binary", "auc")
    ('multiclass_accuracy', 'auc')
    """
    return next((name for name, m in metrics_of(task) if metric in (name, m.name)), metric)


def covered(metric: str, world: World, low: Floats, high: Floats, truth: float, **more: Any) -> Covered:
    """Count the intervals float64 [n_sets] that hold the truth; NaN is no interval."""
    has = np.isfinite(low) & np.isfinite(high)
    return Covered(metric, world, len(low), int(has.sum()), int((low[has] > truth).sum()), int((high[has] < truth).sum()), truth, **more)


def world_coverage(world: World, n_sets: int) -> tuple[Covered, ...]:
    """Simulate a world and return the coverage of all metrics, or of all paired differences where it has two models."""
    sample = world.simulate(np.random.default_rng(world.seed), n_sets)
    return tuple(single_coverage(world, sample) if len(sample.scores) == 1 else paired_coverage(world, sample))


def single_coverage(world: World, sample: Sample) -> Iterator[Covered]:
    """Yield the coverage of every metric; the truth is that of all data sets together, slice 0."""
    rows = sample.rows
    metrics = [(name, m) for name, m in metrics_of(rows.task) if m.takes_weights or not rows.is_designed]
    tally = tally_of(sample.scores[0], rows, sample.thresholds[0], combined(m.needs() for _, m in metrics))
    for name, metric in metrics:
        values = metric.compute(tally, CONFIDENCE, world.seed)
        bounds = values.ci_low[1:], values.ci_high[1:]
        yield covered(name, world, *bounds, float(values.value[0]), is_conditional=isinstance(metric, BinnedEce))


def paired_coverage(world: World, sample: Sample) -> Iterator[Covered]:
    """Yield the coverage of every paired difference; the truth is 0 where the models are alike, else that of all data sets together."""
    paired = paired_of(sample.scores[0], sample.scores[1], sample.rows, sample.thresholds[0], sample.thresholds[1], EVERYTHING)
    for metric in PAIRED_METRICS[type(paired)]:
        found = paired_differences(paired, metric, "champion", "challenger", CONFIDENCE)
        p = found.p_value[1:]
        tests = (int(np.isfinite(p).sum()), int((p < 1.0 - CONFIDENCE).sum())) if world.models_alike else (0, 0)
        truth = 0.0 if world.models_alike else float(found.difference[0])
        yield covered(
            paired_name(sample.rows.task, metric), world, found.ci_low[1:], found.ci_high[1:], truth, n_tested=tests[0], n_rejected=tests[1]
        )
