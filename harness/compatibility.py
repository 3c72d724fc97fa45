"""Which parts of a configuration go together, and which mean nothing side by side."""

from __future__ import annotations

from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.conf import SweepConf
from harness.records.metric import PAIRED_METRIC_NAMES
from harness.records.needs import combined


def check_task(conf: SweepConf) -> None:
    """Refuse metrics and gain that mean nothing for the replay's labels, weights or clusters."""
    task, replay = conf.replay.task, conf.replay
    if not conf.metrics:
        raise ConfigError(f"metrics: none named; use metrics={task} or name some, as metrics=[auc,brier]")
    for metric in conf.metrics:
        if metric.task != task:
            raise ConfigError(f"metrics: '{metric.name}' is for task {metric.task}, and replay.task is {task}; use metrics={task}")
    for key, column in (("weight", replay.weight), ("cluster", replay.cluster)):
        refused = [metric.name for metric in conf.metrics if not metric.takes_weights] if column is not None else []
        if refused:
            known = "binary_weighted" if task == "binary" else task
            raise ConfigError(
                f"metrics: no {key}ed form of {one_of(refused)}, and replay.{key} is '{column}';"
                f" use metrics={known}, or leave replay.{key} null"
            )
    _check_gain(conf, task)
    names = [metric.name for metric in conf.metrics]
    for i, rule in enumerate(conf.retrain):
        if rule.metric not in names:
            raise ConfigError(
                f"retrain[{i}].metric: '{rule.metric}' is not among the metrics: {one_of(names, 30)}{did_you_mean(rule.metric, names)}"
            )
    _check_search(conf)
    _check_gates(conf, task)
    combined(metric.needs() for metric in conf.metrics)


def _check_gain(conf: SweepConf, task: str) -> None:
    gain, replay = conf.gain, conf.replay
    if gain is None:
        return
    name = type(gain).__name__
    if task not in gain.tasks:
        raise ConfigError(f"gain: '{name}' {gain.about} of task {one_of(gain.tasks)}, and replay.task is {task}; use gain=none")
    if (replay.weight or replay.cluster) and not gain.takes_weights:
        raise ConfigError(
            "gain: weighted or clustered rows have no gain in this version; use gain=none, or leave replay.weight and cluster null"
        )
    searched = [v.label for v in conf.variants if v.threshold.maximise]
    if searched and not gain.values_decisions:
        raise ConfigError(
            f"model.threshold: variant '{searched[0]}' maximises gain, and '{name}' gives no value to a single decision; give a number"
        )
    slice_by = (*(s.column for s in replay.slice_columns), *("*".join(columns) for columns in replay.crosses))
    gain.check({metric.name: metric.direction for metric in conf.metrics}, slice_by)


def _check_search(conf: SweepConf) -> None:
    search = conf.slice_search
    if search is not None and conf.replay.weight is not None:
        raise ConfigError(f"slice_search: its slices are not weighted, and replay.weight is '{conf.replay.weight}'; use slice_search=none")
    if search is not None and search.against == "champion" and conf.champion is None:
        raise ConfigError("slice_search.against: found champion, and there is none; name one with champion=NAME, or set against to null")
    if search is not None and search.against == "champion" and search.ranking == "sliceline":
        raise ConfigError(
            "slice_search.ranking: SliceLine's score divides by the mean loss, and that of a difference to the champion may be 0 or below;"
            " use ranking=lower_bound, or set against to null"
        )


def _check_gates(conf: SweepConf, task: str) -> None:
    has_bins = any(getattr(metric, "method", None) == "binned" for metric in conf.metrics)
    for gate in conf.gates:
        judged = getattr(gate, "metric", None)
        if judged is not None and judged not in PAIRED_METRIC_NAMES[task]:
            raise ConfigError(
                f"review: '{conf.review}' has a gate on '{judged}', and task {task} compares {one_of(PAIRED_METRIC_NAMES[task], 20)};"
                f" use review={'standard' if task == 'binary' else task}, or name one of them in a review of your own"
            )
        if judged == "auc" and has_bins:
            raise ConfigError(
                f"review: '{conf.review}' has a gate on 'auc', and AUC from bins has no paired difference; use metrics.auc.method=exact, or a"
                " review that judges another metric"
            )
