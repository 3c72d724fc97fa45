"""Metrics over time: the reference and the windows side by side, and the retraining rules read over them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compare.over_time import over_time, retrain_reading
from harness.pipeline.stored_variant import StoredVariant
from harness.records.conf import SweepConf
from harness.records.over_time import PeriodValue, RetrainReading
from harness.runs.manifest import StoredReplay


def over_time_of(variants: Sequence[StoredVariant], conf: SweepConf, replay: StoredReplay) -> tuple[PeriodValue, ...]:
    """Return every metric of every variant over all rows, and each retraining rule's metric on its slice."""
    found: list[PeriodValue] = []
    clustered = conf.replay.cluster is not None
    slices = dict.fromkeys((rule.metric, rule.slice_by, rule.slice_value) for rule in conf.retrain if rule.slice_by != "all")
    for v in variants:
        for metric, values in zip(conf.metrics, v.values, strict=True):
            reference = None if v.reference is None else metric.compute(v.reference, conf.confidence, conf.seed)
            n_reference = 0 if v.reference is None else int(v.reference.n[0])
            found += over_time(v.label, values, v.tally.n, replay.grid, reference, n_reference, is_clustered=clustered)
            for name, by, value in slices:
                if name == metric.name:
                    found += over_time(v.label, values, v.tally.n, replay.grid, slice_by=by, slice_value=value, is_clustered=clustered)
    return tuple(found)


def retrain_of(variants: Sequence[StoredVariant], conf: SweepConf, replay: StoredReplay) -> tuple[RetrainReading, ...]:
    """Return what every retraining rule says of every variant."""
    return tuple(retrain_reading(v.label, rule, v.values, v.tally.n, replay.grid) for rule in conf.retrain for v in variants)
